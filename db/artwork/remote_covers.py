"""Pictures from the web: what a provider must know to find one, and writing which are shown."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from peewee import fn

from db.artwork import covers
from db.artwork.covers import LOCAL, Chosen, Shown
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    Cover,
    EntityType,
    Track,
)
from db.sql.queries import among, slices, tuples


class WantedAlbum(NamedTuple):
    """An album that has no cover on disk, as its tags have it."""

    id: int
    title: str | None
    artists: tuple[str, ...]
    release_id: str | None
    """The MusicBrainz id of the release, unchecked."""
    release_group_id: str | None
    tracks: int
    """How many are there."""


class WantedArtist(NamedTuple):
    """An artist of whom there is no picture on disk."""

    id: int
    name: str
    musicbrainz_id: str | None
    """Unchecked."""


def albums(album_ids: Sequence[int]) -> dict[int, WantedAlbum]:
    """These albums, by id."""
    artists = _album_artists(album_ids)
    tracks = _track_counts(album_ids)
    columns = (
        Album.id,
        Album.title,
        Album.musicbrainz_release_id,
        Album.musicbrainz_release_group_id,
    )
    return {
        album_id: WantedAlbum(
            album_id, title, tuple(artists[album_id]), release, group, tracks.get(album_id, 0)
        )
        for ids in slices(album_ids)
        for album_id, title, release, group in tuples(
            Album.select(*columns).where(among(Album.id, ids))
        )
    }


def artists(artist_ids: Sequence[int]) -> dict[int, WantedArtist]:
    """These artists, by id."""
    columns = (Artist.id, Artist.name, Artist.musicbrainz_id)
    return {
        row[0]: WantedArtist(*row)
        for ids in slices(artist_ids)
        for row in tuples(Artist.select(*columns).where(among(Artist.id, ids)))
    }


def show(entity_type: EntityType, chosen: Sequence[Chosen], instead_of: Collection[Shown]) -> None:
    """Write which pictures from the web an entity shows, in place of what it showed in these roles.

    What another job shows there from disk by now is left as it is. The images have their rows.
    Call it in the transaction that settles the need.
    """
    if not chosen:
        return
    replaced = list(covers.image_ids({each.digest for each in instead_of}).values())
    # Asked of the row as it is at the very moment, whoever wrote it in between.
    still = Cover.source.not_in(LOCAL) | Cover.image.in_(replaced)
    covers.show_images(entity_type, chosen, instead_of=still)


def _album_artists(album_ids: Sequence[int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = defaultdict(list)
    for ids in slices(album_ids):
        query = (
            AlbumArtist.select(AlbumArtist.album, Artist.name)
            .join(Artist)
            .where(among(AlbumArtist.album, ids))
            .order_by(AlbumArtist.album, AlbumArtist.position)
        )
        for album_id, name in tuples(query):
            names[album_id].append(name)
    return names


def _track_counts(album_ids: Sequence[int]) -> dict[int, int]:
    return {
        album_id: count
        for ids in slices(album_ids)
        for album_id, count in tuples(
            Track.select(Track.album, fn.COUNT(Track.id))
            .where(among(Track.album, ids), Track.missing_since.is_null())
            .group_by(Track.album)
        )
    }
