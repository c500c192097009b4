"""The library as a whole: how much of everything there is."""

from typing import NamedTuple

from peewee import fn

from db import problems
from db.covers import FRONT
from db.models import Album, Artist, Cover, Track
from db.rows import tuples


class Totals(NamedTuple):
    """What a library holds; `missing` are tracks whose file is gone."""

    tracks: int
    missing: int
    albums: int
    artists: int


def totals() -> Totals:
    """How many tracks, albums and artists there are."""
    missing = Track.select().where(Track.missing_since.is_null(False)).count()
    return Totals(
        tracks=Track.select().count() - missing,
        missing=missing,
        albums=Album.select().count(),
        artists=Artist.select().count(),
    )


def covers_by_source() -> dict[str, dict[str, int]]:
    """How many entities of each type have a picture of their own, by the source of the front."""
    counts: dict[str, dict[str, int]] = {}
    query = (
        Cover.select(Cover.entity_type, Cover.source, fn.COUNT(Cover.id))
        .where(Cover.role == FRONT)
        .group_by(Cover.entity_type, Cover.source)
    )
    ordered = query.order_by(Cover.entity_type, Cover.source)
    for entity_type, source, count in tuples(ordered):
        counts.setdefault(entity_type, {})[source] = count
    return counts


def problem_count(root: str) -> int:
    """How many problems there are below `root`."""
    return len(problems.listed(root))
