"""Statistics of the library: totals, covers by source, problems, and missing tags."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import SQL, Case, Function, fn

from db import ledger
from db.ledger.states import ENTITIES
from db.library.track_files import missing_count
from db.models import Album, Cover, EntityType, Kind, Role, Source, Track, TrackArtist, TrackGenre
from db.sql.queries import tuples, windows_of


class Totals(NamedTuple):
    """What a library holds; `missing` are tracks whose file is gone."""

    tracks: int
    missing: int
    albums: int
    artists: int


def library_totals() -> Totals:
    """How many tracks, albums and artists there are."""
    gone = Track.select().where(Track.missing_since.is_null(False), Track.size > 0)
    return Totals(
        tracks=_count(EntityType.TRACK) - missing_count(),
        missing=gone.count(),
        albums=_count(EntityType.ALBUM),
        artists=_count(EntityType.ARTIST),
    )


_FEW = 50_000


def _count(entity_type: EntityType) -> int:
    """How many tracks, albums or artists there are.

    Of many it is how many needs of a cover there are: each has one, and these are counted.
    """
    needs = ledger.counts()[ledger.need_for(Kind.COVER, entity_type)].total()
    if needs > _FEW:
        return needs
    return int(ENTITIES[entity_type].select().count())


def library_counts() -> dict[str, int]:
    """How many present tracks, albums, artists and covers there are."""
    totals = library_totals()._asdict()
    del totals["missing"]
    covers = sum(sum(each.values()) for each in _covers(Cover.source).values())
    return {**totals, "covers": covers}


class CodecTotals(NamedTuple):
    """What the present tracks of one codec add up to."""

    codec: str
    tracks: int
    seconds: float
    size: int
    """Bytes."""


def totals_by_codec() -> list[CodecTotals]:
    """The codecs of the library, the most frequent first."""
    count, former = fn.COUNT(Track.id), Track.alias()
    before = former.select(SQL("1")).where(
        former.path == Track.path, former.part < Track.part, former.missing_since.is_null()
    )
    size = Case(None, [((Track.part > 0) & fn.EXISTS(before), 0)], Track.size)  # once a file
    query = (
        Track.select(
            Track.codec,
            count,
            fn.COALESCE(fn.SUM(Track.duration), 0.0),
            fn.COALESCE(fn.SUM(size), 0),
        )
        .where(Track.missing_since.is_null())
        .group_by(Track.codec)
    )
    totals: dict[str, CodecTotals] = {}
    for part in windows_of(Track.id):
        for codec, n, time, bytes_ in tuples(query.where(part)):
            known = totals.get(codec, CodecTotals(codec, 0, 0.0, 0))
            totals[codec] = CodecTotals(
                codec, known.tracks + n, known.seconds + float(time), known.size + int(bytes_)
            )
    return sorted(totals.values(), key=lambda each: (-each.tracks, each.codec))


def covers_by_source() -> dict[str, dict[str, int]]:
    """How many entities of each type have a picture of their own, by the source of the front."""
    return _covers(Cover.source, Cover.role == Role.FRONT)


def _covers(column: Any, *where: Any) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    query = Cover.select(Cover.entity_type, column, fn.COUNT(Cover.id))
    for part in windows_of(Cover.id):
        rows = tuples(query.where(*where, part).group_by(Cover.entity_type, column))
        for entity_type, value, count in rows:
            counts.setdefault(entity_type, Counter())[value] += int(count)
    return {each: dict(sorted(counts[each].items())) for each in sorted(counts)}


class MissingTags(NamedTuple):
    """An album some of whose tracks lack some tags."""

    album: str | None
    """Its title; None for the tracks of a folder that belong to no album."""
    album_artist: str | None
    folder: str
    """Where they lie, or the first of several folders, in the text form of `db.sql.path_text`."""
    tracks: int
    missing: dict[str, int]
    """How many tracks lack each of FIELDS, where any does."""


def _has_row(table: Any, track: Any) -> Function:
    return fn.EXISTS(table.select(SQL("1")).where(track == Track.id))


def _guessed(field: str) -> Any:  # an expression
    """Whether a field was not in the tags; what only its character set was guessed of, was."""
    text = fn.REPLACE(Track.guessed.cast("TEXT"), '": "', '":"')  # PostgreSQL writes a blank
    beside = [f'"{field}":"{each}"' for each in Source if each is not Source.CHARSET]
    return Track.guessed.is_null(False) & reduce(or_, map(text.contains, beside))


TAG_FIELDS: dict[str, Any] = {
    "title": Track.title.is_null() | _guessed("title"),
    "artist": ~_has_row(TrackArtist, TrackArtist.track) | _guessed("artists"),
    "album": Track.album_title.is_null() | _guessed("album"),
    "track number": Track.track.is_null() | _guessed("track"),
    "date": Track.date.is_null() | _guessed("date"),
    "genre": ~_has_row(TrackGenre, TrackGenre.track),
}
"""The tags that are looked for, and when a track lacks one: what was guessed is no tag."""


def missing_tags_by_album() -> Iterator[MissingTags]:
    """Albums and folders with present tracks that lack something, by artist and title."""
    counts = [fn.SUM(Case(None, [(lacks, 1)], 0)) for lacks in TAG_FIELDS.values()]
    columns = (Album.title, Album.album_artist, fn.MIN(Track.folder), fn.COUNT(Track.id))
    here, group = Track.missing_since.is_null(), (Album.id, Album.title, Album.album_artist)
    query = Track.select(*columns, *counts).join(Album).where(here).group_by(*group)
    found = [
        MissingTags(
            row[0], row[1], row[2], row[3], dict(zip(TAG_FIELDS, map(int, row[4:]), strict=True))
        )
        for part in windows_of(Album.id, 5_000)
        for row in tuples(query.where(part, Track.album == Album.id))
        if any(row[4:])
    ]
    found += _missing_of_no_album(counts)
    for each in sorted(
        found, key=lambda one: (one.album_artist or "", one.album or "", one.folder)
    ):
        yield each._replace(missing={name: n for name, n in each.missing.items() if n})


def _missing_of_no_album(counts: Sequence[Any]) -> Iterator[MissingTags]:
    """Folders with tracks of no album that lack something."""
    query = Track.select(Track.folder, fn.COUNT(Track.id), *counts).where(
        Track.missing_since.is_null(), Track.album.is_null()
    )
    folders: dict[str, Counter[str]] = {}
    names = ["", *TAG_FIELDS]
    for part in windows_of(Track.id, 20_000):
        for folder, *numbers in tuples(query.where(part).group_by(Track.folder)):
            found = folders.setdefault(folder, Counter())
            found.update({name: int(n) for name, n in zip(names, numbers, strict=True)})
    for folder, counted in folders.items():
        tracks = counted.pop("")
        if any(counted.values()):
            yield MissingTags(None, None, folder, tracks, dict(counted))


def missing_tag_totals() -> dict[str, int]:
    """How many present tracks lack each of FIELDS."""
    counts = [fn.SUM(Case(None, [(lacks, 1)], 0)) for lacks in TAG_FIELDS.values()]
    query, totals = Track.select(*counts).where(Track.missing_since.is_null()), Counter[str]()
    for part in windows_of(Track.id, 10_000):
        (numbers,) = tuples(query.where(part))
        totals.update({n: int(each or 0) for n, each in zip(TAG_FIELDS, numbers, strict=True)})
    return {name: totals[name] for name in TAG_FIELDS}
