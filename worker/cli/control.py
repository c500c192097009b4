"""`fleet up`, `fleet down` and `fleet logs`."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from db import settings
from worker.cli.output import print_line, say
from worker.errors import BadInputError, ExitCode
from worker.phrases import did_you_mean
from worker.supervisor import conf_file, control, fleet_environment, web_address
from worker.supervisor.logs import Follower, last_lines, log_file
from worker.supervisor.rpc import is_up, supervisord
from worker.topology import load


@click.command(
    epilog="""\b
Examples:
  fleet up
  fleet up --foreground        in a container, or under another supervisor
  FLEET_DATA_DIR=/srv/music fleet up
""",
)
@click.option(
    "--foreground", is_flag=True, help="Run supervisord in the foreground; for containers."
)
def up(foreground: bool) -> None:
    """Start the fleet.

    Checks queues.toml, migrates the database, starts supervisord with all programs, and waits until
    Redis answers and every worker is registered. When the fleet is up already, this starts only
    those of its processes that are down; after an upgrade, or when the database was replaced, it
    stops all, migrates the database and starts them again. `fleet reload` applies an edited
    queues.toml or settings.toml.

    The fleet keeps the environment that it is started in, and every command goes by it while the
    fleet runs. A variable of the environment wins over settings.toml.
    """
    if foreground:
        control.run_in_foreground(say)
    for line in fleet_environment.differences():
        say(line)
    started = control.start(say)
    say(f"The fleet is {'up' if started else 'already up'}: {_programs()}. `fleet down` stops it.")
    page = web_address.running()
    if page is not None:
        say(f"Web UI: {page.url}" if page.url else f"Its page waits: {page.fault}")
        if page.url and not web_address.password():
            say(web_address.OPEN_TO_USERS)
    if not started and _is_outdated():
        say("It runs by an earlier queues.toml: `fleet reload` applies the present one.")
    if not started and fleet_environment.is_edited():
        say("It runs by an earlier settings.toml: `fleet reload` applies the present one.")


def _programs() -> str:
    """The programs that run, and those that will when there is something to do."""
    present = control.processes()
    counts = Counter(each.program for each in present if not each.rests)
    said = [f"{name} x{count}" if count > 1 else name for name, count in counts.items()]
    resting = sorted({each.program for each in present if each.rests} - counts.keys())
    return ", ".join(said) + (f"; on demand {', '.join(resting)}" if resting else "")


def _is_outdated() -> bool:
    """Whether the running fleet has another queues.toml, or an earlier version of it.

    Ignores one that was not started by `fleet up`. Raises TopologyError.
    """
    topology = load()
    if not is_up():
        return False
    with supervisord() as rpc:
        own = conf_file.is_own(rpc.getPID())
    return own and not conf_file.is_of(conf_file.read(), topology)


@click.command(
    epilog="""\b
Examples:
  fleet down
""",
)
def down() -> None:
    """Stop the fleet.

    Workers put their jobs back into the queues. After some seconds supervisord kills those that are
    left. The next `fleet up` continues with all jobs.
    """
    say("The fleet is down." if control.stop(say) else "The fleet was not up.")


_SCREENFUL = 20
"""How many lines a log is shown with when nobody says how many."""


@click.command(
    epilog="""\b
Examples:
  fleet logs metadata          all processes of the program
  fleet logs metadata-2 -n 100
  fleet logs covers --follow
  fleet logs covers | grep process_album_covers
  fleet logs supervisord
""",
)
@click.argument("program")
@click.option("-f", "--follow", is_flag=True, help="Follow the log as it grows.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    help=f"The number of last lines to show. [default: {_SCREENFUL}; all, for another program]",
)
@click.pass_context
def logs(context: click.Context, program: str, follow: bool, lines: int | None) -> None:
    """Show the log of PROGRAM.

    A worker writes a line when a job starts and one when it ends: its name and id, how many
    entities it was given, how long it took, and what became of them.

    PROGRAM is a program of queues.toml, one process of it (metadata-2), redis, recovery, scheduler,
    web or supervisord.
    """
    files = _log_files(program)
    followers = [Follower(file) for file in files]
    if lines is None and (follow or sys.stdout.isatty()):
        lines = _SCREENFUL
    for file in files:
        _show(file, last_lines(file, lines), files)
    try:
        while follow:
            for follower in followers:
                _show(follower.file, list(follower.new_lines()), files)
            time.sleep(0.2)
    except KeyboardInterrupt:
        context.exit(ExitCode.OK)  # the only way to end it


def _log_files(program: str) -> list[Path]:
    """The logs of a program (`metadata`), of one process (`metadata-2`), or of supervisord.

    Raises BadInputError, which names the nearest names.
    """
    names = sorted(file.stem for file in settings.run_dir().glob("*.log"))
    chosen = [name for name in names if program in {name, name.rpartition("-")[0]}]
    if not chosen:
        programs = {name.rpartition("-")[0] or name for name in names}
        remedy = did_you_mean(program, programs) if names else "start the fleet: `fleet up`"
        raise BadInputError(f"there is no log of {program!r} in {settings.run_dir()} — {remedy}")
    return [log_file(name) for name in chosen]


def _show(file: Path, lines: Iterable[str], files: Sequence[Path]) -> None:
    """Print lines of a log, with its name before each when there are several."""
    prefix = f"{file.stem} | " if len(files) > 1 else ""
    for line in lines:
        print_line(prefix + line)
