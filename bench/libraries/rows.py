"""Fill the database that the settings name with the rows of a large library that was never there.

    python -m bench rows [--tracks 1000000]

Set FLEET_DATA_DIR to an empty folder for it, such as /tmp/large.
Ten tracks an album, two albums an artist, a cover for each album and track, and a settled row of
the ledger for everything that each entity can need, so about six a track; of some it failed. The
database must be empty. A million tracks take some minutes and 4 GB.

Exit code 0: they are there; 2: the database was not empty.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench.command import PASSED, UnusableRunError, parser
from db import ledger
from db.library.audio_features import EXTRACTOR
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    AudioFeatures,
    Cover,
    EmbeddedPicture,
    EntityType,
    Genre,
    GenreName,
    Image,
    LedgerRow,
    Problem,
    Scan,
    State,
    Track,
    TrackArtist,
    TrackGenre,
    database,
    utc_now,
)
from db.sql.connection import close_database, is_sqlite, open_database, transaction
from db.sql.schema import migrate

ROOT = "/large-library"
_TRACKS_AN_ALBUM, _ALBUMS_AN_ARTIST, _GENRES = 10, 2, 200
_AT_ONCE = 20_000
_RARE = 10_000
_WORDS = (
    *("amber", "blue", "cold", "dawn", "echo", "fire", "gold", "hour", "iron", "june", "kite"),
    *("lake", "moon", "night", "ocean", "paper", "quiet", "river", "stone", "time", "under"),
    *("violet", "water", "xylo", "young", "zero", "bright", "cloud", "dream", "earth", "field"),
)
_NOW = utc_now().replace(microsecond=0)

Rows = Iterator[tuple[Any, ...]]


def main(arguments: Sequence[str]) -> int:
    """Fill it, and print how long each table took."""
    options = parser("rows", __doc__)
    options.add_argument("--tracks", type=int, default=1_000_000, metavar="N")
    asked = options.parse_args(arguments)
    open_database(create=True)
    migrate()
    if Track.select().limit(1).count():
        raise UnusableRunError("the database holds tracks already — name an empty FLEET_DATA_DIR")
    fill(asked.tracks, report=lambda line: print(line, flush=True))
    return PASSED


@contextmanager
def of_fleet(data: Path) -> Iterator[None]:
    """Have the database be that of a fleet's data folder meanwhile."""
    os.environ |= {"FLEET_DATA_DIR": str(data), "FLEET_DATABASE_URL": ""}
    open_database()
    try:
        yield
    finally:
        close_database()


