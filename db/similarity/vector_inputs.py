"""The inputs of vectors: the audio features of tracks, their tags, and whose they are."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import ModelSelect, Value, fn

from db import ledger
from db.library import tracks
from db.models import (
    UNSETTLED,
    AlbumArtist,
    AudioFeatures,
    EntityType,
    Genre,
    Kind,
    LedgerRow,
    State,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import among, slices, tuples

_ENDED = (State.FAILED, State.QUARANTINED)
_NOT_FEATURES = frozenset(("track", "content_id", "decoder", "analysed_at"))
_COLUMNS = [field for field in AudioFeatures._meta.sorted_fields if field.name not in _NOT_FEATURES]


class TrackInput(NamedTuple):
    """What is known of a track."""

    id: int
    features: dict[str, Any] | None
    """Columns of `audio_features`; None when the analysis failed."""
    genres: list[str]
    moods: list[str]
    date: str | None
    """When it first came out, as its tags say it."""


class VectorBasis(NamedTuple):
    """What makes a track's vector, and those of others, besides its sound."""

    tags: tuple[Any, ...]
    album: int | None
    artists: tuple[int, ...]


class VectorChanges(NamedTuple):
    """The entities whose vectors are to be recomputed."""

    tracks: set[int]
    albums: set[int]
    artists: set[int]


def vector_changes(
    before: Mapping[int, VectorBasis], now: Mapping[int, VectorBasis]
) -> VectorChanges:
    """What follows from how tracks that were known stood before, and how they stand now.

    Who came to an album or artist follows from the track itself, once it has a vector.
    """
    found = VectorChanges(set(), set(), set())
    for track_id, old in before.items():
        new = now[track_id]
        if new.tags != old.tags:
            found.tracks.add(track_id)
        if new.album != old.album:
            found.albums.update(each for each in (old.album, new.album) if each is not None)
        if (new.album, new.artists) != (old.album, old.artists):
            found.artists.update(old.artists, new.artists)
    return found


def to_compute_again(
    stood: Mapping[int, VectorBasis], artists: Collection[int]
) -> dict[EntityType, list[int]]:
    """Those that have a vector, or can have none, and stand otherwise than before.

    `stood` are the known tracks as they were, `artists` those who got or lost tracks of others. The
    analysis asks for the vectors of others.
    """
    changes = vector_changes(stood, vector_basis(sorted(stood)))
    in_changed = tracks.in_albums(sorted(changes.albums)).values()
    of_albums = tracks.artists_of([track_id for each in in_changed for track_id in each])
    return {
        EntityType.TRACK: _with_vectors(EntityType.TRACK, sorted(changes.tracks)),
        EntityType.ALBUM: _with_vectors(EntityType.ALBUM, sorted(changes.albums)),
        EntityType.ARTIST: _with_vectors(
            EntityType.ARTIST, sorted({*changes.artists, *of_albums, *artists})
        ),
    }


def _with_vectors(entity_type: EntityType, ids: Sequence[int]) -> list[int]:
    """Those that have a vector or can have none, and those that tracks with a vector came to."""
    asked = set(ledger.with_row(Kind.VECTOR, entity_type, ids))
    if entity_type is not EntityType.TRACK:
        others = members(entity_type, [each for each in ids if each not in asked])
        tracks_of = sorted({track_id for each in others.values() for track_id in each})
        known = set(ledger.with_row(Kind.VECTOR, EntityType.TRACK, tracks_of))
        asked |= {entity_id for entity_id, each in others.items() if each & known}
    return sorted(asked)


def track_ids(after: int, most: int) -> list[int]:
    """The next tracks that can have a vector: those whose analysis is done or failed."""
    query = Track.select(Track.id).where(Track.id > after, _can_have_vector())
    return [track_id for (track_id,) in tuples(query.order_by(Track.id).limit(most))]


def count() -> int:
    """How many tracks can have a vector: those that `track_ids` gives."""
    return int(Track.select().where(_can_have_vector()).count())


def never_asked(most: int) -> list[int]:
    """Tracks whose analysis failed for good, and whose vectors are not on the ledger yet."""
    asked = LedgerRow.alias()
    row = asked.select(Value(1)).where(
        asked.kind == Kind.VECTOR,
        asked.entity_type == EntityType.TRACK,
        asked.entity_id == LedgerRow.entity_id,
    )
    query = LedgerRow.select(LedgerRow.entity_id).where(_analysis_failed(), ~fn.EXISTS(row))
    return [track_id for (track_id,) in tuples(query.limit(most))]


