"""Removal of tracks whose file is gone, and of albums, artists and genres that nothing uses."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import NamedTuple

from peewee import fn

from db import ledger, settings
from db.artwork import chosen_images, covers
from db.enrichment import facts
from db.errors import SettingError
from db.models import Album, AlbumArtist, Artist, EntityType, Genre, Track, TrackArtist, TrackGenre
from db.similarity import vectors
from db.sql.queries import below, slices, tuples

NEVER = "never"
MOST_MISSING = 2_000
"""Tracks that one look finds."""


def forget_missing_after() -> int | None:
    """After how many days they are forgotten: FLEET_FORGET_MISSING_DAYS; None: never.

    Raises SettingError.
    """
    text = settings.value("FLEET_FORGET_MISSING_DAYS")
    if text.lower() == NEVER:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingError(
            f"FLEET_FORGET_MISSING_DAYS is {text!r} — write a number of days from 1 on, or never"
        )
    return int(text)


def missing_before(moment: datetime, roots: Sequence[str]) -> list[int]:
    """MOST tracks at most below these roots that have been missing since before a moment."""
    if not roots:
        return []
    there = reduce(or_, (below(Track.path, root) for root in roots))
    query = Track.select(Track.id).where(Track.missing_since < moment, there)
    return [track_id for (track_id,) in tuples(query.order_by(Track.id).limit(MOST_MISSING))]


def delete_tracks(track_ids: Sequence[int]) -> None:
    """Delete their rows. Call it in the transaction that deletes what depends on them."""
    Track.delete().where(Track.id.in_(list(track_ids))).execute()


def drop_empty_albums(album_ids: Sequence[int]) -> list[int]:
    """Delete those of the albums that no track, not even a missing one, belongs to; return them."""
    gone: list[int] = []
    for ids in slices(album_ids):
        query = Album.select(Album.id).where(
            Album.id.in_(list(ids)),
            ~fn.EXISTS(Track.select().where(Track.album == Album.id)),
        )
        gone += [album.id for album in query]
    for ids in slices(gone):
        Album.delete().where(Album.id.in_(list(ids))).execute()
    covers.forget(EntityType.ALBUM, gone)
    chosen_images.forget(EntityType.ALBUM, gone)
    ledger.forget(EntityType.ALBUM, gone)
    vectors.forget(EntityType.ALBUM, gone)
    facts.forget(EntityType.ALBUM, gone)
    return gone


class UsedNames(NamedTuple):
    """The artists and genres that some tracks and albums use."""

    artists: set[int]
    genres: set[int]


def artists_and_genres_of(track_ids: Sequence[int], album_ids: Sequence[int]) -> UsedNames:
    """What these tracks and albums use now."""
    artists: set[int] = set()
    genres: set[int] = set()
    for ids in slices(track_ids):
        by_track = TrackArtist.select(TrackArtist.artist).where(TrackArtist.track.in_(list(ids)))
        artists.update(artist_id for (artist_id,) in tuples(by_track))
        uses = TrackGenre.select(TrackGenre.genre).where(TrackGenre.track.in_(list(ids)))
        genres.update(genre_id for (genre_id,) in tuples(uses))
    for ids in slices(album_ids):
        by_album = AlbumArtist.select(AlbumArtist.artist).where(AlbumArtist.album.in_(list(ids)))
        artists.update(artist_id for (artist_id,) in tuples(by_album))
    return UsedNames(artists, genres)


def drop_unused_names(candidates: UsedNames) -> None:
    """Delete those of the artists and genres that no track and no album uses any more."""
    for ids in slices(sorted(candidates.artists)):
        _drop_artists(_unused_artists(ids))
    for ids in slices(sorted(candidates.genres)):
        Genre.delete().where(
            Genre.id.in_(list(ids)),
            ~fn.EXISTS(TrackGenre.select().where(TrackGenre.genre == Genre.id)),
        ).execute()


def _unused_artists(artist_ids: Sequence[int]) -> list[int]:
    query = Artist.select(Artist.id).where(
        Artist.id.in_(list(artist_ids)),
        ~fn.EXISTS(TrackArtist.select().where(TrackArtist.artist == Artist.id)),
        ~fn.EXISTS(AlbumArtist.select().where(AlbumArtist.artist == Artist.id)),
    )
    return [artist_id for (artist_id,) in tuples(query)]


def _drop_artists(artist_ids: Sequence[int]) -> None:
    """Delete artists with all that hangs on them; their picture files go with the rows."""
    covers.forget(EntityType.ARTIST, artist_ids)
    chosen_images.forget(EntityType.ARTIST, artist_ids)
    ledger.forget(EntityType.ARTIST, artist_ids)
    vectors.forget(EntityType.ARTIST, artist_ids)
    facts.forget(EntityType.ARTIST, artist_ids)
    Artist.delete().where(Artist.id.in_(list(artist_ids))).execute()
