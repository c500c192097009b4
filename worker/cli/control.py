"""`fleet up`, `fleet down` and `fleet logs`."""

import os
import sys
import time
from collections import Counter

import click

from worker.cli import completion
from worker.cli.output import print_json, print_line, say
from worker.errors import BadInputError, ExitCode
from worker.supervisor import conf_file, control, fleet_environment, web_address
from worker.supervisor.logs import (
    LEVELS,
    Entry,
    Followers,
    Wanted,
    entries,
    moment_of,
    newest,
    processes_of,
)
from worker.supervisor.rpc import is_up, refuse_others, supervisord
from worker.topology import load


@click.command(
    epilog="""\b
Examples:
  fleet up
  fleet up --foreground        in a container, or under another supervisor
  fleet up --only analysis,covers    where other hosts do the rest
  FLEET_DATA_DIR=/srv/music fleet up
""",
)
@click.option(
    "--foreground", is_flag=True, help="Run supervisord in the foreground; for containers."
)
@click.option(
    "--only",
    metavar="PROGRAM,…",
    help="Run only these programs here; scheduler, web and watch are programs too.",
)
def up(foreground: bool, only: str | None) -> None:
    """Start the fleet.

    Checks queues.toml, migrates the database, starts supervisord with all programs, and waits until
    Redis answers and every worker is registered. When the fleet is up already, this starts only
    those of its processes that are down; after an upgrade, or when the database was replaced, it
    stops all, migrates the database and starts them again. `fleet reload` applies an edited
    queues.toml or settings.toml.

    The fleet keeps the environment that it is started in, and every command goes by it while the
    fleet runs. A variable of the environment wins over settings.toml.
    """
    refuse_others()
    if only is not None:
        _run_only(only)
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


def _run_only(programs: str) -> None:
    """Have this host run these programs alone. Raises BadInputError when it runs others."""
    before = os.environ.get("FLEET_PROGRAMS", "")
    if is_up() and before != programs:
        raise BadInputError(
            f"the fleet is up with other programs ({before or 'all'}) — `fleet down` first"
        )
    os.environ["FLEET_PROGRAMS"] = programs


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
"""How many entries are shown when nobody says how many."""
_EVERY = 0.2


@click.command(
    epilog="""\b
Examples:
  fleet logs                   the last entries of all programs, by time
  fleet logs metadata          all processes of the program
  fleet logs metadata-2 -n 100
  fleet logs covers --follow
  fleet logs covers | grep process_album_covers
  fleet logs --job ID
  fleet logs --level warning --since 1h --json
""",
)
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=completion.programs)
@click.option("-f", "--follow", is_flag=True, help="Follow the logs as they grow.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    help=f"The number of last entries to show. [default: {_SCREENFUL}; all, for another program, "
    "with --job and with --since]",
)
@click.option("--job", default="", metavar="ID", help="Only what was logged for this job.")
@click.option("--since", metavar="TIME", help="Only since 10m, 2h, 3d ago, or since when.")
@click.option(
    "--level",
    default="",
    type=click.Choice(["", *LEVELS], case_sensitive=False),
    metavar="LEVEL",
    help=f"Only this level and higher ones: {', '.join(LEVELS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --follow an entry a line.")
@click.pass_context
def logs(  # noqa: PLR0913, PLR0917  # click passes each option by name
    context: click.Context,
    programs: tuple[str, ...],
    follow: bool,
    lines: int | None,
    job: str,
    since: str | None,
    level: str,
    as_json: bool,
) -> None:
    """Show the logs of all programs, or of each PROGRAM, by time.

    Each entry has its time, level and process and, in brackets, the job that it was written for. A
    worker writes one when a job starts and one when it ends: how many entities it was given, how
    long it took, and what became of them.

    PROGRAM is a program of queues.toml, one process of it (metadata-2), redis, recovery, scheduler,
    web, watch or supervisord.
    """
    processes = processes_of(programs)
    followers = Followers(programs) if follow else None
    wanted = Wanted(job=job, level=level, since=moment_of(since) if since else None)
    if lines is None and (follow or sys.stdout.isatty()) and not (job or since):
        lines = _SCREENFUL
    found = entries(processes, wanted) if lines is None else newest(processes, lines, wanted)
    if as_json and not follow:
        print_json({"entries": [each.as_json() for each in found]})
        return
    is_one = len(processes) == 1
    for entry in found:
        _show(entry, as_json, is_one)
    try:
        while followers is not None:
            for entry in filter(wanted.has, followers.new_entries()):
                _show(entry, as_json, is_one)
            time.sleep(_EVERY)
    except KeyboardInterrupt:
        context.exit(ExitCode.OK)  # the only way to end it


def _show(entry: Entry, as_json: bool, is_one: bool) -> None:
    """Print an entry as its log has it; what does not name its process has that in front."""
    if as_json:
        print_json(entry.as_json())
        return
    first, *below = entry.lines
    is_named = is_one or f" {entry.process}" in first
    print_line(first if is_named else f"{entry.process} | {first}")
    for line in below:
        print_line(line)