def inputs(track_ids: Sequence[int]) -> list[TrackInput]:
    """What is known of these tracks, by id."""
    found: list[TrackInput] = []
    for ids in slices(track_ids):
        features = _features(ids)
        genres = _genres(ids)
        found += [
            TrackInput(
                track_id, features.get(track_id), genres.get(track_id, []), moods, original or date
            )
            for track_id, moods, date, original in tuples(
                Track.select(Track.id, Track.moods, Track.date, Track.original_date)
                .where(among(Track.id, ids))
                .order_by(Track.id)
            )
        ]
    return found


def vector_basis(track_ids: Sequence[int]) -> dict[int, VectorBasis]:
    """How these tracks stand: compared with how they stood it says whose vectors change."""
    found: dict[int, VectorBasis] = {}
    for ids in slices(track_ids):
        genres, artists = _genres(ids), _artists(ids)
        columns = (Track.id, Track.album, Track.moods, Track.date, Track.original_date)
        for track_id, album, moods, date, original in tuples(
            Track.select(*columns).where(among(Track.id, ids))
        ):
            tags = (*genres.get(track_id, []), None, *moods, None, original or date)
            found[track_id] = VectorBasis(tags, album, tuple(artists.get(track_id, [])))
    return found


def ids_of(entity_type: EntityType, after: int, most: int) -> list[int]:
    """The next albums or artists that have a track or, an artist, an album."""
    if entity_type is EntityType.ALBUM:
        query = Track.select(Track.album).where(Track.album > after).distinct()
        return [each for (each,) in tuples(query.order_by(Track.album).limit(most))]
    found: set[int] = set()
    for table in (TrackArtist, AlbumArtist):
        own = table.select(table.artist).where(table.artist > after).distinct()
        found.update(each for (each,) in tuples(own.order_by(table.artist).limit(most)))
    return sorted(found)[:most]


def members(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, set[int]]:
    """The tracks of each of these albums or artists; an artist's are also those of its albums."""
    found: dict[int, set[int]] = {entity_id: set() for entity_id in entity_ids}
    for ids in slices(entity_ids):
        for query in _memberships(entity_type, ids):
            for entity_id, track_id in tuples(query):
                found[entity_id].add(track_id)
    return found


def _memberships(entity_type: EntityType, ids: Sequence[int]) -> Iterator["ModelSelect[Any]"]:
    if entity_type is EntityType.ALBUM:
        yield Track.select(Track.album, Track.id).where(among(Track.album, ids))
        return
    yield TrackArtist.select(TrackArtist.artist, TrackArtist.track).where(
        among(TrackArtist.artist, ids)
    )
    yield (
        AlbumArtist.select(AlbumArtist.artist, Track.id)
        .join(Track, on=Track.album == AlbumArtist.album)
        .where(among(AlbumArtist.artist, ids))
    )


def _features(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    names = [field.name for field in _COLUMNS]
    query = AudioFeatures.select(AudioFeatures.track, *_COLUMNS).where(
        among(AudioFeatures.track, ids)
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in tuples(query)}


def _genres(ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = (
        TrackGenre.select(TrackGenre.track, Genre.name)
        .join(Genre)
        .where(among(TrackGenre.track, ids))
        .order_by(TrackGenre.track, TrackGenre.position)
    )
    for track_id, name in tuples(query):
        found.setdefault(track_id, []).append(name)
    return found


def _artists(ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    query = (
        TrackArtist.select(TrackArtist.track, TrackArtist.artist)
        .where(among(TrackArtist.track, ids))
        .order_by(TrackArtist.track, TrackArtist.position)
    )
    for track_id, artist_id in tuples(query):
        found.setdefault(track_id, []).append(artist_id)
    return found


def _can_have_vector() -> Any:
    analysed = AudioFeatures.select(Value(1)).where(AudioFeatures.track == Track.id)
    failed = LedgerRow.select(Value(1)).where(_analysis_failed(), LedgerRow.entity_id == Track.id)
    return fn.EXISTS(analysed) | fn.EXISTS(failed)


def _analysis_failed() -> Any:
    return (
        (LedgerRow.kind == Kind.ANALYSIS)
        & (LedgerRow.entity_type == EntityType.TRACK)
        & UNSETTLED
        & LedgerRow.state.in_([*_ENDED])
    )
