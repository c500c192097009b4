"""Terms of tracks and artists from which clusters get their names, and their files."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from db.models import Artist, AudioFeatures, EntityType, Genre, Track, TrackArtist, TrackGenre
from db.sql.queries import slices, tuples


class Terms(NamedTuple):
    """What is known of some tracks."""

    tracks: int
    """How many they are."""
    genres: Counter[str]
    """With how many of the tracks have each; spellings that differ only in case are merged."""
    tags: Counter[str]
    """The synthetic ones, likewise."""
    bpm: list[float]
    energy: list[float]


class ListedTrack(NamedTuple):
    """A track as a playlist names it."""

    id: int
    path: str
    title: str | None
    artist: str | None
    duration: float | None
    """Seconds."""
    start: float | None = None
    """Where it begins in its file, in seconds; None where it is the file."""


def tracks_of(entity_type: EntityType, entity_ids: Sequence[int]) -> list[int]:
    """The tracks: these themselves, or those of these artists, artist by artist."""
    if entity_type is EntityType.TRACK:
        return list(entity_ids)
    found: dict[int, list[int]] = {}
    for ids in slices(entity_ids):
        query = TrackArtist.select(TrackArtist.artist, TrackArtist.track)
        for artist_id, track_id in tuples(
            query.where(TrackArtist.artist.in_(list(ids))).order_by(TrackArtist.track)
        ):
            found.setdefault(artist_id, []).append(track_id)
    return list(dict.fromkeys(track for each in entity_ids for track in found.get(each, [])))


def terms(entity_type: EntityType, entity_ids: Sequence[int]) -> Terms:
    """What these tracks, or the tracks of these artists, are called and sound like."""
    tracks = tracks_of(entity_type, entity_ids)
    found = Terms(len(tracks), Counter(), Counter(), [], [])
    spelt: Counter[str] = Counter()
    for ids in slices(tracks):
        genres = TrackGenre.select(Genre.name).join(Genre).where(TrackGenre.track.in_(list(ids)))
        spelt.update(name for (name,) in tuples(genres))
        features = AudioFeatures.select(
            AudioFeatures.bpm, AudioFeatures.energy, AudioFeatures.synthetic_tags
        ).where(AudioFeatures.track.in_(list(ids)))
        for bpm, energy, tags in tuples(features):
            found.tags.update({tag for tag, *_ in tags})
            if bpm is not None:
                found.bpm.append(bpm)
            if energy is not None:
                found.energy.append(energy)
    known: dict[str, str] = {}
    for name, count in spelt.most_common():
        found.genres[known.setdefault(name.casefold(), name)] += count
    return found


def listed_tracks(entity_type: EntityType, entity_ids: Sequence[int]) -> list[ListedTrack]:
    """The present tracks of these entities, in their order."""
    wanted = tracks_of(entity_type, entity_ids)
    found: dict[int, ListedTrack] = {}
    for ids in slices(wanted):
        query = (
            Track.select(
                Track.id, Track.path, Track.title, Artist.name, Track.duration, Track.start
            )
            .left_outer_join(
                TrackArtist, on=(TrackArtist.track == Track.id) & (TrackArtist.position == 0)
            )
            .left_outer_join(Artist, on=TrackArtist.artist == Artist.id)
            .where(Track.id.in_(list(ids)), Track.missing_since.is_null())
        )
        found.update((row[0], ListedTrack._make(row)) for row in tuples(query))
    return [found[each] for each in wanted if each in found]
