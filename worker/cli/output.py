"""Output of the commands: results on stdout, everything else on stderr.

Everything that a command prints passes here. Names, tags, paths and errors come from files, from
Redis and from the web: whatever in them would command a terminal, begin another line, be markup or
be a formula is escaped. JSON and playlists stay exact for the programs that read them.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from db.errors import SettingError
from db.sql.path_text import visible
from worker.errors import BadInputError, WorkerError

if TYPE_CHECKING:  # most commands have no need of what they import
    from db.library.life import Event
    from db.similarity.cluster_terms import ListedTrack
    from worker.status.overview import QueueStatus

_ITEM = "\n  "
_LONGEST_PASSWORD = 1024
"""How each item begins of a list that stands below a line."""
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""How a cell begins that a spreadsheet computes, in both widths of the characters."""
_NOT_PLAIN = re.compile(r"[^\n -~]")


def print_line(text: str = "", *, err: bool = False) -> None:
    """Print one line, on stdout or stderr."""
    click.echo(visible(text), err=err)


def say(line: str) -> None:
    """Print a line to stderr, for the user."""
    print_line(line, err=True)


def print_error(text: str) -> None:
    """Print an error to stderr: a line, and the indented items below it when it has a list.

    The items may have columns, with tabs between them.
    """
    for number, line in enumerate(text.split(_ITEM)):
        columns = "\t".join(map(visible, line.split("\t")))
        click.echo(f"  {columns}" if number else columns, err=True)


VERSION = 1
"""Of what `--json` prints: another one when something has another name or meaning, or is gone."""


def print_json(
    content: Mapping[str, object],
    *,
    indent: int | None = None,
    default: Callable[[Any], str] | None = None,
) -> None:
    """Print one JSON object, with its version; `default` writes what JSON does not know."""
    document = {"version": VERSION, **content}
    text = json.dumps(document, ensure_ascii=False, indent=indent, default=default)
    click.echo(_NOT_PLAIN.sub(_json_escaped, text))


def _json_escaped(found: re.Match[str]) -> str:
    return found[0] if visible(found[0]) == found[0] else json.dumps(found[0])[1:-1]


def print_playlist(content: bytes) -> None:
    """Print the content of a playlist: exactly, except on a terminal."""
    if sys.stdout.isatty():
        for line in content.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            print_line(line)
    else:
        click.echo(content, nl=False)


def print_tracks(tracks: Sequence["ListedTrack"]) -> None:
    """Print a playlist of these tracks, and what is to know of it on stderr."""
    from db.similarity import playlist_files  # noqa: PLC0415  # two commands print one

    print_playlist(playlist_files.playlist(tracks))
    if said := playlist_files.remark(tracks):
        say(said)


def print_csv(rows: Iterable[Sequence[str]]) -> None:
    """Print rows for spreadsheets. A cell that would be a formula gets a `'` in front."""
    import csv  # noqa: PLC0415  # one command alone prints any

    csv.writer(sys.stdout, lineterminator="\n").writerows(map(_as_text, row) for row in rows)


def _as_text(cell: str) -> str:
    text = visible(cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells; the first row is the heading.

    Where stdout is no terminal the columns are separated by tabs, and nothing is cut or folded.
    """
    heading, *lines = [[visible(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [heading, *lines]:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415  # 30 ms that a pipe does without
    from rich.table import Column, Table  # noqa: PLC0415  # as above
    from rich.text import Text  # noqa: PLC0415  # as above

    table = Table(*(Column(Text(cell)) for cell in heading))
    for row in lines:
        table.add_row(*map(Text, row))  # a str would be markup
    Console().print(table)


def print_events(events: Sequence["Event"]) -> None:
    """Print a table of what happened when, in local time."""
    rows = [("date", "what", "", "job")]
    for each in events:
        date = f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}" if each.at else "not kept"
        rows.append((date, each.kind, each.text, each.job))
    print_table(rows)


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
        paused = f"until {queue.rests_until}" if queue.rests_until else paused
        recovered = str(queue.recovered or "")
        row = [queue.name, *map(str, counts), oldest, paused, recovered, _consumers(queue)]
        rows.append(row)
    if sys.stdout.isatty():
        kept = [number for number in range(len(_HEADING)) if any(row[number] for row in rows[1:])]
        rows = [[row[number] for number in kept] for row in rows]
    print_table(rows)


def _consumers(queue: "QueueStatus") -> str:
    nobody = "none" if queue.use is not None else "none: not in queues.toml"
    consumers = queue.consumers
    if sys.stdout.isatty():  # without the random part of the name
        consumers = [each.partition(".")[0] for each in consumers]
    return ", ".join(consumers) or ("on demand" if queue.on_demand else nobody)


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
        wanted = click.confirm(visible(question), err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(f"{question} There is no terminal to ask on: add --yes") from None
    if not wanted:
        say("Nothing was changed.")
    return wanted


def typed_password(*, confirm: bool = True) -> str:
    """What the user types, or the first line of stdin. Raises BadInputError without one.

    With `confirm` it is typed twice.
    """
    if sys.stdin.isatty():
        typed: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt=confirm, err=True
        )
        return typed
    line = sys.stdin.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    if not line:
        raise BadInputError(
            "there is no password on stdin, and no terminal to ask on — pipe it in as one line"
        )
    return line


def edit_until(text: str, accept: Callable[[str], object]) -> bool:
    """Have the user edit a text until `accept` takes it; False when it was left unchanged.

    `accept` raises an error for a text that it does not take: it is shown, and the text edited
    again. Whoever leaves it unchanged then gives up. Raises BadInputError without an editor.
    """
    while True:
        try:
            edited = click.edit(text, extension=".toml")
        except click.ClickException as error:
            raise BadInputError(
                f"{error.message} — set EDITOR to an editor, or edit the file yourself"
            ) from error
        if edited is None or edited == text:
            return False
        text = edited
        try:
            accept(text)
        except (WorkerError, SettingError) as error:
            print_error(str(error))
            click.pause("Press any key to edit it again …", err=True)
        else:
            return True
