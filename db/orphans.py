"""Rows that name an entity that is not there: nothing but a fault, or a hand, leaves them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL, fn

from db.connection import transaction
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ChosenImage,
    ClusterMembership,
    ClusterModel,
    Cover,
    EntityType,
    Fact,
    Genre,
    LedgerRow,
    Problem,
    Track,
    TrackArtist,
    TrackGenre,
    Vector,
    VectorModel,
)
from db.rows import tuples
from db.slices import slices

MOST = 10_000
"""Rows of a kind that one look finds; the next look finds the next."""
_ENTITIES: dict[EntityType, Any] = {
    EntityType.TRACK: Track,
    EntityType.ALBUM: Album,
    EntityType.ARTIST: Artist,
    EntityType.FILE: Problem,
}
_POINTING: dict[str, Any] = {
    "needs": LedgerRow,
    "covers": Cover,
    "chosen pictures": ChosenImage,
    "vectors": Vector,
    "facts": Fact,
}
"""Tables that name an entity by type and id."""


class Empty(NamedTuple):
    """Albums, artists and genres that no track is of."""

    albums: list[int]
    artists: list[int]
    genres: list[int]


def drop() -> dict[str, int]:
    """Delete rows whose entity is gone; how many, by what they are."""
    dropped: dict[str, int] = {}
    for what, table in _POINTING.items():
        ids = [id_ for type_ in _ENTITIES for id_ in _dangling(table, type_)]
        dropped[f"{what} of nothing"] = _delete(table, ids)
    dropped["memberships of nothing"] = _delete(ClusterMembership, list(_memberships()))
    return dropped


def empty() -> Empty:
    """What no track, not even a missing one, belongs to or names."""
    used = fn.EXISTS
    albums = Album.select(Album.id).where(~used(_one(Track, Track.album == Album.id)))
    artists = Artist.select(Artist.id).where(
        ~used(_one(TrackArtist, TrackArtist.artist == Artist.id)),
        ~used(_one(AlbumArtist, AlbumArtist.artist == Artist.id)),
    )
    genres = Genre.select(Genre.id).where(~used(_one(TrackGenre, TrackGenre.genre == Genre.id)))
    return Empty(
        *([id_ for (id_,) in tuples(each.limit(MOST))] for each in (albums, artists, genres))
    )


def of_wrong_dimension() -> int:
    """How many vectors have another dimension than their model."""
    query = Vector.select(fn.COUNT(Vector.id)).join(VectorModel)
    ((count,),) = tuples(query.where(Vector.dimension != VectorModel.dimension))
    return int(count)


def _dangling(table: Any, entity_type: EntityType) -> Iterator[int]:
    entity = _ENTITIES[entity_type]
    query = table.select(table.id).where(
        table.entity_type == entity_type,
        ~fn.EXISTS(_one(entity, entity.id == table.entity_id)),
    )
    return (id_ for (id_,) in tuples(query.limit(MOST)))


def _memberships() -> Iterator[int]:
    for entity_type in (EntityType.TRACK, EntityType.ARTIST):
        entity = _ENTITIES[entity_type]
        query = (
            ClusterMembership.select(ClusterMembership.id)
            .join(ClusterModel)
            .where(
                ClusterModel.entity_type == entity_type,
                ~fn.EXISTS(_one(entity, entity.id == ClusterMembership.entity_id)),
            )
        )
        yield from (id_ for (id_,) in tuples(query.limit(MOST)))


def _one(table: Any, where: Any) -> Any:
    return table.select(SQL("1")).where(where)


def _delete(table: Any, ids: list[int]) -> int:
    count = 0
    for part in slices(ids):
        with transaction():
            count += int(table.delete().where(table.id.in_(list(part))).execute())
    return count
