"""`fleet root`: the folders of music that were scanned: list, add, move and forget them."""

import os
from datetime import datetime
from shlex import quote

import click

from db import settings
from db.maintenance import library_roots
from db.maintenance.library_roots import Root
from db.sql.connection import open_database
from db.sql.path_text import shown, to_text
from db.sql.schema import check_schema
from worker.cli.output import agreed, changes_something, print_json, print_line, print_table, say
from worker.errors import BadInputError
from worker.maintenance import roots
from worker.phrases import counted, did_you_mean
from worker.supervisor.rpc import is_up


@click.group()
def root() -> None:
    """List, add, move and forget the folders of music that the library consists of."""


@root.command(
    "list",
    epilog="""\b
Examples:
  fleet root list
  fleet root list --json | jq -r '.roots[] | select(.state != "there") | .path'
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times are UTC.")
def list_roots(as_json: bool) -> None:
    """List the roots: whether each is there, its tracks, and when it was last scanned."""
    _open()
    found = library_roots.listed()
    if as_json:
        print_json({"roots": [each._asdict() for each in found]}, default=_iso)
    elif found:
        print_table(
            [["root", "state", "tracks", "missing", "problems", "scanned"], *map(_row, found)]
        )
    else:
        say("There is no root yet: `fleet scan PATH` adds one.")


def _row(each: Root) -> list[str]:
    scanned = _iso(each.scanned_at) if each.scanned_at else "not yet"
    numbers = (f"{number:,}" for number in (each.tracks, each.missing, each.problems))
    return [shown(each.path), each.state, *numbers, scanned]


@root.command(
    epilog="""\b
Examples:
  fleet root add ~/Music
""",
)
@click.argument("path", metavar="PATH")
def add(path: str) -> None:
    """Add a folder of music, and begin to scan it without waiting.

    `fleet scan PATH` does the same, starts the fleet, and shows the progress.
    """
    _open()
    found = roots.check(path)
    roots.begin(found.path)
    says = f"{shown(found.path)} was added, with {found.text}"
    for note in found.notes:
        say(note)
    if is_up():
        print_line(f"{says}, and is being scanned: see `fleet status`")
    else:
        print_line(f"{says}; `fleet up` starts the fleet, which scans it")


@root.command(
    epilog="""\b
Examples:
  fleet root move /mnt/old/music /mnt/new/music
  fleet root move --dry-run /mnt/old/music /mnt/new/music
""",
)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@changes_something
def move(old: str, new: str, yes: bool, dry_run: bool) -> None:
    """Say that the music of root OLD is in folder NEW by now.

    All that is known of it stays: ids, covers, choices, facts. No file is read. What scans have
    taken in below NEW meanwhile becomes one with what was known before.
    """
    _open()
    before, now = _known(old), roots.checked_root(new)
    share = roots.share_to_move(before, now)
    says = f"{share:.0%} of the files of {shown(before)} are at the same place below {shown(now)}."
    if dry_run:
        print_line(says)
        return
    if not agreed(f"{says} Move the root?", yes):
        return
    count = roots.move(before, now)
    print_line(
        f"{counted(count, 'track')} of {shown(before)} moved to {shown(now)} — "
        f"`fleet scan {quote(shown(now))}` finds what has changed"
    )


@root.command(
    epilog="""\b
Examples:
  fleet root forget /mnt/nas/music
  fleet root forget --dry-run /mnt/nas/music
""",
)
@click.argument("path", metavar="ROOT")
@changes_something
def forget(path: str, yes: bool, dry_run: bool) -> None:
    """Forget a root, such as one that is gone for good, and the tracks in it.

    With them goes what hangs on them: chosen covers, facts, audio features. No file is touched,
    and what another root holds too stays. A scan of the folder adds it again.
    """
    _open()
    folder = _known(path)
    (found,) = (each for each in library_roots.listed() if each.path == folder)
    says = f"{shown(folder)} ({found.state}) has {roots.what_goes(folder)}."
    if dry_run:
        print_line(says)
        return
    if not agreed(f"{says} Forget them, and what you chose for them?", yes):
        return
    count = roots.forget(folder)
    print_line(f"{shown(folder)} and {counted(count, 'track')} of it forgotten")


def _known(path: str) -> str:
    """The root of this name, which may be away. Raises BadInputError, with those that there are."""
    known = [each.path for each in library_roots.listed()]
    named = settings.expanded(path)
    for each in (os.path.abspath(named), os.path.realpath(named)):
        if (text := to_text(os.fsencode(each))) in known:
            return text
    hint = did_you_mean(path, {shown(each): each for each in known}) if known else "none is known"
    raise BadInputError(f"{path} is no root — {hint}")


def _open() -> None:
    open_database()
    check_schema()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
