"""`fleet up`, `fleet down` and `fleet logs`."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from worker.cli.output import say
from worker.errors import ExitCode
from worker.supervisor import control, web_address
from worker.supervisor.logs import Follower, last_lines, log_files


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
    those of its processes that are down. `fleet reload` applies an edited queues.toml.
    """
    if foreground:
        control.run_in_foreground()
    started = control.start(say)
    counts = Counter(each.program for each in control.processes())
    programs = ", ".join(
        f"{name} x{count}" if count > 1 else name for name, count in counts.items()
    )
    say(f"The fleet is {'up' if started else 'already up'}: {programs}. `fleet down` stops it.")
    page = web_address.published()
    if page is not None and any(each.pid == page.pid for each in control.processes()):
        say(f"Web UI: {page.url}" if page.url else f"Its page waits: {page.fault}")
    if not started and control.is_outdated():
        say("It runs by an earlier queues.toml: `fleet reload` applies the present one.")


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


@click.command(
    epilog="""\b
Examples:
  fleet logs metadata          all processes of the program
  fleet logs metadata-2 -n 100
  fleet logs covers --follow
  fleet logs supervisord
""",
)
@click.argument("program")
@click.option("-f", "--follow", is_flag=True, help="Follow the log as it grows.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The number of last lines to show.",
)
@click.pass_context
def logs(context: click.Context, program: str, follow: bool, lines: int) -> None:
    """Show the log of PROGRAM.

    PROGRAM is a program of queues.toml, one process of it (metadata-2), redis, recovery, scheduler,
    web or supervisord.
    """
    files = log_files(program)
    followers = [Follower(file) for file in files]
    for file in files:
        _show(file, last_lines(file, lines), files)
    try:
        while follow:
            for follower in followers:
                _show(follower.file, list(follower.new_lines()), files)
            time.sleep(0.2)
    except KeyboardInterrupt:
        context.exit(ExitCode.OK)  # the only way to end it


def _show(file: Path, lines: Sequence[str], files: Sequence[Path]) -> None:
    """Print lines of a log, with its name before each when there are several."""
    prefix = f"{file.stem} | " if len(files) > 1 else ""
    for line in lines:
        click.echo(prefix + line)
