"""`fleet import`: what a user has in another server or in playlists, brought into this library."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import click
from rq.utils import import_attribute

from db.sql.connection import open_database
from db.sql.schema import check_schema
from db.users import accounts, imports, navidrome, playlists
from db.users.imports import Brought, Matcher, Outcome, Prefix, TheirPlaylist, Theirs
from worker.cli.output import print_json, print_line, say, typed_password
from worker.errors import BadInputError, JobFailedError
from worker.phrases import counted

Command = TypeVar("Command", bound=Callable[..., Any])
_LARGEST = 16 * 1024 * 1024
"""Bytes of a playlist."""
_SHOWN = 20
_MARKS = (b"#EXTINF:", b"#PLAYLIST:")


@click.group(name="import")
def import_() -> None:
    """Bring plays, stars, ratings and playlists of a user from elsewhere.

    What is theirs is found here by its path, else by its MusicBrainz id, else by its names; what
    was not found is listed. Stars and ratings that the user has here stay, and of two numbers of
    plays the larger counts: whatever is brought twice is there once.
    """


def _options(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        click.option("-n", "--dry-run", is_flag=True, help="Show it, and change nothing."),
        click.option(
            "--map",
            "prefix",
            metavar="THEIRS=OURS",
            multiple=True,
            callback=lambda _context, _option, values: [prefix_of(each) for each in values],
            help="A folder as it is called there, and what it is called here; also several times.",
        ),
        click.option("--user", required=True, help="Whose it is to be: a name of `fleet user`."),
    ):
        command = option(command)
    return command


def prefix_of(text: str) -> Prefix:
    """The value of an option --map. Raises click.UsageError."""
    theirs, _, ours = text.partition("=")
    if not theirs.startswith("/") or not ours.startswith("/"):
        raise click.UsageError(f"--map is {text!r}: write /their/folder=/our/folder")
    return Prefix(theirs, ours)


@import_.command(
    "navidrome",
    epilog="""\b
Examples:
  fleet import navidrome ~/navidrome/navidrome.db --user anna --dry-run
  fleet import navidrome navidrome.db --user anna --from Anna --map /music=/srv/music
""",
)
@click.argument("file", metavar="DB", type=click.Path(path_type=Path))
@click.option("--from", "their_user", metavar="NAME", help="The user there, if there are more.")
@_options
def of_navidrome(  # noqa: PLR0913, PLR0917  # click passes each option by name
    file: Path,
    their_user: str | None,
    user: str,
    prefix: Sequence[Prefix],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring what a user has in Navidrome, from its database DB, which is only read."""
    _open()
    account = accounts.existing(user)
    try:
        _, brought = navidrome.read(file, their_user)
    except navidrome.NavidromeError as error:
        raise BadInputError(str(error)) from error
    outcome = imports.bring(account.id, brought, Matcher(*prefix), dry_run=dry_run)
    _print(outcome, dry_run, as_json)


@import_.command(
    "subsonic",
    epilog="""\b
Examples:
  fleet import subsonic https://music.example.org --user anna --from Anna --dry-run
  pass show music/anna | fleet import subsonic http://nas:4533 --user anna
""",
)
@click.argument("url", metavar="URL")
@click.option("--from", "their_user", metavar="NAME", help="The user there; default: as here.")
@_options
def of_subsonic(  # noqa: PLR0913, PLR0917  # click passes each option by name
    url: str,
    their_user: str | None,
    user: str,
    prefix: Sequence[Prefix],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring what a user has in the server at URL, by Subsonic's API, as Navidrome has it.

    The password there is typed, or read as one line from stdin. A server that hides where its files
    lie has its tracks found by their ids and names.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise click.UsageError(f"{url} is no URL: write http:// or https:// before it")
    _open()
    account = accounts.existing(user)
    read = import_attribute("jobs.providers.subsonic.read")  # a job's arguments are in Redis
    try:
        brought = read(url, their_user or user, typed_password(confirm=False))
    except Exception as error:
        if type(error).__module__.startswith("jobs."):
            raise JobFailedError(f"{error} — check the URL, the user and the password") from error
        raise
    outcome = imports.bring(account.id, brought, Matcher(*prefix), dry_run=dry_run)
    _print(outcome, dry_run, as_json)


@import_.command(
    "m3u",
    epilog="""\b
Examples:
  fleet import m3u ~/Playlists/*.m3u8 --user anna
  fleet import m3u evening.m3u --user anna --map /mnt/nas=/srv/music --dry-run
""",
)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@_options
def of_m3u(
    files: Sequence[Path], user: str, prefix: Sequence[Prefix], dry_run: bool, as_json: bool
) -> None:
    """Bring playlists, M3U or M3U8. A file that is brought again changes its playlist."""
    _open()
    account = accounts.existing(user)
    brought = Brought(playlists=[_playlist(each) for each in files])
    outcome = imports.bring(account.id, brought, Matcher(*prefix), dry_run=dry_run)
    _print(outcome, dry_run, as_json)


def _playlist(file: Path) -> TheirPlaylist:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise BadInputError(f"{file} cannot be read: {error.strerror} — name a playlist") from error
    if len(data) > _LARGEST:
        raise BadInputError(f"{file} has more than 16 MiB — name a playlist")
    name, said, tracks = file.stem, "", []
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        given = line.strip()
        if given.upper().startswith(_MARKS[1]):
            name = _decoded(given[len(_MARKS[1]) :]).strip() or name
        elif given.upper().startswith(_MARKS[0]):
            said = _decoded(given).partition(",")[2]
        elif given and not given.startswith(b"#"):
            tracks.append(_entry(given, said, file.absolute().parent))
            said = ""
        if len(tracks) > playlists.MOST_TRACKS:
            raise BadInputError(
                f"{file} has more than {playlists.MOST_TRACKS:,} tracks — divide the playlist"
            )
    return TheirPlaylist(name, f"m3u:{file.absolute()}", tracks)


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")


def _entry(given: bytes, said: str, folder: Path) -> Theirs:
    """A line of a playlist: a path, absolute or from the playlist on, or a file: URI."""
    if given.lower().startswith(b"file:"):
        given = os.fsencode(unquote(urlsplit(os.fsdecode(given)).path, errors="surrogateescape"))
    path = imports.path_of(given)
    if not path.startswith("/") and ":" not in path[:2]:
        path = f"{imports.path_of(os.fsencode(folder))}/{path}"
    artist, dash, title = said.partition(" - ")
    return Theirs(title if dash else said, artist if dash else "", path=path)


def _print(outcome: Outcome, dry_run: bool, as_json: bool) -> None:
    if as_json:
        found, changed = dict(outcome.found), dict(outcome.changed)
        print_json({"found": found, "missed": outcome.missed, "changed": changed})
        return
    total = outcome.found.total()
    by = ", ".join(f"{count:,} by {what}" for what, count in outcome.found.most_common())
    print_line(f"Found {total:,} of {total + len(outcome.missed):,}{f': {by}' if by else ''}.")
    changes = ", ".join(
        counted(count, what.removesuffix("s")) for what, count in outcome.changed.items() if count
    )
    print_line(f"{'Would change' if dry_run else 'Changed'} {changes or 'nothing'}.")
    for each in outcome.missed[:_SHOWN]:
        say(f"not found: {each}")
    if len(outcome.missed) > _SHOWN:
        say(f"… and {len(outcome.missed) - _SHOWN:,} more: --json has them all")


def _open() -> None:
    open_database()
    check_schema()
