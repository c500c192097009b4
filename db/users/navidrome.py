"""What a Navidrome has of a user, read from its database: a copy of its file, or the file itself.

The tables are those of its migrations (github.com/navidrome/navidrome, `db/migrations`), from 0.40
on; what columns a version lacks is done without. The file is somebody else's: it is only read, and
nothing that stands in it is run.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from db.models import EntityType
from db.users.annotations import MOST_STARS, Said
from db.users.imports import Brought, TheirPlaylist, Theirs, moment_of, path_of

_MOST_ROWS = 5_000_000
_LONGEST = 10_000
"""Characters of a text; longer ones are cut."""
_TYPES = {
    "media_file": EntityType.TRACK,
    "album": EntityType.ALBUM,
    "artist": EntityType.ARTIST,
}


class NavidromeError(Exception):
    """The file cannot be used; the message says why, and what to do."""


class _Table(NamedTuple):
    """Of what table an entity is, and the columns that may have what is wanted, the first first."""

    name: tuple[str, ...]
    artist: tuple[str, ...] = ()
    album: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    mbids: tuple[str, ...] = ()


_TABLES = {
    "media_file": _Table(
        ("title",),
        ("artist",),
        ("album",),
        ("path",),
        ("mbz_release_track_id", "mbz_recording_id", "mbz_track_id"),
    ),
    "album": _Table(("name",), ("album_artist",), mbids=("mbz_album_id",)),
    "artist": _Table(("name",), mbids=("mbz_artist_id",)),
}


def read(file: Path, user: str | None) -> tuple[str, Brought]:
    """The user's name, and what a Navidrome has of that user; of the only one without a name.

    Raises NavidromeError.
    """
    if not file.is_file():
        raise NavidromeError(f"{file} is no file — name Navidrome's navidrome.db")
    try:
        with _opened(file) as database:
            user_id, name = _user(database, user)
            known = {table: _entities(database, table) for table in _TABLES}
            said = _said(database, user_id, known)
            lists = _playlists(database, user_id, name, known["media_file"])
    except sqlite3.Error as error:
        raise NavidromeError(
            f"{file} is no database of Navidrome ({error}) — name its navidrome.db"
        ) from error
    return name, Brought(said, lists)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(os.fspath(file.absolute()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA query_only = ON")
        database.text_factory = lambda data: data.decode("utf-8", "replace")[:_LONGEST]
        yield database


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    rows = database.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    return {name for (name,) in rows}


def _user(database: sqlite3.Connection, wanted: str | None) -> tuple[str, str]:
    users = database.execute('SELECT id, user_name FROM "user" ORDER BY user_name').fetchall()
    fits = [row for row in users if wanted is None or str(row[1]).casefold() == wanted.casefold()]
    if len(fits) != 1:
        names = ", ".join(str(name) for _, name in users[:20]) or "nobody"
        what = f"no user {wanted!r}" if wanted else f"{len(users)} users"
        raise NavidromeError(f"there are {what} in it — name one by --from: {names}")
    return str(fits[0][0]), str(fits[0][1])


def _entities(database: sqlite3.Connection, table: str) -> dict[str, Theirs]:
    """The entities of a table, by their ids there."""
    there, has = _columns(database, table), _TABLES[table]
    fields = [[name for name in names if name in there] for names in has]
    chosen = [name for names in fields for name in names]
    query = f'SELECT id{"".join(f", {name}" for name in chosen)} FROM "{table}" LIMIT ?'  # noqa: S608  # constants
    found = {}
    for entity_id, *values in database.execute(query, (_MOST_ROWS,)):
        row = dict(zip(chosen, values, strict=True))
        name, artist, album, path, mbids = ([row[each] or "" for each in some] for some in fields)
        name_, artist_, album_ = (str(each[0]) if each else "" for each in (name, artist, album))
        place = path_of(str(path[0]).encode("utf-8", "surrogateescape")) if path else ""
        ids = tuple(str(each) for each in mbids if each)
        found[str(entity_id)] = Theirs(name_, artist_, album_, place, ids)
    return found


def _said(
    database: sqlite3.Connection, user_id: str, known: dict[str, dict[str, Theirs]]
) -> dict[EntityType, list[tuple[Theirs, Said]]]:
    query = (
        "SELECT item_type, item_id, starred, starred_at, rating, play_count, play_date "
        "FROM annotation WHERE user_id = ? ORDER BY item_type, item_id LIMIT ?"
    )
    found: dict[EntityType, list[tuple[Theirs, Said]]] = defaultdict(list)
    for kind, item_id, starred, starred_at, *rest in database.execute(query, (user_id, _MOST_ROWS)):
        theirs = known.get(str(kind), {}).get(str(item_id))
        if theirs is None:  # forgotten there
            continue
        entity_type = _TYPES[kind]
        star = (moment_of(starred_at) or moment_of("1970-01-01")) if starred else None
        said = Said(star, *_counts(entity_type, *rest))
        if any(said):
            found[entity_type].append((theirs, said))
    return found


def _counts(entity_type: EntityType, rating: Any, plays: Any, played_at: Any) -> tuple[Any, ...]:
    """The rating and the plays; those of albums and artists are their tracks'."""
    stars = rating if isinstance(rating, int) and 0 < rating <= MOST_STARS else None
    if entity_type is not EntityType.TRACK:
        return stars, 0, None
    count = plays if isinstance(plays, int) and 0 < plays < 2**31 else 0
    return stars, count, moment_of(played_at) if count else None


def _playlists(
    database: sqlite3.Connection, user_id: str, user: str, known: dict[str, Theirs]
) -> list[TheirPlaylist]:
    owner = "owner_id" if "owner_id" in _columns(database, "playlist") else "owner"
    query = f"SELECT id, name FROM playlist WHERE {owner} = ? ORDER BY name, id LIMIT 10000"  # noqa: S608  # constants
    found = []
    for list_id, name in database.execute(query, (user_id if owner == "owner_id" else user,)):
        entries = database.execute(
            "SELECT media_file_id FROM playlist_tracks WHERE playlist_id = ? ORDER BY id LIMIT ?",
            (list_id, _MOST_ROWS),
        )
        tracks = [known[str(each)] for (each,) in entries if str(each) in known]
        found.append(TheirPlaylist(str(name), f"navidrome:{list_id}", tracks))
    return found
