"""Covers: the pictures that tracks carry, and which image an entity shows in each role."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.models import Album, Cover, EmbeddedPicture, EntityType, Image, Role, Track
from db.sql.queries import (
    ASKED,
    GIVEN,
    Prepared,
    among,
    below_asked,
    of_folders,
    slices,
    tuples,
)
from db.sql.statements import insert_rows

CHOSEN, EMBEDDED, FOLDER = LOCAL = "chosen", "embedded", "folder"
"""Sources of covers that are on disk; any other source is a provider's name."""


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
    disc_subtitle: str | None


class Chosen(NamedTuple):
    """The image that an entity is to show in a role."""

    entity_id: int
    digest: str
    source: str
    rank: int
    source_path: str
    role: str = Role.FRONT
    licence: str | None = None
    author: str | None = None


class Shown(NamedTuple):
    """The image that an entity shows in a role."""

    entity_id: int
    role: str
    digest: str
    source: str
    rank: int
    source_path: str
    licence: str | None
    author: str | None
    width: int
    """Pixels; 0 when the image cannot be shown any more."""
    height: int


def track_places(track_ids: Sequence[int]) -> list[TrackPlace]:
    """These tracks, missing ones too, by id."""
    return [place for ids in slices(track_ids) for place in _places(among(Track.id, ids), Track.id)]


def present_tracks(album_ids: Sequence[int]) -> dict[int, list[TrackPlace]]:
    """The present tracks of each album that has any, by disc, track number and path."""
    found: dict[int, list[TrackPlace]] = defaultdict(list)
    for ids in slices(album_ids):
        here = among(Track.album, ids) & Track.missing_since.is_null()
        for place in _places(here, Track.path):
            found[int(place.album_id or 0)].append(place)
    for places in found.values():
        places.sort(key=lambda each: (each.disc or 1, each.track or 0, each.path))
    return dict(found)


class AlbumNames(NamedTuple):
    """What picture files of an album may be named as."""

    title: str | None
    artist: str | None
    """As shown: of several with "; " between them."""
    year: str | None


NO_NAMES = AlbumNames(None, None, None)


def album_names(album_ids: Sequence[int]) -> dict[int, AlbumNames]:
    """The names of each of these albums."""
    columns = (Album.id, Album.title, Album.album_artist, Album.date)
    return {
        album_id: AlbumNames(title, artist, (date or "")[:4])
        for ids in slices(album_ids)
        for album_id, title, artist, date in tuples(
            Album.select(*columns).where(among(Album.id, ids))
        )
    }


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
            .where(among(EmbeddedPicture.track, ids))
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
            .where(among(EmbeddedPicture.digest, part), Track.missing_since.is_null())
            .order_by(Track.id)
        )
        for digest, path in tuples(query):
            if len(found[digest]) < most and path not in found[digest]:
                found[digest].append(path)
    return dict(found)


def shown(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, dict[str, Shown]]:
    """What each of the entities that shows an image shows, by role."""
    found: dict[int, dict[str, Shown]] = defaultdict(dict)
    for ids in slices(entity_ids):
        query = (
            Cover.select(
                Cover.entity_id,
                Cover.role,
                Image.digest,
                Cover.source,
                Cover.rank,
                Cover.source_path,
                Cover.licence,
                Cover.author,
                fn.COALESCE(Image.width, 0),
                fn.COALESCE(Image.height, 0),
            )
            .join(Image)
            .where(Cover.entity_type == entity_type, among(Cover.entity_id, ids))
        )
        for row in tuples(query):
            found[row[0]][row[1]] = Shown(*row)
    return dict(found)


def replace_images(
    entity_type: EntityType,
    chosen: Sequence[Chosen],
    lost: Sequence[Shown],
    kept: Mapping[int, Collection[str]],
) -> None:
    """Write what entities show from now on, by a search on disk.

    What is `lost` goes, unless something else is shown in its place by now. Then each entity shows
    what is `chosen`, and nothing from disk in other roles than those that it has in `kept`: what a
    provider gave stays, for that nothing is on disk says nothing of it.
    """
    _hide_images(entity_type, lost)
    show_images(entity_type, chosen)
    _hide_other_roles(entity_type, kept)


def show_images(
    entity_type: EntityType, chosen: Sequence[Chosen], instead_of: Expression | None = None
) -> None:
    """Write which image each entity shows in each role, in place of an earlier choice.

    With `instead_of` only in place of rows for which this condition holds. The images have their
    rows already. Call it in the transaction that settles the need.
    """
    ids = image_ids({choice.digest for choice in chosen})
    columns = ("entity_type", "entity_id", "image", *Chosen._fields[2:])
    rows = [(entity_type, each.entity_id, ids[each.digest], *each[2:]) for each in chosen]
    if instead_of is None:
        return insert_rows(Cover, columns, rows, unique=_KEY)
    for part in slices(rows):
        Cover.insert_many(part, fields=[getattr(Cover, name) for name in columns]).on_conflict(
            conflict_target=[getattr(Cover, name) for name in _KEY],
            preserve=[getattr(Cover, name) for name in columns if name not in _KEY],
            where=instead_of,
        ).execute()
    return None


