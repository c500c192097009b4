"""The tables as values that two scans of the same folder can be compared by: no ids, no times."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from peewee import AutoField, DateTimeField, ForeignKeyField

from db.models import (
    TABLES,
    Album,
    Artist,
    ArtistName,
    AudioFeatures,
    EntityType,
    Genre,
    GenreName,
    HealthReport,
    Image,
    Kind,
    LedgerRow,
    LedgerSum,
    LibraryIdentity,
    MaintenanceRun,
    Problem,
    Scan,
    ScanChunk,
    ScheduleTime,
    Table,
    TagCheck,
    Track,
    TrackGenre,
)
from db.sql.queries import tuples

Snapshot = dict[str, Counter[str]]
"""Each table's rows as text, and how often each is there."""

_NATURAL_KEYS = {
    Artist: Artist.key,
    ArtistName: ArtistName.name,
    Album: Album.key,
    Track: Track.path,
    Genre: Genre.key,
    GenreName: GenreName.name,
    Image: Image.digest,
    Problem: Problem.path,
    Scan: Scan.root,
}
"""By what a row is named instead of by its id."""
_ENTITIES: dict[str, type[Table]] = {
    EntityType.TRACK: Track,
    EntityType.ALBUM: Album,
    EntityType.ARTIST: Artist,
    EntityType.FILE: Problem,
}
_OF_THE_WORK = {
    Scan,
    ScanChunk,
    MaintenanceRun,
    ScheduleTime,
    HealthReport,
    TagCheck,
    LibraryIdentity,
    LedgerSum,
    AudioFeatures,
}
_ATTEMPTS = {"attempt", "lease_attempt"}
"""Columns that count attempts, which the storm is to make more of."""

_Names = dict[type[Table], dict[int, str]]


def snapshot() -> Snapshot:
    """What the open database holds, but for how the work was divided.

    That are scans and their chunks, maintenance, schedules and what they check, and which of the
    tracks with the same picture carried it to the store. Nor what nobody waits for after a scan,
    the audio analysis, and the numbers of ledger rows, which `fleet doctor` compares with the rows.
    """
    names: _Names = {
        table: dict(tuples(table.select(table.id, key)))  # type: ignore[attr-defined]
        for table, key in _NATURAL_KEYS.items()
    }
    return {
        table._meta.table_name: Counter(_rows(table, names))
        for table in TABLES
        if table not in _OF_THE_WORK
    }


def differences(expected: Snapshot, found: Snapshot) -> Iterator[str]:
    """A line for each row that is in one of the two alone."""
    for table, rows in expected.items():
        yield from _lines(table, "lost", (rows - found[table]).elements())
        yield from _lines(table, "not expected", (found[table] - rows).elements())


def _lines(table: str, what: str, rows: Iterable[str]) -> Iterator[str]:
    for row in sorted(rows):
        yield f"{table}: {what}: {row[:300]}"


def _rows(table: type[Table], names: _Names) -> Iterator[str]:
    rows: Iterable[dict[str, Any]] = table.select().dicts()  # type: ignore[assignment]
    for row in rows:
        if table is not LedgerRow or row["kind"] not in {Kind.PICTURE, Kind.ANALYSIS}:
            yield repr([*_values(table, row, names)])


def _values(table: type[Table], row: dict[str, Any], names: _Names) -> Iterator[tuple[str, Any]]:
    fields: dict[str, Any] = table._meta.fields
    for name, field in fields.items():
        value = row[name]
        if isinstance(field, AutoField | DateTimeField) or name in _ATTEMPTS:
            continue
        if isinstance(field, ForeignKeyField):
            value = names[field.rel_model].get(value)
        elif name == "entity_id":
            value = names[_ENTITIES[row["entity_type"]]].get(value)
        elif name == "spelling":
            value = names[GenreName if table is TrackGenre else ArtistName].get(value)
        yield name, value