def fill(tracks: int, report: Callable[[str], None] = lambda _: None) -> None:
    """Write the rows of a library of so many tracks."""
    albums = max(1, tracks // _TRACKS_AN_ALBUM)
    artists = max(1, albums // _ALBUMS_AN_ARTIST)
    if is_sqlite():
        database.execute_sql("PRAGMA synchronous = OFF")
    for model, columns, rows in (
        (Artist, "id name key", ((n, _name(n), f"name:{_key(n)}") for n in _ids(artists))),
        (ArtistName, "id artist name key by_id tracks albums", _artist_names(artists)),
        (Album, _ALBUM, _albums(albums)),
        (Genre, "id name key", ((n, f"Genre {n}", f"genre {n}") for n in _ids(_GENRES))),
        (GenreName, "id genre name tracks", _genre_names(tracks)),
        (Track, _TRACK, _tracks(tracks)),
        (TrackArtist, "track position artist spelling", _credits(tracks, _album_of)),
        (AlbumArtist, "album position artist spelling", _credits(albums, int)),
        (TrackGenre, "track position genre spelling", _genres_of(tracks)),
        (Image, "id digest mime width height bytes animated added_at", _images(albums)),
        (EmbeddedPicture, "track position type mime bytes digest", _pictures(tracks)),
        (
            Cover,
            "entity_type entity_id image role source rank source_path",
            _covers(tracks, albums),
        ),
        (AudioFeatures, _FEATURES, _features(tracks)),
        (Problem, "path stage code message first_seen last_seen", _problems(tracks)),
        (Scan, _SCAN, _scans(tracks)),
        (LedgerRow, _LEDGER, _ledger(tracks, albums, artists)),
    ):
        begun = time.monotonic()
        written = _write(model, columns.split(), rows)
        report(f"{model._meta.table_name:20} {written:9,} rows {time.monotonic() - begun:7.1f} s")
    if not is_sqlite():
        _move_sequences()


def _write(model: Any, names: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    columns = ", ".join(f'"{model._meta.fields[name].column_name}"' for name in names)
    marks = ", ".join([database.obj.param] * len(names))
    table = model._meta.table_name
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'  # noqa: S608  # constants
    left, written = iter(rows), 0
    while part := list(islice(left, _AT_ONCE)):
        with transaction():
            database.cursor().executemany(statement, part)
        written += len(part)
    return written


def _move_sequences() -> None:
    """Have PostgreSQL give out ids after those that were written."""
    for table in ("artists", "artist_names", "albums", "genres", "genre_names", "tracks", "images"):
        last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), MAX(id)) FROM {table}"  # noqa: S608  # constants
        database.execute_sql(last)


def _ids(count: int) -> range:
    return range(1, count + 1)


def _name(number: int) -> str:
    """Three words, and the number, which nothing else has."""
    base = len(_WORDS)
    words = (_WORDS[number % base], _WORDS[number // base % base], _WORDS[number * 7 % base])
    return f"{' '.join(words).title()} {number}"


def _key(number: int) -> str:
    return _name(number).lower()


def _artist_of(album: int) -> int:
    return (album - 1) // _ALBUMS_AN_ARTIST + 1


def _album_of(track: int) -> int:
    return (track - 1) // _TRACKS_AN_ALBUM + 1


def _folder(album: int) -> str:
    return f"{ROOT}/{_name(_artist_of(album))}/{_name(album)}"


def _path(track: int) -> str:
    return f"{_folder(_album_of(track))}/{track % _TRACKS_AN_ALBUM:02} {_name(track)}.mp3"


_ALBUM = "id key title album_artist date compilation added_at"


def _albums(count: int) -> Rows:
    for number in _ids(count):
        artist, added = _name(_artist_of(number)), _NOW - timedelta(minutes=count - number)
        about = (f"key {number}", _name(number), artist, _year(number))
        yield number, *about, False, _stored(added)


_LISTS = (
    "composers moods labels catalogue_numbers isrcs artist_sorts album_artist_sorts "
    "musicbrainz_artist_ids musicbrainz_album_artist_ids"
)
_TRACK = (
    "id path folder group_folder album title disc track date album_title album_artist_names "
    "compilation has_lyrics duration codec container bit_rate sample_rate channels size mtime_ns "
    f"content_id added_at {_LISTS}"
)


def _tracks(count: int) -> Rows:
    nothing = ("[]",) * len(_LISTS.split())
    for number in _ids(count):
        album = _album_of(number)
        folder, place = _folder(album), (number - 1) % _TRACKS_AN_ALBUM + 1
        where = (number, _path(number), folder, folder, album)
        tags = (_name(number), 1, place, _year(album), _name(album))
        by = (f'["{_name(_artist_of(album))}"]', False, False)
        sound = (180.0 + number % 200, "mp3", "mp3", 256_000, 44_100, 2)
        file = (5_000_000 + number, 1_700_000_000_000_000_000 + number, f"content {number}")
        yield (*where, *tags, *by, *sound, *file, _stored(_NOW), *nothing)


def _year(album: int) -> str:
    return str(1960 + album % 65)


def _credits(count: int, album_of: Callable[[int], int]) -> Rows:
    for number in _ids(count):
        artist = _artist_of(album_of(number))
        yield number, 0, artist, artist


def _artist_names(count: int) -> Rows:
    each = _ALBUMS_AN_ARTIST * _TRACKS_AN_ALBUM, _ALBUMS_AN_ARTIST
    return ((n, n, _name(n), _key(n), False, *each) for n in _ids(count))


def _genre_names(tracks: int) -> Rows:
    return ((n, n, f"Genre {n}", tracks // _GENRES) for n in _ids(_GENRES))


def _genres_of(tracks: int) -> Rows:
    for number in _ids(tracks):
        genre = number % _GENRES + 1
        yield number, 0, genre, genre


def _images(count: int) -> Rows:
    for number in _ids(count):
        yield number, _digest(number), "image/jpeg", 500, 500, 50_000, False, _stored(_NOW)


def _pictures(tracks: int) -> Rows:
    for number in _ids(tracks):
        yield number, 0, 3, "image/jpeg", 50_000, _digest(_album_of(number))


def _digest(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08x}{number:056x}"


_COVER = "entity_type entity_id image role source rank source_path"


def _covers(tracks: int, albums: int) -> Rows:
    for number in _ids(tracks):
        yield "track", number, _album_of(number), "front", "embedded", 0, _path(number)
    for number in _ids(albums):
        source = "embedded" if number % 3 else "folder"
        yield "album", number, number, "front", source, 0, f"{_folder(number)}/cover.jpg"


_FEATURES = (
    "track extractor content_id analysed_at decoder start seconds bpm camelot peak dynamic_range "
    "rms bpm_candidates chroma_mean chroma_deviation contrast mfcc_mean mfcc_deviation "
    "synthetic_tags"
)


def _features(tracks: int) -> Rows:
    analysed, lists = _stored(_NOW - timedelta(days=1)), ("[]",) * 7
    for number in _ids(tracks):
        of_file = (number, EXTRACTOR, f"content {number}", analysed, "soundfile", 30.0, 90.0)
        yield *of_file, 60.0 + number % 120, f"{number % 12 + 1}A", -1.0, 8.0, 0.1, *lists


def _problems(tracks: int) -> Rows:
    for number in _ids(tracks // 100):
        path = f"{ROOT}/Broken/{number // 100}/{number}.mp3"
        yield path, "metadata", "damaged", "it is damaged", _stored(_NOW), _stored(_NOW)


_SCAN = (
    "root deep started_at walked_at finished_at found unchanged missing new changed moved "
    "unreadable"
)


def _scans(tracks: int) -> Rows:
    moment, bad = _stored(_NOW), tracks // 100
    yield ROOT, False, moment, moment, moment, tracks + bad, 0, 0, tracks, 0, 0, bad


_LEDGER = "kind entity_type entity_id state reason sources attempt lease_attempt"


def _ledger(tracks: int, albums: int, artists: int) -> Rows:
    """For each need of each entity a row: done, or nothing was found, or it failed."""
    counts = {EntityType.TRACK: tracks, EntityType.ALBUM: albums, EntityType.ARTIST: artists}
    for need in ledger.NEEDS:
        is_of_track = need.entity_type is EntityType.TRACK
        key = (need.kind.value, need.entity_type.value)
        for number in _ids(counts[need.entity_type]):
            state, reason = State.DONE, None
            if number % _RARE == 0:
                state, reason = State.FAILED, "it is damaged"
            elif number % 10 == 0 and not is_of_track:
                state, reason = State.NONE, "nothing was found"
            yield *key, number, state.value, reason, "[]", 1, 1


def _stored(moment: datetime) -> str | datetime:
    """A time as the database keeps it."""
    return moment.isoformat(" ") if is_sqlite() else moment
