"""Covers: the pictures that are known, who carries them, and which one an entity shows."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import Expression, fn

from db.models import Cover, EmbeddedPicture, EntityType, Image, Track
from db.rows import tuples
from db.slices import slices

FRONT = "front"
"""The role of what is shown for an entity."""


class EmbeddedIn(NamedTuple):
    """A picture that a track carries."""

    track_id: int
    type: int
    """The ID3v2 APIC picture type: 3 is the front cover."""
    bytes: int
    digest: str


class TrackPlace(NamedTuple):
    """Where a track lies, and whether it is there."""

    id: int
    album_id: int | None
    path: str
    folder: str
    disc: int | None
    track: int | None
    missing: bool


class Carrier(NamedTuple):
    """A present file that carries a picture."""

    digest: str
    path: str


class KnownImage(NamedTuple):
    """A row of `images`."""

    digest: str
    mime: str
    width: int | None
    height: int | None
    bytes: int
    fault: str | None


class Chosen(NamedTuple):
    """The image that an entity shows."""

    entity_id: int
    digest: str
    source: str
    rank: int
    source_path: str


def tracks(track_ids: Sequence[int]) -> list[TrackPlace]:
    """These tracks, missing ones too, by id."""
    return [
        place for ids in slices(track_ids) for place in _places(Track.id.in_(list(ids)), Track.id)
    ]


def present_tracks(album_ids: Sequence[int]) -> dict[int, list[TrackPlace]]:
    """The present tracks of each album that has any, by disc, track number and path."""
    found: dict[int, list[TrackPlace]] = defaultdict(list)
    for ids in slices(album_ids):
        here = Track.album.in_(list(ids)) & Track.missing_since.is_null()
        for place in _places(here, Track.path):
            found[int(place.album_id or 0)].append(place)
    for places in found.values():
        places.sort(key=lambda each: (each.disc or 1, each.track or 0, each.path))
    return dict(found)


def pictures_in(track_ids: Sequence[int]) -> dict[int, list[EmbeddedIn]]:
    """The pictures of each track that has any, in the order of the file."""
    found: dict[int, list[EmbeddedIn]] = defaultdict(list)
    for ids in slices(track_ids):
        query = (
            EmbeddedPicture.select(
                EmbeddedPicture.track,
                EmbeddedPicture.type,
                EmbeddedPicture.bytes,
                EmbeddedPicture.digest,
            )
            .where(EmbeddedPicture.track.in_(list(ids)))
            .order_by(EmbeddedPicture.track, EmbeddedPicture.position)
        )
        for row in tuples(query):
            found[row[0]].append(EmbeddedIn(*row))
    return dict(found)


def carriers(digests: Collection[str], most: int) -> dict[str, list[str]]:
    """For each picture the paths of up to `most` present tracks that carry it, oldest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for part in slices(sorted(digests)):
        query = (
            EmbeddedPicture.select(EmbeddedPicture.digest, Track.path)
            .join(Track)
            .where(EmbeddedPicture.digest.in_(list(part)), Track.missing_since.is_null())
            .order_by(Track.id)
        )
        for digest, path in tuples(query):
            if len(found[digest]) < most and path not in found[digest]:
                found[digest].append(path)
    return dict(found)


def images(digests: Collection[str]) -> dict[str, KnownImage]:
    """The rows of `images` with these digests."""
    columns = (Image.digest, Image.mime, Image.width, Image.height, Image.bytes, Image.fault)
    return {
        row[0]: KnownImage(*row)
        for part in slices(sorted(digests))
        for row in tuples(Image.select(*columns).where(Image.digest.in_(list(part))))
    }


def record_images(found: Sequence[KnownImage]) -> None:
    """Write what was found out of pictures, over what was known of them.

    In the order of digests, so that two jobs that write the same rows wait for each other in turn.
    """
    for part in slices(sorted(found)):
        Image.insert_many([image._asdict() for image in part]).on_conflict(
            conflict_target=[Image.digest],
            preserve=[Image.mime, Image.width, Image.height, Image.bytes, Image.fault],
        ).execute()


def covered(entity_type: EntityType, entity_ids: Sequence[int]) -> set[int]:
    """Those of the entities that show an image."""
    return {
        entity_id
        for ids in slices(entity_ids)
        for (entity_id,) in tuples(Cover.select(Cover.entity_id).where(_shown_by(entity_type, ids)))
    }


def show(entity_type: EntityType, chosen: Sequence[Chosen]) -> None:
    """Write which image each entity shows, in place of an earlier choice.

    The images have their rows already. Call it in the transaction that settles the need.
    """
    ids = _image_ids({choice.digest for choice in chosen})
    rows = [
        {
            "entity_type": entity_type,
            "entity_id": choice.entity_id,
            "image": ids[choice.digest],
            "role": FRONT,
            "source": choice.source,
            "rank": choice.rank,
            "source_path": choice.source_path,
        }
        for choice in chosen
    ]
    for part in slices(rows):
        Cover.insert_many(part).on_conflict(
            conflict_target=[Cover.entity_type, Cover.entity_id, Cover.role],
            preserve=[Cover.image, Cover.source, Cover.rank, Cover.source_path],
        ).execute()


def show_nothing(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop the choice of entities for which there is no picture any more."""
    for ids in slices(entity_ids):
        Cover.delete().where(_shown_by(entity_type, ids)).execute()


def albums_in(folders: Collection[str]) -> dict[str, Counter[int | None]]:
    """How many present tracks of each album (None: of no album) lie in each folder."""
    found: dict[str, Counter[int | None]] = defaultdict(Counter)
    for part in slices(sorted(folders)):
        query = (
            Track.select(Track.folder, Track.album, fn.COUNT(Track.id))
            .where(Track.folder.in_(list(part)), Track.missing_since.is_null())
            .group_by(Track.folder, Track.album)
        )
        for folder, album_id, count in tuples(query):
            found[folder][album_id] = count
    return dict(found)


def holds_only(folder: str, album_id: int) -> bool:
    """Whether every present track below `folder` is of this album."""
    prefix = folder.rstrip("/") + "/"
    strangers = Track.select().where(
        fn.SUBSTR(Track.path, 1, len(prefix)) == prefix,
        Track.missing_since.is_null(),
        Track.album.is_null() | (Track.album != album_id),
    )
    return not strangers.exists()


def _places(where: Any, order: Any) -> list[TrackPlace]:
    query = (
        Track.select(
            Track.id,
            Track.album,
            Track.path,
            Track.folder,
            Track.disc,
            Track.track,
            Track.missing_since,
        )
        .where(where)
        .order_by(order)
    )
    return [TrackPlace._make((*row[:-1], row[-1] is not None)) for row in tuples(query)]


def _shown_by(entity_type: EntityType, entity_ids: Sequence[int]) -> Expression:
    return (
        (Cover.entity_type == entity_type)
        & (Cover.entity_id.in_(list(entity_ids)))
        & (Cover.role == FRONT)
    )


def _image_ids(digests: Collection[str]) -> Mapping[str, int]:
    return {
        digest: image_id
        for part in slices(sorted(digests))
        for digest, image_id in tuples(
            Image.select(Image.digest, Image.id).where(Image.digest.in_(list(part)))
        )
    }
