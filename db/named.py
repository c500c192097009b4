"""Artists and genres: unique names, made when first needed, dropped with their last use."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from peewee import fn

from db import choices, covers, facts, ledger, vectors
from db.models import AlbumArtist, Artist, EntityType, Genre, TrackArtist, TrackGenre
from db.rows import tuples
from db.slices import slices


class ArtistFacts(NamedTuple):
    """What a track says of an artist beside the name."""

    musicbrainz_id: str | None = None
    sort_name: str | None = None


class NamedArtists(NamedTuple):
    """Artists by name, and which of them something new was told of."""

    ids: dict[str, int]
    changed: set[int]


def artist_ids(facts: Mapping[str, Iterable[ArtistFacts]]) -> NamedArtists:
    """The ids of these artists by name; new names get a row, what is told of them is kept.

    Where tracks disagree on an id or a sort name the smallest wins, so that order never decides.
    """
    names = sorted(facts)
    for part in slices(names):
        rows = [{"name": name} for name in part]
        Artist.insert_many(rows).on_conflict_ignore().execute()
    found = NamedArtists({}, set())
    for part in slices(names):
        for artist in Artist.select().where(Artist.name.in_(list(part))):
            found.ids[artist.name] = artist.id
            if _add_facts(artist, facts[artist.name]):
                found.changed.add(artist.id)
    return found


def genre_ids(names: Iterable[str]) -> dict[str, int]:
    """The ids of these genres by name; new names get a row."""
    wanted = sorted(set(names))
    ids: dict[str, int] = {}
    for part in slices(wanted):
        Genre.insert_many([{"name": name} for name in part]).on_conflict_ignore().execute()
        query = Genre.select(Genre.name, Genre.id).where(Genre.name.in_(list(part)))
        ids.update(dict(tuples(query)))
    return ids


class Used(NamedTuple):
    """The artists and genres that some tracks and albums use."""

    artists: set[int]
    genres: set[int]


def used_by(track_ids: Sequence[int], album_ids: Sequence[int]) -> Used:
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
    return Used(artists, genres)


def drop_unused(candidates: Used) -> None:
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
    choices.forget(EntityType.ARTIST, artist_ids)
    ledger.forget(EntityType.ARTIST, artist_ids)
    vectors.forget(EntityType.ARTIST, artist_ids)
    facts.forget(EntityType.ARTIST, artist_ids)
    Artist.delete().where(Artist.id.in_(list(artist_ids))).execute()


def _add_facts(artist: Artist, facts: Iterable[ArtistFacts]) -> bool:
    """Add what is told, and return whether anything is new."""
    known = (artist.musicbrainz_id, artist.sort_name)
    for fact in facts:
        artist.musicbrainz_id = _smaller(artist.musicbrainz_id, fact.musicbrainz_id)
        artist.sort_name = _smaller(artist.sort_name, fact.sort_name)
    is_new = (artist.musicbrainz_id, artist.sort_name) != known
    if is_new:
        artist.save()
    return is_new


def _smaller(known: str | None, told: str | None) -> str | None:
    return min((value for value in (known, told) if value), default=None)
