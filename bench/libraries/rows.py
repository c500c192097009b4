"""Fill the database that the settings name with the rows of a large library that was never there.

    python -m bench rows [--tracks 1000000] [--album-tracks 10] [--artist-albums 2] [--vectors 5]

Set FLEET_DATA_DIR to an empty folder for it, such as /tmp/large, or FLEET_DATABASE_URL to an empty
database of PostgreSQL, in which the user must be allowed to turn triggers off.
A cover for each album and track, audio features of each track, and a settled row of the ledger for
everything that each entity can need: six a track with ten tracks an album and two albums an artist,
eight with --album-tracks 3 --artist-albums 1, as in a library of singles. A few needs failed, wait,
are quarantined or cancelled. One album of --vectors has vectors, with those of its tracks and
artist, by a model that was trained on them. The database must be empty. A million tracks take some
minutes and 4 GB.

Exit code 0: they are there; 2: the database was not empty.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.command import PASSED, UnusableRunError, parser
from bench.libraries.bulk import Rows, in_bulk, move_sequences, write
from bench.libraries.shape import ROOT, Shape, name_of
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
    Kind,
    LedgerRow,
    Problem,
    Scan,
    Track,
    TrackArtist,
    TrackGenre,
    Vector,
    VectorModel,
    database,
    utc_now,
)
from db.similarity import vector_inputs
from db.sql.connection import close_database, is_sqlite, open_database, transaction
from db.sql.schema import migrate

_GENRES = 200
_RARE = 10_000
_NOW = utc_now().replace(microsecond=0)
_TOMORROW = _NOW + timedelta(days=1)

_Columns = tuple[Any, str, Rows]
"""A table, its columns, and its rows."""


def main(arguments: Sequence[str]) -> int:
    """Fill it, and print how long each table took."""
    options = parser("rows", __doc__)
    options.add_argument("--tracks", type=int, default=1_000_000, metavar="N")
    options.add_argument("--album-tracks", type=int, default=10, metavar="N")
    options.add_argument("--artist-albums", type=int, default=2, metavar="N")
    options.add_argument("--vectors", type=int, default=0, metavar="N")
    asked = options.parse_args(arguments)
    open_database(create=True)
    migrate()
    if Track.select().limit(1).count():
        raise UnusableRunError("the database holds tracks already — name an empty FLEET_DATA_DIR")
    shape = Shape(asked.tracks, asked.album_tracks, asked.artist_albums, asked.vectors)
    fill(shape, report=lambda line: print(line, flush=True))
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


def fill(shape: Shape, report: Callable[[str], None] = lambda _: None) -> None:
    """Write the rows of a library of this shape."""
    if is_sqlite():
        database.execute_sql("PRAGMA synchronous = OFF")
    with in_bulk(report):
        for model, columns, rows in _tables(shape):
            _report(report, model, write(model, columns.split(), rows))
        _report(report, LedgerRow, _write_ledger(shape))
    for model, columns, rows in _vectors(shape) if shape.vectors else ():
        _report(report, model, write(model, columns.split(), rows))
    if not is_sqlite():
        move_sequences()
        database.execute_sql("VACUUM ANALYZE")


def _tables(shape: Shape) -> Iterator[_Columns]:
    artists, tracks = shape.artists, shape.tracks
    yield Artist, "id name key", ((n, name_of(n), f"name:{_key(n)}") for n in _ids(artists))
    yield ArtistName, "id artist name key by_id tracks albums", _artist_names(shape)
    yield Album, _ALBUM, _albums(shape)
    yield Genre, "id name key", ((n, f"Genre {n}", f"genre {n}") for n in _ids(_GENRES))
    yield GenreName, "id genre name tracks", _genre_names(tracks)
    yield Track, _TRACK, _tracks(shape)
    credit = "position artist spelling"
    of_albums = (shape.artist_of(album) for album in _ids(shape.albums))
    of_tracks = (shape.artist_of(shape.album_of(track)) for track in _ids(tracks))
    yield TrackArtist, f"track {credit}", ((n, 0, a, a) for n, a in enumerate(of_tracks, 1))
    yield AlbumArtist, f"album {credit}", ((n, 0, a, a) for n, a in enumerate(of_albums, 1))
    yield TrackGenre, "track position genre spelling", _genres_of(tracks)
    yield Image, "id digest mime width height bytes animated added_at", _images(shape.albums)
    yield EmbeddedPicture, "track position type mime bytes digest", _pictures(shape)
    yield Cover, "entity_type entity_id image role source rank source_path", _covers(shape)
    yield AudioFeatures, _FEATURES, _features(shape)
    yield Problem, "path stage code message first_seen last_seen", _problems(tracks)
    yield Scan, _SCAN, _scans(tracks)


def _report(report: Callable[[str], None], model: Any, written: tuple[int, float]) -> None:
    rows, seconds = written
    report(f"{model._meta.table_name:20} {rows:10,} rows {seconds:7.1f} s")


def _ids(count: int) -> range:
    return range(1, count + 1)


def _key(number: int) -> str:
    return name_of(number).lower()


_ALBUM = "id key title album_artist date compilation added_at present"


def _albums(shape: Shape) -> Rows:
    count = shape.albums
    present = None if is_sqlite() else shape.album_tracks
    for number in _ids(count):
        artist, added = name_of(shape.artist_of(number)), _NOW - timedelta(minutes=count - number)
        about = (f"key {number}", name_of(number), artist, _year(number))
        if number == count and present is not None:
            present = shape.tracks - (count - 1) * shape.album_tracks
        yield number, *about, False, _stored(added), present or 0  # SQLite's triggers count


_LISTS = (
    "composers moods labels catalogue_numbers isrcs artist_sorts album_artist_sorts "
    "musicbrainz_artist_ids musicbrainz_album_artist_ids"
)
_TRACK = (
    "id path folder group_folder album title disc track date album_title album_artist_names "
    "compilation has_lyrics duration codec container bit_rate sample_rate channels size mtime_ns "
    f"content_id added_at {_LISTS}"
)


def _tracks(shape: Shape) -> Rows:
    nothing = ("[]",) * len(_LISTS.split())
    for number in _ids(shape.tracks):
        album = shape.album_of(number)
        folder, place = shape.folder(album), (number - 1) % shape.album_tracks + 1
        where = (number, shape.path(number), folder, folder, album)
        tags = (name_of(number), 1, place, _year(album), name_of(album))
        by = (f'["{name_of(shape.artist_of(album))}"]', False, False)
        sound = (180.0 + number % 200, "mp3", "mp3", 256_000, 44_100, 2)
        file = (5_000_000 + number, 1_700_000_000_000_000_000 + number, f"content {number}")
        yield (*where, *tags, *by, *sound, *file, _stored(_NOW), *nothing)


def _year(album: int) -> str:
    return str(1960 + album % 65)


def _artist_names(shape: Shape) -> Rows:
    each = shape.artist_albums * shape.album_tracks, shape.artist_albums
    return ((n, n, name_of(n), _key(n), False, *each) for n in _ids(shape.artists))


def _genre_names(tracks: int) -> Rows:
    return ((n, n, f"Genre {n}", tracks // _GENRES) for n in _ids(_GENRES))


def _genres_of(tracks: int) -> Rows:
    for number in _ids(tracks):
        genre = number % _GENRES + 1
        yield number, 0, genre, genre


def _images(count: int) -> Rows:
    for number in _ids(count):
        yield number, _digest(number), "image/jpeg", 500, 500, 50_000, False, _stored(_NOW)


def _pictures(shape: Shape) -> Rows:
    for number in _ids(shape.tracks):
        yield number, 0, 3, "image/jpeg", 50_000, _digest(shape.album_of(number))


def _digest(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08x}{number:056x}"


def _covers(shape: Shape) -> Rows:
    for number in _ids(shape.tracks):
        image, path = shape.album_of(number), shape.path(number)
        yield "track", number, image, "front", "embedded", 0, path
    for number in _ids(shape.albums):
        source = "embedded" if number % 3 else "folder"
        yield "album", number, number, "front", source, 0, f"{shape.folder(number)}/cover.jpg"


_FEATURES = (
    "track extractor content_id analysed_at decoder start seconds bpm camelot peak dynamic_range "
    "rms bpm_candidates chroma_mean chroma_deviation contrast mfcc_mean mfcc_deviation "
    "synthetic_tags"
)
_SOUNDS = 1_000
"""How many there are: more tracks repeat them."""


def _features(shape: Shape) -> Rows:
    analysed, unknown = _stored(_NOW - timedelta(days=1)), ("[]",) * 5
    sounds = [_sound(number) for number in range(_SOUNDS)]
    for number in _ids(shape.tracks):
        of_file = (number, EXTRACTOR, f"content {number}", analysed, "soundfile", 30.0, 90.0)
        levels = (60.0 + number % 120, f"{number % 12 + 1}A", -1.0, 8.0, 0.1, "[]")
        known = shape.has_vector(shape.album_of(number))
        yield *of_file, *levels, *(sounds[number % _SOUNDS] if known else unknown), "[]"


def _sound(number: int) -> tuple[str, ...]:
    """Chroma, contrast and MFCC: a tenth of all sounds are similar."""
    common, own = random.Random(number % 10), random.Random(number)  # noqa: S311  # no secret
    return tuple(
        json.dumps([round(common.gauss(0.5, 1) + own.gauss(0, 0.2), 3) for _ in range(length)])
        for length in (12, 12, 7, 20, 20)
    )


def _vectors(shape: Shape) -> Iterator[_Columns]:
    """A model that is trained on a part of the tracks with sounds, and vectors by it."""
    from jobs.vectorization.model import track_vectors  # noqa: PLC0415  # scikit-learn
    from jobs.vectorization.trainer import fit  # noqa: PLC0415

    of = [album for album in _ids(shape.albums) if shape.has_vector(album)]
    tracks = [n for n in _ids(shape.tracks) if shape.has_vector(shape.album_of(n))]
    sample = vector_inputs.inputs(tracks[:_SOUNDS])
    model = fit(sample)
    made = list(track_vectors(model, sample).values())
    known = (1, "generated", model.dimension, len(tracks), _GENRES, "", model.packed(), False)
    names = "id reason dimension tracks genres vocabulary parameters in_training trained_at"
    yield VectorModel, names, [(*known, _stored(_NOW))]
    artists = sorted({shape.artist_of(album) for album in of})
    yield (
        Vector,
        "entity_type entity_id model dimension numbers made_at",
        (
            (entity_type, each, 1, model.dimension, made[each % len(made)], _stored(_NOW))
            for entity_type, ids in (("track", tracks), ("album", of), ("artist", artists))
            for each in ids
        ),
    )


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


_DONE, _NOTHING = 8, 9
_HOW = {
    0: ("failed", "it is damaged", None, None, None),
    1: ("cancelled", "cancelled by its owner", None, None, None),
    2: ("waiting", "Permission denied", ledger.Cause.NO_PERMISSION.value, ROOT, _TOMORROW),
    3: ("quarantined", "it ended the process three times", None, None, None),
    _DONE: ("done", None, None, None, None),
    _NOTHING: ("none", "nothing was found", None, None, None),
}
"""State, reason, cause, place and date of needs: of one in ten thousand one of the first four."""
_COUNTED = (
    "WITH RECURSIVE number(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < {0})"
)
_NUMBERS = "WITH number(id) AS (SELECT * FROM generate_series(1, {0}))"


def _write_ledger(shape: Shape) -> tuple[int, float]:
    """For each need of each entity a row; the database makes them, which is quicker."""
    counts = {
        EntityType.TRACK: shape.tracks,
        EntityType.ALBUM: shape.albums,
        EntityType.ARTIST: shape.artists,
    }
    begun, written = time.monotonic(), 0
    numbers = _COUNTED if is_sqlite() else _NUMBERS
    columns = ", ".join(map(_column, range(5)))
    for need in ledger.NEEDS:
        count = counts[need.entity_type]
        key = f"'{need.kind}', '{need.entity_type}'"
        with transaction():
            text = (
                "INSERT INTO ledger (kind, entity_type, entity_id, state, reason, cause, place, "  # noqa: S608  # constants
                f"look_again_at, sources, attempt, lease_attempt) {numbers.format(count)} "
                f"SELECT {key}, id, {columns}, '[]', 1, 1 "
                f"FROM (SELECT id, {_how(shape, need)} AS how FROM number) AS each"
            )
            database.execute_sql(text if is_sqlite() else text.replace("%", "%%"))
        written += count
    return written, time.monotonic() - begun


def _how(shape: Shape, need: ledger.Need) -> str:
    """How the need of the entity `id` stands, in SQL."""
    found = "id % 10" if need.entity_type is not EntityType.TRACK else "1"
    with_vector = "1 = 1"
    if need.kind is Kind.VECTOR and shape.vectors:
        album = {
            EntityType.TRACK: f"(id - 1) / {shape.album_tracks} + 1",
            EntityType.ALBUM: "id",
            EntityType.ARTIST: f"id * {shape.artist_albums}",
        }[need.entity_type]
        each = shape.artist_albums if need.entity_type is EntityType.ARTIST else 1
        with_vector = f"({album}) % {shape.vectors} < {each}"
    return (
        f"CASE WHEN NOT ({with_vector}) THEN {_NOTHING} "
        f"WHEN id % {_RARE} = 0 THEN id / {_RARE} % 4 "
        f"WHEN {found} = 0 THEN {_NOTHING} ELSE {_DONE} END"
    )


def _column(place: int) -> str:
    """A value of `_HOW`, in SQL."""
    values = {number: how[place] for number, how in _HOW.items() if how[place] is not None}
    text = " ".join(f"WHEN {number} THEN '{value}'" for number, value in values.items())
    is_time = any(isinstance(each, datetime) for each in values.values())
    return f"CAST(CASE how {text} END AS {'TIMESTAMP' if is_time and not is_sqlite() else 'TEXT'})"


def _stored(moment: datetime) -> str | datetime:
    """A time as the database keeps it."""
    return moment.isoformat(" ") if is_sqlite() else moment
