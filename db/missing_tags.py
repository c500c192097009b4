"""Which tags are missing, by album, or by folder for tracks without an album."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL, Case, Expression, Function, fn

from db.models import Album, Track, TrackArtist, TrackGenre
from db.rows import tuples


class Lacking(NamedTuple):
    """An album some of whose tracks lack some tags."""

    album: str | None
    """Its title; None for the tracks of a folder that belong to no album."""
    album_artist: str | None
    folder: str
    """Where they lie, or the first of several folders, in the text form of `db.paths`."""
    tracks: int
    missing: dict[str, int]
    """How many tracks lack each of FIELDS, where any does."""


def _has(table: Any, track: Any) -> Function:
    return fn.EXISTS(table.select(SQL("1")).where(track == Track.id))


FIELDS: dict[str, Expression | Function] = {
    "title": Track.title.is_null(),
    "artist": ~_has(TrackArtist, TrackArtist.track),
    "album": Track.album_title.is_null(),
    "track number": Track.track.is_null(),
    "date": Track.date.is_null(),
    "genre": ~_has(TrackGenre, TrackGenre.track),
}
"""The tags that are looked for, and when a track lacks one."""


def by_album() -> Iterator[Lacking]:
    """Albums and folders with present tracks that lack something, by artist and title."""
    counts = [fn.SUM(Case(None, [(lacks, 1)], 0)) for lacks in FIELDS.values()]
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
        missing = {name: int(n) for name, n in zip(FIELDS, numbers, strict=True) if n}
        if missing:
            yield Lacking(title, artist, place, tracks, missing)


def totals() -> dict[str, int]:
    """How many present tracks lack each of FIELDS."""
    counts = [fn.SUM(Case(None, [(lacks, 1)], 0)) for lacks in FIELDS.values()]
    (numbers,) = tuples(Track.select(*counts).where(Track.missing_since.is_null()))
    return {name: int(number or 0) for name, number in zip(FIELDS, numbers, strict=True)}
