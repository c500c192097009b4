"""`fleet export json`, `csv` and `parquet`: the library as tables, one file of each.

Rows are in the order of ids and hold no moment of the export, so that the same library gives the
same bytes. What was guessed is marked so: `guessed` has the fields, each with its source.
"""

import csv
import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from typing import Any, NamedTuple, TextIO

from peewee import BooleanField, FloatField, IntegerField

from db.models import (
    Album,
    AlbumArtist,
    Artist,
    AudioFeatures,
    Genre,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind
from db.sql.path_text import shown, visible
from db.sql.queries import ROWS, among, tuples
from jobs.publishing import disk
from jobs.publishing.disk import Wanted

Item = tuple[int, str]
Row = dict[str, Any]
_TABLES = ("albums", "artists", "tracks")
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""How a cell begins that a spreadsheet computes."""
NO_PARQUET = "Parquet needs the extra parquet — run `pip install 'musicfleet[parquet]'`"


class _Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: str
    """integer, number, flag, texts, object, or text."""
    field: Any = None
    """Of the model; None for what is put together here."""


def _columns(table: type[Any], names: Sequence[str], prefix: str = "") -> list[_Column]:
    return [_Column(f"{prefix}{name}", _kind(table, name), getattr(table, name)) for name in names]


def _kind(table: type[Any], name: str) -> str:
    field = getattr(table, name)
    if name == "guessed":
        return "object"
    if name in {"moods", "isrcs", "labels", "composers", "catalogue_numbers"}:
        return "texts"
    if isinstance(field, BooleanField):
        return "flag"
    if isinstance(field, FloatField):
        return "number"
    return "integer" if isinstance(field, IntegerField) or name in _IDS else "text"


_IDS = {"id", "album", "size"}
_OF_TRACKS = (
    *("id", "path", "title", "album", "disc", "track", "date", "original_date", "duration"),
    *("codec", "container", "bit_rate", "sample_rate", "bit_depth", "channels", "size"),
    *("bpm", "key", "moods", "composers", "isrcs", "labels", "compilation"),
    *("replaygain_track_gain", "replaygain_track_peak"),
    *("replaygain_album_gain", "replaygain_album_peak"),
    *("musicbrainz_recording_id", "musicbrainz_track_id", "musicbrainz_release_id", "guessed"),
)
_OF_SOUND = (
    *("bpm", "bpm_confidence", "key", "camelot", "key_confidence", "loudness", "loudness_range"),
    *("energy", "danceability", "acousticness", "instrumentalness", "valence"),
)
_OF_ALBUMS = (
    *("id", "title", "album_artist", "sort_title", "edition", "date", "original_date"),
    *("compilation", "disc_total", "label", "catalogue_number", "musicbrainz_release_id"),
    *("musicbrainz_release_group_id", "guessed"),
)
_OF_ARTISTS = ("id", "name", "sort_name", "musicbrainz_id")
_LISTS = {
    "tracks": (_Column("artists", "texts"), _Column("genres", "texts")),
    "albums": (_Column("artists", "texts"),),
    "artists": (),
}
_SELECTED = {
    "tracks": (
        *_columns(Track, _OF_TRACKS),
        *_columns(AudioFeatures, _OF_SOUND, "found_"),
    ),
    "albums": tuple(_columns(Album, _OF_ALBUMS)),
    "artists": tuple(_columns(Artist, _OF_ARTISTS)),
}
COLUMNS = {table: (*_SELECTED[table], *_LISTS[table]) for table in _TABLES}


class Tables:
    """The export of one of the formats."""

    def __init__(self, kind: Kind) -> None:
        """`kind` is the format."""
        self._kind = kind

    def items(self, _options: Mapping[str, object]) -> list[Item]:
        """The tables."""
        return list(enumerate(_TABLES))

    def work(
        self, wanted: Sequence[Item], options: Mapping[str, Any], *, dry: bool
    ) -> Generator[tuple[Item, list[Outcome]], None, None]:
        """Write the file of each of these tables."""
        folder = options["folder"]
        for item in wanted:
            path = f"{folder}/{item[1]}.{self._kind}"
            try:
                yield item, [self._settle(folder, path, item[1], dry=dry)]
            except OSError as error:
                yield item, [disk.failure(error, path)]

    def _settle(self, folder: str, path: str, table: str, *, dry: bool) -> Outcome:
        if self._kind is Kind.PARQUET and find_spec("pyarrow") is None:
            return Outcome(End.FAILED, path, NO_PARQUET)
        if not dry:
            disk.make_folders(folder, folder, self._kind)
        known = written_files.at([path]).get(path)
        writer = _WRITERS[self._kind]
        wanted = Wanted(path, self._kind, "", lambda to: writer(to, table), folder)
        return disk.settle(wanted, known, dry=dry)


def rows(table: str) -> Iterator[Row]:
    """Every row of a table, in the order of ids."""
    last = 0
    while part := _part(table, last):
        yield from part
        last = part[-1]["id"]


def _part(table: str, after: int) -> list[Row]:
    model: Any = {"tracks": Track, "albums": Album, "artists": Artist}[table]
    columns = _SELECTED[table]
    query = model.select(*(column.field for column in columns)).where(model.id > after)
    if table == "tracks":
        query = query.left_outer_join(AudioFeatures).where(Track.missing_since.is_null())
    elif table == "albums":
        query = query.where(Album.present > 0)
    names = [column.name for column in columns]
    found = [
        dict(zip(names, row, strict=True)) for row in tuples(query.order_by(model.id).limit(ROWS))
    ]
    for column in _LISTS[table]:
        listed = _listed(table, column.name, [row["id"] for row in found])
        for row in found:
            row[column.name] = listed.get(row["id"], [])
    for row in found:
        if "path" in row:
            row["path"] = shown(row["path"])
    return found


def _listed(table: str, what: str, ids: list[int]) -> dict[int, list[str]]:
    """The names of artists or genres of each of these, in order."""
    link: Any
    owner: Any
    name: Any
    if what == "genres":
        link, owner, name = TrackGenre, TrackGenre.track, Genre
    elif table == "tracks":
        link, owner, name = TrackArtist, TrackArtist.track, Artist
    else:
        link, owner, name = AlbumArtist, AlbumArtist.album, Artist
    query = link.select(owner, name.name).join(name).where(among(owner, ids))
    found: dict[int, list[str]] = {}
    for entity_id, said in tuples(query.order_by(owner, link.position)):
        found.setdefault(entity_id, []).append(said)
    return found


def _opened(path: bytes, newline: str) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    return open(descriptor, "w", encoding="utf-8", newline=newline)  # its caller closes it


def _closed(file: TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_json(path: bytes, table: str) -> None:
    """One object, with a row in each line."""
    with _opened(path, "\n") as file:
        file.write(f'{{"version": 1, "{table}": [')
        for number, row in enumerate(rows(table)):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(row, ensure_ascii=False))
        file.write("\n]}\n")
        _closed(file)


def _write_csv(path: bytes, table: str) -> None:
    """Rows for spreadsheets: a cell that would be a formula gets a `'` in front."""
    names = [column.name for column in COLUMNS[table]]
    with _opened(path, "") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_cell(row[name]) for name in names] for row in rows(table))
        _closed(file)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _write_parquet(path: bytes, table: str) -> None:
    """A Parquet file, by pyarrow, a few hundred rows at a time."""
    import pyarrow as pa  # noqa: PLC0415  # an extra
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    kinds = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "object": pa.string(),
        "text": pa.string(),
    }
    schema = pa.schema([(column.name, kinds[column.kind]) for column in COLUMNS[table]])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as file:
        with pq.ParquetWriter(file, schema) as writer:
            found = rows(table)
            while part := list(_taken(found, 4 * ROWS)):
                writer.write_batch(pa.RecordBatch.from_pylist(part, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def _taken(found: Iterator[Row], most: int) -> Iterator[Row]:
    for row in islice(found, most):
        guessed = row.get("guessed")
        yield {**row, "guessed": json.dumps(guessed)} if guessed else row


_WRITERS: dict[Kind, Callable[[bytes, str], None]] = {
    Kind.JSON: _write_json,
    Kind.CSV: _write_csv,
    Kind.PARQUET: _write_parquet,
}