_KEY = ("entity_type", "entity_id", "role")


def _hide_other_roles(entity_type: EntityType, kept: Mapping[int, Collection[str]]) -> None:
    by_roles: dict[frozenset[str], list[int]] = defaultdict(list)
    for entity_id, roles in kept.items():
        by_roles[frozenset(roles)].append(entity_id)
    for roles, entity_ids in by_roles.items():
        for ids in slices(entity_ids):
            Cover.delete().where(
                Cover.entity_type == entity_type,
                among(Cover.entity_id, ids),
                Cover.role.not_in(sorted(roles)),
                Cover.source.in_(LOCAL),
            ).execute()


def _hide_images(entity_type: EntityType, lost: Sequence[Shown]) -> None:
    for each in lost:
        Cover.delete().where(
            Cover.entity_type == entity_type,
            Cover.entity_id == each.entity_id,
            Cover.role == each.role,
            Cover.source == each.source,
            Cover.image.in_(Image.select(Image.id).where(Image.digest == each.digest)),
        ).execute()


def albums_in(folders: Collection[str]) -> dict[str, Counter[int | None]]:
    """How many present tracks of each album (None: of no album) lie in each folder."""
    found: dict[str, Counter[int | None]] = defaultdict(Counter)
    for part in slices(sorted(folders)):
        query = (
            Track.select(Track.folder, Track.album, fn.COUNT(Track.id))
            .where(among(Track.folder, part), Track.missing_since.is_null())
            .group_by(Track.folder, Track.album)
        )
        for folder, album_id, count in tuples(query):
            found[folder][album_id] = count
    return dict(found)


def shared_below(pairs: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the pairs of a folder and an album where a present track below is of another."""
    strangers = Track.select(SQL("1")).where(
        below_asked(Track.path),
        Track.missing_since.is_null(),
        Track.album.is_null() | (Track.album != GIVEN),
    )
    return set(of_folders(pairs, (ASKED, GIVEN), fn.EXISTS(strangers)))


def _places(where: Any, order: Any) -> list[TrackPlace]:
    query = (
        Track.select(
            Track.id,
            Track.album,
            Track.path,
            Track.folder,
            Track.disc,
            Track.track,
            Track.missing_since.is_null(False),
            Track.disc_subtitle,
        )
        .where(where)
        .order_by(order)
    )
    return [TrackPlace._make((*row[:6], bool(row[6]), row[7])) for row in tuples(query)]


def image_ids(digests: Collection[str]) -> Mapping[str, int]:
    """The ids of the images with these digests."""
    return dict(_IMAGE_IDS.rows(sorted(digests)))


_IMAGE_IDS = Prepared.by(Image.digest, Image.digest, Image.id)


class Picture(NamedTuple):
    """A picture that an entity shows, and where it comes from."""

    digest: str
    width: int
    height: int
    bytes: int
    mime: str
    animated: bool
    colour: str | None
    """The dominant colour, "#rrggbb"."""
    placeholder: str | None
    """A ThumbHash, in base64."""
    source: str
    source_path: str
    licence: str | None
    author: str | None


def pictures(
    entity_type: EntityType, entity_ids: Sequence[int], roles: Sequence[str] = (Role.FRONT,)
) -> dict[int, dict[str, Picture]]:
    """What each of the entities shows, by role; only pictures that can be shown.

    Without `roles` every role.
    """
    found: dict[int, dict[str, Picture]] = defaultdict(dict)
    for ids in slices(entity_ids):
        query = (
            Cover.select(
                Cover.entity_id,
                Cover.role,
                Image.digest,
                Image.width,
                Image.height,
                Image.bytes,
                Image.mime,
                Image.animated,
                Image.colour,
                Image.placeholder,
                Cover.source,
                Cover.source_path,
                Cover.licence,
                Cover.author,
            )
            .join(Image)
            .where(
                Cover.entity_type == entity_type,
                among(Cover.entity_id, ids),
                Image.fault.is_null(),
                Image.width.is_null(False),
            )
        )
        if roles:
            query = query.where(Cover.role.in_(list(roles)))
        for entity_id, role, *columns in tuples(query):
            found[entity_id][role] = Picture._make(columns)
    return dict(found)


def fronts(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, Picture]:
    """The front of each of the entities that shows one."""
    found = pictures(entity_type, entity_ids)
    return {entity_id: roles[Role.FRONT] for entity_id, roles in found.items()}
