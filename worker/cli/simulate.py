"""`fleet simulate`: how long a library would take on other machines, by what jobs took here."""

import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import inf
from pathlib import Path
from typing import Any

import click
import redis

from db import models
from db.errors import DatabaseError
from db.library.statistics import library_totals
from db.maintenance.fleet_history import newest
from db.models.base import Table
from db.sql.connection import open_database, sqlite_file
from db.sql.schema import check_schema
from worker import dispatch
from worker.cli import arguments
from worker.cli.output import print_json, print_line, print_table, say
from worker.errors import BadInputError, WorkerError
from worker.phrases import counted, time_span
from worker.process.job_counts import job_counts
from worker.topology import Topology, load
from worker.topology.simulation import (
    JobTimes,
    Plan,
    QueueResult,
    Result,
    Times,
    simulate,
)

_ENOUGH = 500
"""Tracks: the jobs of a smaller library say little of a large one."""
_WEB = ("covers.fetch_", "worker_deferred_enrichment.")
"""How the jobs begin that wait for servers on the web; the others work, or wait for a core."""
_FLEET = ("redis", "supervisord", "recovery", "scheduler", "web", "watch")
_UNITS = {"k": 1_000, "M": 1_000_000}
_BAR = 28


class _Tracks(click.ParamType[int]):
    """A number of tracks, such as 20000, 20k or 10M."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The number. Raises click.BadParameter."""
        text = str(value)
        try:
            tracks = round(float(text.rstrip("kM")) * _UNITS.get(text[-1:], 1))
        except (ValueError, OverflowError):
            tracks = 0
        if not 0 < tracks <= 1_000_000_000:
            self.fail(f"{text!r} is no number of tracks, such as 20000, 20k or 10M", param, ctx)
        return tracks


