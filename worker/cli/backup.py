"""`fleet backup` and `fleet restore`, and `fleet db`: the library as a file, and elsewhere."""

import time
from pathlib import Path

import click

from db import settings
from db.maintenance import database_copy
from db.settings import urls
from db.sql.path_text import shown
from worker.cli.output import agreed, changes_something, print_line, say
from worker.errors import BadInputError
from worker.maintenance import archives, restoring
from worker.maintenance.restoring import refuse_running
from worker.phrases import counted


@click.command(
    epilog="""\b
Examples:
  fleet backup /mnt/backup/
  fleet backup music-of-today.tar
  fleet backup --with-secrets ~/music.tar
""",
)
@click.argument("target", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option("--with-secrets", is_flag=True, help="With the passwords and keys of the settings.")
def backup(target: Path, with_secrets: bool) -> None:
    """Write the database, the pictures and the settings into one file.

    The fleet may work on meanwhile: the database is copied as it is at one moment. In a FOLDER the
    file gets a name with the time. The music is not in it, nor the jobs, which follow from the
    database. Passwords and keys of the settings are left out unless you ask for them; those of
    users are in it as hashes.
    """
    file, held = archives.write(target.expanduser(), secrets=with_secrets)
    size = file.stat().st_size / 1e6
    print_line(
        f"{file}: {counted(held.tracks, 'track')}, {counted(held.albums, 'album')}, "
        f"{counted(held.pictures, 'picture')}, {size:,.1f} MB"
    )
    if held.left_out:
        say(f"Without what is secret: {', '.join(held.left_out)}. `--with-secrets` takes it in.")


@click.command(
    epilog="""\b
Examples:
  fleet restore --dry-run music.tar            reads it through, and changes nothing
  fleet restore music.tar
  fleet restore music.tar --root /music=/mnt/nas/music
  fleet restore ~/.local/share/musicfleet/backups/library-20261123-040500.db
""",
)
@click.argument("archive", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--root",
    "moves",
    metavar="OLD=NEW",
    multiple=True,
    help="The music of root OLD is in folder NEW here; may be given several times.",
)
@changes_something
def restore(archive: str, moves: tuple[str, ...], yes: bool, dry_run: bool) -> None:
    """Put back what `fleet backup` wrote, or one of the daily copies of the database.

    The fleet must be down. The file is read through and checked first; until it is, and wherever it
    ends before, all stays as it was. What a library here gives way is kept in the folder `backups`;
    places and secrets of this machine's settings stay. A PostgreSQL is replaced in one transaction.
    """
    file, pairs = Path(archive), [_pair(each) for each in moves]
    if dry_run:
        print_line(f"{archive} is whole: {_described(archives.examine(file))}")
        return
    refuse_running()
    present = restoring.present_tracks()
    if present is not None and not agreed(
        f"{urls.shown(settings.database_url())} has a library of {counted(present, 'track')}. "
        "Replace it?",
        yes,
    ):
        return
    done = restoring.restore(file, pairs)
    print_line(f"Restored {counted(done.tracks, 'track')} from {archive}.")
    for old, new in done.moved:
        say(f"The music of {shown(old)} is in {shown(new)} by now.")
    if done.manifest.left_out:
        names = ", ".join(done.manifest.left_out)
        say(f"Secrets are not in it: {names}. `fleet settings set NAME` takes each.")
    say("`fleet up` starts the fleet; `fleet scan FOLDER` finds what has changed since.")


def _pair(text: str) -> tuple[str, str]:
    old, mark, new = text.partition("=")
    if not (mark and old and new):
        raise BadInputError(f"--root is {text!r} — write OLD=NEW: the folder there, and here")
    return old, new


def _described(held: archives.Manifest) -> str:
    if not held.made_at:
        return f"a copy of the database alone ({held.database})"
    roots = f"roots {', '.join(map(shown, held.roots))}" if held.roots else "no root"
    return (
        f"{counted(held.tracks, 'track')}, {counted(held.albums, 'album')}, "
        f"{counted(held.pictures, 'picture')}, {held.database}, {roots}, of {held.made_at} UTC by "
        f"musicfleet {held.musicfleet}"
    )


@click.group()
def db() -> None:
    """Copy the library into another database, such as from SQLite into PostgreSQL."""


@db.command(
    epilog="""\b
Examples:
  fleet db copy postgresql://me@localhost/music
  fleet db copy sqlite:////srv/music/library.db
  fleet db copy --dry-run postgresql://me@localhost/music
""",
)
@click.argument("url", metavar="URL")
@changes_something
def copy(url: str, yes: bool, dry_run: bool) -> None:
    """Copy the library into the database at URL, row by row, and compare all rows at the end.

    The fleet must be down. A copy that is interrupted goes on when it is called again. A database
    that holds another library is refused. Nothing is changed here: `fleet settings set
    database_url URL` has the fleet use the other database.
    """
    source, shown_url = settings.database_url(), urls.shown(url)
    target = database_copy.examine(source, url)
    holds = f"a copy of this library of {counted(target.tracks, 'track')}"
    if dry_run:
        print_line(f"{shown_url} holds {holds if target.is_ours else 'no other library'}")
        return
    refuse_running()
    if target.is_ours and not agreed(
        f"{shown_url} holds {holds}. Replace what differs from the present one?", yes
    ):
        return
    done = database_copy.copy(source, url, _Progress().show)
    print_line(
        f"{counted(done.rows, 'row')} of {done.tables} tables are the same in both; "
        f"{done.written:,} were written."
    )
    say(f"Name {shown_url} in the setting database_url, then `fleet up`.")


class _Progress:
    """Says every few seconds which table is being gone through."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _SECONDS

    def show(self, table: str, rows: int) -> None:
        """Say so if it is time."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _SECONDS
            say(f"{table}: {counted(rows, 'row')}")


_SECONDS = 5.0
