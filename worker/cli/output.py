"""Output of the commands: lines and questions on stderr, tables on stdout."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:  # most commands have no need of what it imports
    from worker.status.overview import QueueStatus


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells; the first row is the heading.

    Where stdout is no terminal the columns are separated by tabs, and nothing is cut or folded.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415  # 30 ms that a pipe does without
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


_HEADING = (
    "queue",
    "waiting",
    "running",
    "failed",
    "later",
    "oldest",
    "paused",
    "recovered",
    "consumers",
)


def print_queues(queues: Sequence["QueueStatus"]) -> None:
    """Print a table of queues.

    On a terminal, where space is scarce, columns in which no queue has anything are left out.
    """
    rows = [list(_HEADING)]
    for queue in queues:
        counts = (queue.waiting, queue.running, queue.failed, queue.later)
        oldest = "" if queue.oldest is None else f"{queue.oldest:.0f} s"
        paused = "paused" if queue.paused else ""
        recovered = str(queue.recovered or "")
        row = [queue.name, *map(str, counts), oldest, paused, recovered, _consumers(queue)]
        rows.append(row)
    if sys.stdout.isatty():
        kept = [number for number in range(len(_HEADING)) if any(row[number] for row in rows[1:])]
        rows = [[row[number] for number in kept] for row in rows]
    print_table(rows)


def _consumers(queue: "QueueStatus") -> str:
    nobody = "none" if queue.use is not None else "none: not in queues.toml"
    return ", ".join(queue.consumers) or nobody


Command = TypeVar("Command", bound=Callable[..., Any])


def changes_something(command: Command) -> Command:
    """Give a command the options --yes and --dry-run."""
    yes = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
    dry_run = click.option(
        "-n", "--dry-run", is_flag=True, help="Show what the command would do, and change nothing."
    )
    return yes(dry_run(command))


def agreed(question: str, yes: bool) -> bool:
    """Whether the user wants it; they are asked unless they said --yes.

    Raises click.UsageError when there is nobody to ask.
    """
    if yes:
        return True
    try:
        wanted = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(f"{question} There is no terminal to ask on: add --yes") from None
    if not wanted:
        click.echo("Nothing was changed.", err=True)
    return wanted


def say(line: str) -> None:
    """Print to stderr, for the user."""
    click.echo(line, err=True)
