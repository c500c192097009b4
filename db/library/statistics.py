"""Statistics of the library: totals, covers by source, problems, and missing tags."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import SQL, Case, Function, fn

from db.library.track_files import missing_count
from db.models import Album, Artist, Cover, Role, Source, Track, TrackArtist, TrackGenre
from db.sql.queries import tuples


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
        tracks=Track.select().count() - missing_count(),
        missing=gone.count(),
        albums=Album.select().count(),
        artists=Artist.select().count(),
    )


def library_counts() -> dict[str, int]:
    """How many present tracks, albums, artists and covers there are."""
    totals = library_totals()._asdict()
    del totals["missing"]
    return {**totals, "covers": Cover.select().count()}


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
        .order_by(count.desc(), Track.codec)
    )
    return [CodecTotals(codec, n, float(time), int(size)) for codec, n, time, size in tuples(query)]


def covers_by_source() -> dict[str, dict[str, int]]:
    """How many entities of each type have a picture of their own, by the source of the front."""
    counts: dict[str, dict[str, int]] = {}
    query = (
        Cover.select(Cover.entity_type, Cover.source, fn.COUNT(Cover.id))
        .where(Cover.role == Role.FRONT)
        .group_by(Cover.entity_type, Cover.source)
    )
    ordered = query.order_by(Cover.entity_type, Cover.source)
    for entity_type, source, count in tuples(ordered):
        counts.setdefault(entity_type, {})[source] = count
    return counts


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
    return fn.COALESCE(reduce(or_, map(text.contains, beside)), False)


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
    folder = Case(None, [(Track.album.is_null(), Track.folder)], "")
    query = (
        Track.select(
            Album.title, Album.album_artist, fn.MIN(Track.folder), fn.COUNT(Track.id), *counts
        )
        .left_outer_join(Album)
        .where(Track.missing_since.is_null())
        .group_by(Album.id, Album.title, Album.album_artist, folder)
        .order_by(Album.album_artist, Album.title, fn.MIN(Track.folder))
    )
    for title, artist, place, tracks, *numbers in tuples(query):
        missing = {name: int(n) for name, n in zip(TAG_FIELDS, numbers, strict=True) if n}
        if missing:
            yield MissingTags(title, artist, place, tracks, missing)


def missing_tag_totals() -> dict[str, int]:
    """How many present tracks lack each of FIELDS."""
    counts = [fn.SUM(Case(None, [(lacks, 1)], 0)) for lacks in TAG_FIELDS.values()]
    (numbers,) = tuples(Track.select(*counts).where(Track.missing_since.is_null()))
    return {name: int(number or 0) for name, number in zip(TAG_FIELDS, numbers, strict=True)}
