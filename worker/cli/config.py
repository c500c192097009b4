"""`fleet config`: the topology checked, rendered and shown."""

import os
import subprocess
import sys
from difflib import unified_diff
from functools import partial
from pathlib import Path

import click

from db import settings
from worker.cli.output import edit_until, print_json, print_line, print_table, say
from worker.errors import BadInputError, ExitCode
from worker.supervisor import conf_file, fleet_environment
from worker.supervisor.conf_file import beside, render
from worker.supervisor.instance import committed
from worker.topology import Program, Start, Topology, load
from worker.topology.queues_toml import own_queues_file, queues_file
from worker.topology.tables import shown_duration

TARGETS = ("supervisord", "compose", "systemd", "kubernetes")
"""Whose files `fleet config render` makes."""


@click.group()
def config() -> None:
    """Check, render and show the topology in queues.toml."""


@config.command(
    epilog="""\b
Examples:
  fleet config check
  fleet config check /etc/musicfleet/queues.toml
  FLEET_QUEUES=small fleet config check
""",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def check(context: click.Context, file: Path | None) -> None:
    """Check queues.toml or a profile, and that the supervisord.conf of it says the same.

    Every fault is listed, with its table and key and the remedy.
    """
    topology = load(file)
    print_line(
        f"{topology.path}: no fault (queues {len(topology.queues)}, jobs {len(topology.routes)}, "
        f"programs {len(topology.programs)}, schedules {len(topology.schedules)})"
    )
    conf = beside(topology.path)
    if conf == conf_file.path() or not conf.exists():  # the fleet's own is of another instance
        return
    if settings.read_text(conf) != render(topology, committed(topology)):
        say(f"fleet: {conf} differs — run `fleet config write`")
        context.exit(ExitCode.DRIFT)


@config.command(
    epilog="""\b
Examples:
  fleet config write
  fleet config write --check   in CI: fails when the committed file differs
""",
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; show what would change.")
@click.pass_context
def write(context: click.Context, only_check: bool) -> None:
    """Render supervisord.conf beside queues.toml, or supervisord.small.conf beside a profile.

    The files of other supervisors too, where they are in the folder `deploy` beside it.
    """
    topology = load()
    conf = beside(topology.path)
    if conf == conf_file.path():
        raise BadInputError(f"{conf} is the fleet's own — `fleet reload` writes it")
    text = render(topology, committed(topology))
    present = settings.read_text(conf) if conf.exists() else ""
    if not only_check:
        conf.write_text(text, encoding="utf-8")
        say(f"{conf} {'was already so' if present == text else 'written'}")
    elif present != text:
        lines = present.splitlines(), text.splitlines()
        for line in unified_diff(*lines, str(conf), "rendered from queues.toml", lineterm=""):
            print_line(line)
        say(f"fleet: {conf} differs — run `fleet config write`")
    others = _write_others(topology.path, only_check=only_check)
    context.exit(ExitCode.DRIFT if only_check and present != text else others)


def _write_others(queues: Path, *, only_check: bool) -> int:
    """Render or check what is committed for other supervisors; the exit code of that."""
    if not queues.with_name(queues.stem.replace("queues", "deploy", 1)).is_dir():
        return ExitCode.OK
    check = ["--check"] if only_check else []
    return _deploy("write", *check)


@config.command(
    "render",
    epilog="""\b
Examples:
  fleet config render --target compose
  fleet config render --target systemd --into /tmp/units
  fleet config render --target kubernetes --host studio
""",
)
@click.option("--target", required=True, type=click.Choice(TARGETS), help="Whose files.")
@click.option("--host", default="", metavar="NAME", help="Only what this host of queues.toml runs.")
@click.option("--into", default="", metavar="FOLDER", help="Write the files below this folder.")
@click.pass_context
def render_target(context: click.Context, target: str, host: str, into: str) -> None:
    """Print the files with which another supervisor runs the fleet, or write them.

    supervisord, which `fleet up` starts, Docker Compose, systemd and Kubernetes: each has the same
    programs with the same queues. Those of queues.toml are committed in the folder `deploy`, and
    `fleet config write` renders them again.
    """
    options = [*(["--host", host] if host else []), *(["--into", into] if into else [])]
    context.exit(_deploy("render", "--target", target, *options))


def _deploy(*arguments: str) -> int:
    """Run the program that knows other supervisors, which no module of `fleet` imports."""
    command = [sys.executable, "-m", "deploy", *arguments]
    sys.stdout.flush()
    return subprocess.run(command, env=fleet_environment.own(), check=False).returncode


@click.group()
def service() -> None:
    """Have systemd start the fleet at boot, on this machine, and keep it after a logout."""


_of_system = click.option(
    "--system", "is_system", is_flag=True, help="A unit of the system, not of the user; for root."
)


@service.command(
    epilog="""\b
Examples:
  fleet service install
  sudo fleet service install --system --as music
""",
)
@_of_system
@click.option("--as", "user", default="", metavar="USER", help="With --system: who runs the fleet.")
@click.pass_context
def install(context: click.Context, is_system: bool, user: str) -> None:
    """Install the unit and start the fleet by it, now and at each boot.

    A second time it changes nothing that is so already. The unit has the settings of the
    environment in it; a secret has to stand in settings.toml. With --system the data folder is
    /var/lib/musicfleet, unless FLEET_DATA_DIR names another.
    """
    context.exit(
        _deploy("service", "install", *_scope(is_system), *(["--as", user] if user else []))
    )


@service.command(
    epilog="""\b
Examples:
  fleet service uninstall
""",
)
@_of_system
@click.pass_context
def uninstall(context: click.Context, is_system: bool) -> None:
    """Stop the fleet, and have systemd start it no more. The library stays."""
    context.exit(_deploy("service", "uninstall", *_scope(is_system)))


@service.command(
    epilog="""\b
Examples:
  fleet service status
  fleet service status --json
""",
)
@_of_system
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def status(context: click.Context, is_system: bool, as_json: bool) -> None:
    """Show whether the unit is installed, starts at boot, and runs the fleet."""
    context.exit(_deploy("service", "status", *_scope(is_system), *(["--json"] if as_json else [])))


def _scope(is_system: bool) -> list[str]:
    return ["--system"] if is_system else []


@config.command(
    epilog="""\b
Examples:
  fleet config edit
  EDITOR=nano fleet config edit
""",
)
def edit() -> None:
    """Edit a queues.toml of your own in your editor ($EDITOR).

    It begins as the one that holds and lies in the data folder, where every command finds it unless
    FLEET_QUEUES names another. What has a fault is not taken over. `fleet reload` applies it.
    """
    own = own_queues_file()
    if chosen := os.environ.get("FLEET_QUEUES"):
        raise BadInputError(
            f"FLEET_QUEUES is {chosen}, so {queues_file()} holds — edit that, or leave it unset"
        )
    settings.prepare_data_dir()
    if edit_until(settings.read_text(queues_file()), partial(_take, own)):
        say(f"{own} written; `fleet reload` applies it to a running fleet.")
    else:
        say("Nothing was changed.")


def _take(own: Path, text: str) -> None:
    """Have the own queues.toml be this text. Raises TopologyError, which has every fault."""
    new = own.with_name("queues.new.toml")
    try:
        new.write_text(text, encoding="utf-8")
        load(new)
        new.replace(own)
    finally:
        new.unlink(missing_ok=True)


@config.command(
    epilog="""\b
Examples:
  fleet config show
  fleet config show --json | jq .routes
  fleet config show --markdown
""",
)
@click.option("--json", "form", flag_value="json", help="For machines.")
@click.option("--markdown", "form", flag_value="markdown", help="The queues as a Markdown table.")
def show(form: str | None) -> None:
    """Show the queues, their jobs and programs, and the schedules."""
    topology = load()
    match form:
        case "json":
            print_json(as_json(topology), indent=2)
        case "markdown":
            for line in as_markdown(topology).splitlines():
                print_line(line)
        case _:
            _print(topology)


def as_json(topology: Topology) -> dict[str, object]:
    """The topology for machines; times are seconds, memory is bytes."""
    return {
        "path": str(topology.path),
        "queues": {
            name: {
                "use": queue.use,
                "jobs": topology.jobs_of(name),
                "programs": [program.name for program in topology.consumers(name)],
                "timeout": queue.timeout,
                "retries": queue.retries,
                "keep": queue.keep,
                "wait_limit": queue.wait_limit,
                "backoff": queue.backoff,
            }
            for name, queue in topology.queues.items()
        },
        "programs": {
            name: {
                "queues": program.queues,
                "processes": program.processes,
                "least": program.least,
                "most": program.most,
                "stop": program.stop,
                "start": Start.ON_DEMAND if program.is_on_demand else Start.ALWAYS,
                "idle": program.idle,
                "standing": program.standing if program.is_on_demand else program.processes,
                "execution": program.execution,
                "memory": program.memory,
                "nice": program.nice,
            }
            for name, program in topology.programs.items()
        },
        "schedules": {
            name: {"job": each.job, "cron": each.cron, "arguments": dict(each.arguments)}
            for name, each in topology.schedules.items()
        },
        "routes": dict(topology.routes),
    }


def as_markdown(topology: Topology) -> str:
    """The queue table of the documentation."""
    rows = [["queue", "use", "jobs", "program"], ["---"] * 4]
    for name, queue in topology.queues.items():
        jobs = ", ".join(f"`{job}`" for job in topology.jobs_of(name))
        rows.append([f"`{name}`", queue.use, jobs, _programs(topology, name)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _print(topology: Topology) -> None:
    queues = [["queue", "use", "jobs", "programs", "timeout", "retries"]]
    for name, queue in topology.queues.items():
        jobs = " ".join(topology.jobs_of(name))
        programs = _programs(topology, name)
        queues.append(
            [name, queue.use, jobs, programs, shown_duration(queue.timeout), str(queue.retries)]
        )
    schedules = [["schedule", "job", "cron"]]
    schedules += [[each.name, each.job, each.cron] for each in topology.schedules.values()]
    print_table(queues)
    print_line()
    print_table(schedules)


def _programs(topology: Topology, queue: str) -> str:
    def described(program: Program) -> str:
        number = f" x{program.processes}" if program.processes > 1 else ""
        more = [program.shown_start] if program.is_on_demand else []
        more += [f"nice {program.nice}"] if program.nice else []
        return f"{program.name}{number}" + (f" ({', '.join(more)})" if more else "")

    return ", ".join(described(program) for program in topology.consumers(queue))
