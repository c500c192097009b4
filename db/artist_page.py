"""Artists: all of them a page at a time, and all that there is to say of one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import fn

from db.folding import folded
from db.models import Album, AlbumArtist, Artist, EntityType, Track, TrackArtist
from db.pictures import Picture, fronts, pictures
from db.rows import tuples
from db.slices import slices


class ArtistCard(NamedTuple):
    """An artist as the list shows one."""

    id: int
    name: str
    albums: int
    picture: Picture | None


class ArtistPage(NamedTuple):
    """An artist. `tracks` are those that the artist plays on, and whose file is there."""

    id: int
    name: str
    musicbrainz_id: str | None
    tracks: int
    pictures: dict[str, Picture]
    """What is shown, by role."""


def artists(*, everyone: bool, first: int, most: int) -> list[ArtistCard]:
    """Up to `most` artists by name, from position `first` on.

    Those of albums, or with `everyone` also those who only play on some track.
    """
    query = (
        Artist.select(Artist.id)
        .where(is_there() if everyone else _has_albums())
        .order_by(folded(fn.COALESCE(Artist.sort_name, Artist.name)), Artist.id)
    )
    return cards([artist_id for (artist_id,) in tuples(query.limit(most).offset(first))])


def cards(artist_ids: Sequence[int]) -> list[ArtistCard]:
    """These artists, in this order."""
    albums = AlbumArtist.select(fn.COUNT(AlbumArtist.album)).where(AlbumArtist.artist == Artist.id)
    rows = {
        row[0]: row
        for ids in slices(artist_ids)
        for row in tuples(
            Artist.select(Artist.id, Artist.name, albums).where(Artist.id.in_(list(ids)))
        )
    }
    shown = fronts(EntityType.ARTIST, artist_ids)
    return [ArtistCard._make((*rows[each], shown.get(each))) for each in artist_ids if each in rows]


def count(*, everyone: bool) -> int:
    """How many artists there are."""
    return int(Artist.select().where(is_there() if everyone else _has_albums()).count())


def artist(artist_id: int) -> ArtistPage | None:
    """The artist, or None."""
    row: Artist | None = Artist.get_or_none(Artist.id == artist_id)
    if row is None:
        return None
    tracks = (
        TrackArtist.select()
        .join(Track)
        .where(TrackArtist.artist == artist_id, Track.missing_since.is_null())
    )
    return ArtistPage(
        id=artist_id,
        name=row.name,
        musicbrainz_id=row.musicbrainz_id,
        tracks=int(tracks.count()),
        pictures=pictures(EntityType.ARTIST, [artist_id], roles=()).get(artist_id, {}),
    )


def is_there() -> Any:
    """Whether an artist has a present album, or plays on a present track."""
    tracks = (
        TrackArtist.select(1)
        .join(Track)
        .where(TrackArtist.artist == Artist.id, Track.missing_since.is_null())
    )
    return _has_albums() | fn.EXISTS(tracks)


def _has_albums() -> Any:
    albums = (
        AlbumArtist.select(1)
        .join(Album)
        .join(Track)
        .where(AlbumArtist.artist == Artist.id, Track.missing_since.is_null())
    )
    return fn.EXISTS(albums)