@click.command(
    "simulate",
    epilog="""\b
Examples:
  fleet simulate --tracks 100k
  fleet simulate queues.large.toml --tracks 10M --hosts 4 --cores 16
  fleet simulate --tracks 1M --processes analysis=4 --plot million.svg
  fleet simulate --save-times here.json
  fleet simulate --times here.json --without audio_analysis
""",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--tracks", type=_Tracks(), default="100k", show_default=True)
@click.option("--hosts", type=click.IntRange(1, 200), help="Default: those of FILE.")
@click.option("--cores", type=click.IntRange(1, 512), default=2, show_default=True)
@click.option("--processes", multiple=True, metavar="PROGRAM=N", help="On each host.")
@click.option("--without", multiple=True, metavar="QUEUE", shell_complete=arguments.queues)
@click.option(
    "--times",
    default="fleet",
    metavar="fleet|reference|FILE",
    help="Whose jobs: of this fleet, of the project's machine, or of a file.",
)
@click.option("--save-times", type=click.Path(path_type=Path), help="Write them, and end.")
@click.option("--best/--no-best", default=True, help="Look for a better split of processes.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it, as SVG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def simulate_command(  # noqa: PLR0913, PLR0917  # click calls it, with its options by name
    file: Path | None,
    tracks: int,
    hosts: int | None,
    cores: int,
    processes: Sequence[str],
    without: Sequence[str],
    times: str,
    save_times: Path | None,
    best: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Say how long a library would take with the queues and programs of FILE, by stage.

    FILE is a queues.toml, by default the fleet's own; each host runs the programs that it gives it,
    or with --hosts all of them. How long jobs take is what they took in this fleet, which should
    have taken in five hundred tracks or more like those of the library in mind; before that, and
    with `--times reference`, what they took on the machine of the benchmarks. Left out are slow
    disks and networks, the single writer of SQLite, and jobs by schedule.
    """
    topology = load(file)
    known = _times(times)
    if save_times:
        save_times.write_text(_to_json(known), encoding="utf-8")
        return
    chosen = _processes(topology, processes)
    if unknown := set(without) - set(topology.queues):
        raise BadInputError(f"there is no queue {min(unknown)!r} in {topology.path}")
    plan = Plan(tracks, hosts, cores, chosen, frozenset(without))
    result = simulate(topology, known, plan)
    better = best_split(topology, known, plan) if best else None
    if plot:
        plot.write_text(_svg(result), encoding="utf-8")
    if as_json:
        print_json({"result": _as_json(result), "best": better and _as_json(better)})
    else:
        _print(result, better)


def _processes(topology: Topology, texts: Sequence[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in topology.programs or not number.isdecimal() or int(number) > 1_000:
            raise BadInputError(
                f"--processes {text!r} is not PROGRAM=N, with a program of {topology.path} "
                f"({', '.join(topology.programs)}) and how many processes it has on each host"
            )
        found[name] = int(number)
    return found


# The times of jobs


def _times(which: str) -> Times:
    if which == "reference":
        return reference()
    if which != "fleet":
        return _read(Path(which))
    try:
        return _measured()
    except (WorkerError, DatabaseError, redis.RedisError) as error:
        reason = str(error).splitlines()[0]
    say(f"This fleet has no times of its own yet ({reason}): those of the benchmarks are used.")
    return reference()


def reference() -> Times:
    """What jobs took on the machine of the benchmarks."""
    return _read(Path(__file__).with_name("reference_times.json"))


def _measured() -> Times:
    """What the jobs of this fleet took. Raises BadInputError when they were too few."""
    open_database()
    check_schema()
    tracks = library_totals().tracks
    if tracks < _ENOUGH:
        raise BadInputError(f"it has {counted(tracks, 'track')}, and {_ENOUGH} are needed")
    jobs = {}
    for name, count in job_counts(dispatch.connection()).items():
        if runs := count.done + count.failed:
            wait = count.seconds - count.cpu if name.startswith(_WEB) else 0.0
            jobs[name] = JobTimes(runs, count.cpu / runs, max(0.0, wait) / runs)
    return Times(
        tracks=tracks,
        jobs=jobs,
        memory=_memory() or reference().memory,
        rows=sum(each.select().count() for each in Table.__subclasses__()) / tracks,
        database=_database_bytes() / tracks,
        images=sum(row.bytes for row in models.Image.select(models.Image.bytes)) / tracks,
        record=reference().record,
    )


def _memory() -> dict[str, int]:
    """Bytes of a process of each program, and of all that every fleet has, by the last sample."""
    sample = newest()
    found = dict(sample.memory) if sample else {}
    programs = dispatch.topology().programs
    fleet = sum(found.get(name, 0) for name in _FLEET)
    each = {
        name: found[name] // max(1, program.processes)
        for name, program in programs.items()
        if name in found
    }
    return {"fleet": fleet, **each} if fleet and each else {}


def _database_bytes() -> int:
    if file := sqlite_file():
        return file.stat().st_size
    rows = models.database.execute_sql("SELECT pg_databaseshown_size(current_database())")
    return int(rows.fetchone()[0])


def _to_json(times: Times) -> str:
    jobs = {name: each._asdict() for name, each in times.jobs.items()}
    return json.dumps({**vars(times), "jobs": jobs, "memory": dict(times.memory)}, indent=1) + "\n"


def _read(file: Path) -> Times:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        jobs = {name: JobTimes(**each) for name, each in found["jobs"].items()}
        times = Times(**{**found, "jobs": jobs})
        numbers = [*(n for each in jobs.values() for n in each), *times.memory.values()]
        numbers += [times.tracks, times.rows, times.database, times.images, times.record]
        if times.tracks < 1 or not all(0 <= number < inf for number in numbers):
            raise ValueError("a number is negative, or there is no track")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInputError(
            f"{file} holds no times of jobs ({error}) — write such a file with "
            "`fleet simulate --save-times FILE`"
        ) from error
    return times


# What is shown


def _print(result: Result, better: Result | None) -> None:
    plan = result.plan
    where = f"{counted(result.hosts, 'host')} of {counted(plan.cores, 'core')}"
    print_line(f"{plan.tracks:,} tracks on {where}: {time_span(result.seconds)}")
    rows = [["queue", "jobs", "CPU", "begins", "ends", "waits", "most waiting", "when"]]
    rows += [_row(each, result.seconds) for each in result.queues]
    print_table(rows)
    slowest = result.slowest
    print_line(
        f"Jobs wait longest in {slowest.queue}, {time_span(slowest.waited)} in the mean. "
        f"The cores are busy {result.busy:.0%} of the time."
    )
    memory, redis_, database, images = map(
        shown_size, (result.memory, result.redis, result.database, result.images)
    )
    print_line(
        f"Memory {memory}, jobs in Redis {redis_} at most; {result.rows:,} rows in {database}, "
        f"pictures {images}."
    )
    if better is None:
        return
    split = ", ".join(f"{name} {number}" for name, number in better.plan.processes.items())
    saved = result.seconds - better.seconds
    if saved < 0.01 * result.seconds:
        print_line("No other split of processes was found that is quicker.")
    else:
        print_line(f"Quicker: {time_span(better.seconds)}, with on each host {split}.")


def best_split(topology: Topology, times: Times, plan: Plan) -> Result:
    """The same with the numbers of processes that make it shortest.

    From one process a program on, that whose jobs wait longest gets another while that saves 1 %.
    """
    processes = dict.fromkeys(topology.programs, 1)
    best = simulate(topology, times, replace(plan, processes=processes))
    tried: set[str] = set()
    while len(tried) < len(processes) and sum(processes.values()) < 4 * plan.cores + len(processes):
        waited = {each.queue: each.waited * each.jobs for each in best.queues}
        of = {
            name: sum(waited.get(queue, 0.0) for queue in program.queues)
            for name, program in topology.programs.items()
            if name not in tried
        }
        name = max(of, key=lambda each: of[each])
        more = {**processes, name: processes[name] + 1}
        found = simulate(topology, times, replace(plan, processes=more))
        if found.seconds < 0.99 * best.seconds:
            best, processes, tried = found, more, set()
        else:
            tried.add(name)
    return best


def _row(each: QueueResult, seconds: float) -> list[str]:
    first = round(_BAR * each.begun / (seconds or 1))
    length = max(1, round(_BAR * each.ended / (seconds or 1)) - first)
    return [
        each.queue,
        f"{each.jobs:,}",
        time_span(each.cpu),
        time_span(each.begun),
        time_span(each.ended),
        time_span(each.waited),
        f"{each.backlog:,}",
        " " * min(first, _BAR - 1) + "█" * length,
    ]


def shown_size(number: float) -> str:
    """Bytes in words, such as "24 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def _as_json(result: Result) -> dict[str, object]:
    plan = {**vars(result.plan), "without": sorted(result.plan.without)}
    queues = [each._asdict() for each in result.queues]
    return {**vars(result), "plan": plan, "queues": queues, "slowest": result.slowest.queue}


def _svg(result: Result) -> str:
    """A bar for each queue, from its first job to its last."""
    width, left, row = 860, 200, 26
    scale = (width - left - 120) / (result.seconds or 1)
    title = f"{result.plan.tracks:,} tracks: {time_span(result.seconds)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
        f'{row * (len(result.queues) + 2)}" font-family="sans-serif" font-size="14" role="img" '
        f'aria-label="{escape(title)}" fill="#26323d">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="12" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    for number, each in enumerate(result.queues, 1):
        y, x = row * number + 8, left + each.begun * scale
        long = max(1.0, (each.ended - each.begun) * scale)
        lines += [
            f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(each.queue)}</text>',
            f'<rect x="{x:.1f}" y="{y}" width="{long:.1f}" height="18" fill="#2f6fb0"/>',
            f'<text x="{x + long + 6:.1f}" y="{y + 14}">{escape(time_span(each.ended))}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
