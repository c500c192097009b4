"""Render those parts of the documentation that follow from the code.

    python docs/render.py            write them
    python docs/render.py --check    only name the files that differ; ends with 1 when one does

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`, once a file, in any of `FILES`. The part
`jobs` comes from queues.toml, the ledger's needs, the docstrings of the jobs and docs/jobs.toml.
Parts whose names begin with `bench` come from bench/results, and so do the plots in docs/images.
"""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import click

sys.path.append(str(Path(__file__).parents[1]))  # for `bench`, which is not installed

from bench.__main__ import BENCHES
from bench.record import plot, results
from bench.record.results import Cell, Result
from db.ledger import NEEDS
from db.settings.declarations import SETTINGS
from web.api.description import OPERATIONS
from worker.cli.config import as_markdown
from worker.cli.fleet import COMMANDS
from worker.cli.simulate import reference, shown_size
from worker.errors import ExitCode
from worker.phrases import time_span
from worker.topology import Queue, Topology, load
from worker.topology.simulation import Plan, simulate
from worker.topology.tables import shown_duration

ROOT = Path(__file__).parents[1]
FILES = (
    "docs/tour.md",
    "docs/settings.md",
    "docs/jobs.md",
    "docs/operating.md",
    "docs/api.md",
    "docs/developing.md",
    "docs/benchmarks.md",
    "docs/scaling.md",
)
IMAGES = "docs/images/bench-"
"""How the path of each plot begins."""


def queues() -> str:
    """The queues of this repository's queues.toml."""
    return as_markdown(_topology())


def schedules() -> str:
    """The schedules of this repository's queues.toml."""
    rows = (
        (f"`{each.name}`", f"`{each.job}`", f"`{each.cron}`", _call(each.arguments))
        for each in _topology().schedules.values()
    )
    return _table(("schedule", "job", "cron, in local time", "arguments"), rows)


def settings() -> str:
    """Every FLEET_* setting."""
    rows = ((f"`{each.name}`", each.default, each.help) for each in SETTINGS)
    return _table(("variable", "when it is unset", "what it is"), rows)


def exit_codes() -> str:
    """How `fleet` ends."""
    return _table(("code", "meaning"), ((f"`{code:d}`", code.meaning) for code in ExitCode))


def commands() -> str:
    """Every command of `fleet`, with the line of its help."""
    rows = ((f"`fleet {name}`", row.help) for name, row in COMMANDS.items())
    return _table(("command", "what it does"), rows)


def operations() -> str:
    """Every operation of the API, by its path."""
    for name in ("fleet", "library", "similarity"):
        import_module(f"web.api.{name}")
    rows = (
        (f"`{each.method} /api{each.path}`", (each.call.__doc__ or "").partition("\n")[0])
        for each in sorted(OPERATIONS, key=lambda each: (each.path, each.method))
    )
    return _table(("operation", "what it answers or does"), rows)


def jobs() -> str:
    """Every job below its queue: what it does, what enqueues it, what it leaves, where it shows."""
    topology, written = _topology(), written_jobs()
    parts = []
    for name, queue in topology.queues.items():
        programs = ", ".join(
            f"`{each.name}`{f' ({each.shown_start})' if each.is_on_demand else ''}"
            for each in topology.consumers(name)
        )
        parts.append(f"## `{name}`\n\n{queue.use}.\n\nProgram {programs}; {_limits(queue)}.")
        parts.extend(_job(topology, job, written[job]) for job in topology.jobs_of(name))
    return "\n\n".join(parts)


def by_hand() -> str:
    """The jobs that only a person enqueues: the first line of their docstring, and who does."""
    topology, written = _topology(), written_jobs()
    rows = (
        (f"`{job}`", _docstring(job).partition("\n")[0], written[job]["person"])
        for job in topology.routes
        if "person" in written[job]
    )
    return _table(("job", "what it does", "for somebody"), rows)


def packages() -> str:
    """The packages and their folders, each with the first paragraph of its docstring."""
    rows = []
    for package in ("db", "jobs", "worker", "web", "watch", "demo", "bench"):
        folder = ROOT / package
        for file in [folder / "__init__.py", *sorted(folder.glob("*/__init__.py"))]:
            text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            first = " ".join(text.split("\n\n")[0].split())
            rows.append((f"`{file.parent.relative_to(ROOT)}/`", first))
    return _table(("folder", "what it holds"), rows)


def scaling() -> str:
    """What `fleet simulate` says of large libraries, by the jobs of the benchmarks."""
    heading = (
        "tracks",
        "hosts x cores",
        "time",
        "without analysis",
        "most jobs waiting",
        "memory",
        "jobs in Redis",
        "rows",
        "database",
        "pictures",
    )
    return _table(heading, (_simulated(*each) for each in _LARGE))


_LARGE = ((10_000, 1, 4), (1_000_000, 1, 4), (10_000_000, 4, 16), (100_000_000, 16, 64))
"""Tracks, hosts, and cores of each."""


