"""`fleet up`, `fleet down`, `fleet scale`, `fleet reload` and `fleet logs`."""

import os
import sys
import time
from collections import Counter

import click

from worker.cli import arguments
from worker.cli.output import agreed, changes_something, print_json, print_line, print_table, say
from worker.errors import BadInputError, ExitCode
from worker.maintenance.rebalance import refusal
from worker.status.stages import needless
from worker.supervisor import conf_file, control, fleet_environment, web_address
from worker.supervisor.change import Change, apply, process_counts, require_up
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
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=arguments.programs)
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


def carry_out(change: Change, *, dry_run: bool, yes: bool) -> bool:
    """Show a change, ask where something that runs would be ended, and do it; whether it was done.

    Raises click.UsageError when there is nobody to ask.
    """
    for line in _described(change):
        print_line(line, err=not dry_run)
    if dry_run:
        return False
    ended = change.interrupted()
    question = f"End {', '.join(ended)}? Jobs at hand are finished or put back."
    if ended and not agreed(question, yes):
        return False
    apply(change, say)
    return True


def _described(change: Change) -> list[str]:
    parts = {"start": change.starts, "stop": change.stops, "restart": change.restarts}
    lines = [f"{verb:8} {', '.join(arguments)}" for verb, arguments in parts.items() if arguments]
    return lines or ["No process is started, stopped or restarted."]


@click.command(
    epilog="""\b
Examples:
  fleet scale                  how many processes each program has
  fleet scale covers 3
  fleet scale covers 1 --yes
""",
)
@click.argument("program", required=False, shell_complete=arguments.programs)
@click.argument("count", required=False, type=click.IntRange(min=0))
@changes_something
def scale(program: str | None, count: int | None, yes: bool, dry_run: bool) -> None:
    """Set the number of worker processes of PROGRAM to COUNT.

    Starts or stops single processes, and asks before it ends one. The number holds until the next
    `fleet reload` or `fleet down`; write it into queues.toml to keep it. Until then worker
    rebalancing moves no process to or from PROGRAM, and the other programs start with the numbers
    of queues.toml. COUNT cannot be 0 when no other program consumes the same queues; `fleet queue
    pause` pauses a queue.
    """
    if program is None:
        _list()
    elif count is None:
        raise click.UsageError("Missing argument 'COUNT'.")
    else:
        change = Change.to_scale(program, count)
        if warning := needless(program, count):
            say(warning)
        if carry_out(change, dry_run=dry_run, yes=yes):
            print_line(
                f"{program} x{count} until the next `fleet reload`, or until the fleet is stopped; "
                f"queues.toml says x{load().programs[program].processes}.",
                err=True,
            )


def _list() -> None:
    topology = load()
    require_up()
    counts = process_counts(topology, conf_file.read())
    rows = [["program", "processes", "in queues.toml", "queues"]]
    for program in topology.programs.values():
        bounds = f" ({program.least} to {program.most})" if program.is_elastic else ""
        start = f", {program.shown_start}" if program.is_on_demand else ""
        said = f"{program.processes}{bounds}{start}"
        rows.append([program.name, str(counts[program.name]), said, " ".join(program.queues)])
    print_table(rows)
    if reason := refusal():
        say(f"Worker rebalancing can move nothing: {reason}")


@click.command(
    epilog="""\b
Examples:
  fleet reload --dry-run
  fleet reload
""",
)
@changes_something
def reload(yes: bool, dry_run: bool) -> None:
    """Apply an edited queues.toml or settings.toml to the running fleet.

    Starts, stops or restarts only the processes that the edit concerns, and asks before it ends
    one. The other workers keep running and reread queues.toml. This resets the numbers of processes
    that `fleet scale` or worker rebalancing changed to those of queues.toml.

    It changes nothing when one of the two has a fault, or when a queue that holds jobs would lose
    its last consumer.
    """
    for line in fleet_environment.differences():
        say(line)
    if carry_out(Change.to_reload(), dry_run=dry_run, yes=yes):
        say("The fleet runs by the present queues.toml and settings.")