def _simulated(tracks: int, hosts: int, cores: int) -> tuple[str, ...]:
    topology, times = _topology(), reference()
    plan = Plan(tracks, hosts, cores, {"analysis": cores, "metadata": max(2, cores // 4)})
    all_of_it = simulate(topology, times, plan)
    scan = simulate(topology, times, replace(plan, without=_AFTER_THE_SCAN))
    most = max(all_of_it.queues, key=lambda each: each.backlog)
    return (
        f"{tracks:,}",
        f"{hosts} x {cores}",
        time_span(all_of_it.seconds),
        time_span(scan.seconds),
        f"{most.backlog:,} in `{most.queue}`",
        *(shown_size(each) for each in (all_of_it.memory, all_of_it.redis)),
        f"{all_of_it.rows:,}",
        *(shown_size(each) for each in (all_of_it.database, all_of_it.images)),
    )


_AFTER_THE_SCAN = ("audio_analysis", "deferred_vectors", "gmm")


def benches() -> str:
    """What `python -m bench` lists."""
    rows = ((f"`python -m bench {name}`", bench.what) for name, bench in BENCHES.items())
    return _table(("command", "what it measures"), rows)


def measured() -> dict[str, Result]:
    """Every result that is kept, by the name of its file."""
    return {file.stem: results.read(file) for file in sorted(results.FOLDER.glob("*.json"))}


def figures(result: Result) -> str:
    """A result: what was measured, where and when, the table, and a plot of one of its columns."""
    table, on = result.table, result.machine
    where = f"{on.processor}, {on.cores} cores, {on.memory:g} GiB, {on.system}, Python {on.python}"
    versions = "; ".join(f"{name} {version}" for name, version in result.versions.items())
    busy = f", **at a load of {result.load:g} a core**" if result.is_busy else ""
    plotted = f"{IMAGES.removeprefix('docs/')}{result.bench}.svg"
    rows = [[_cell(each) for each in row] for row in table.rows]
    return "\n\n".join(
        (
            f"{result.what}: `{result.command}`.",
            f"{where}; {result.date}{busy}. {versions}.",
            _table(("", *table.columns), rows),
            f"![{result.what}: {table.plotted}]({plotted})",
        )
    )


PARTS: dict[str, Callable[[], str]] = {
    "benches": benches,
    "queues": queues,
    "schedules": schedules,
    "settings": settings,
    "exit codes": exit_codes,
    "commands": commands,
    "operations": operations,
    "by hand": by_hand,
    "scaling": scaling,
    "jobs": jobs,
    "packages": packages,
}


def written_jobs() -> dict[str, dict[str, str]]:
    """What docs/jobs.toml says of each job."""
    return tomllib.loads((ROOT / "docs/jobs.toml").read_text(encoding="utf-8"))


def rendered(text: str) -> str:
    """The text with every part of `PARTS`, and every result, that it has a place for."""
    found = {f"bench {name}": partial(figures, result) for name, result in measured().items()}
    for name in re.findall(r"<!-- (bench [\w-]+) -->", text):
        found.setdefault(name, partial(_not_measured, name))
    for name, part in (PARTS | found).items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            text = f"{before}{begin}\n\n{part()}\n\n{end}{after}"
    return text


def files() -> Iterator[tuple[str, str]]:
    """Each file that is rendered, or has rendered parts, and what it should hold."""
    for name in FILES:
        yield name, rendered((ROOT / name).read_text(encoding="utf-8"))
    for name, result in measured().items():
        yield f"{IMAGES}{name}.svg", plot.bars(result.what, result.table)


def main(arguments: Sequence[str]) -> int:
    """Write or check, and return the exit code."""
    differing = 0
    for name, new in files():
        file = ROOT / name
        text = file.read_text(encoding="utf-8") if file.exists() else None
        if text == new:
            continue
        differing += 1
        if "--check" in arguments:
            click.echo(f"{name} is not as it would be rendered — run `make docs`")
        else:
            file.write_text(new, encoding="utf-8")
            click.echo(f"{name} written")
    return 1 if differing and "--check" in arguments else 0


def _not_measured(name: str) -> str:
    return f"Not measured yet: `python -m {name.partition('-')[0]}`."


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,g}"


def _topology() -> Topology:
    return load(ROOT / "queues.toml")


def _limits(queue: Queue) -> str:
    limits = [f"timeout {shown_duration(queue.timeout)}", f"retries {queue.retries}"]
    if queue.backoff:
        limits.append(
            f"the first after {shown_duration(queue.backoff)}, then twice as long each time"
        )
    return ", ".join(limits)


def _job(topology: Topology, job: str, written: dict[str, str]) -> str:
    lines = [
        f"### `{job}`",
        "",
        _docstring(job),
        "",
        f"- **Enqueued by** {'; '.join(sources(topology, job, written))}.",
        f"- **Leaves** {written['leaves']}.",
        f"- **Seen in** {written['seen']}.",
    ]
    return "\n".join(lines)


def sources(topology: Topology, job: str, written: dict[str, str]) -> Iterator[str]:
    """What enqueues a job: another job or a command, a person, needs of the ledger, schedules."""
    if "from" in written:
        yield written["from"]
    if "person" in written:
        yield f"nothing but a person, {written['person']}: `fleet enqueue {job}`"
    needs = [need for need in NEEDS if need.job == job]
    if needs:
        kinds = " and ".join(sorted({f"`{need.kind}`" for need in needs}))
        owners = ", ".join(sorted(f"{need.entity_type}s" for need in needs))
        poll = "`maintenance.reconcile` for open needs" if needs[0].reconciled else "open needs"
        yield f"{poll} of the kind {kinds} of {owners}"
    for each in topology.schedules.values():
        if each.job == job:
            yield f"the schedule `{each.name}` (`{each.cron}`)"


def _docstring(job: str) -> str:
    """The docstring of a job as Markdown, without what it raises."""
    module, _, function = job.rpartition(".")
    text = inspect.getdoc(getattr(import_module(f"jobs.{module}"), function)) or ""
    paragraphs = (" ".join(each.split()) for each in text.split("\n\n"))
    kept = (re.split(r"(?:^|\s)Raises ", each)[0] for each in paragraphs)
    return "\n\n".join(filter(None, kept))


def _call(arguments: Mapping[str, object]) -> str:
    return "".join(f"`{name}={value}`" for name, value in arguments.items())


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
