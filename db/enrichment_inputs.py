"""By what tracks and albums are identified on the web, and which of it changed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from db.models import Artist, Track, TrackArtist
from db.rows import tuples
from db.slices import slices

_COLUMNS = (
    Track.album,
    Track.title,
    Track.album_title,
    Track.album_artist_names,
    Track.disc,
    Track.track,
    Track.duration,
    Track.isrcs,
    Track.musicbrainz_recording_id,
    Track.musicbrainz_track_id,
    Track.musicbrainz_release_id,
    Track.musicbrainz_release_group_id,
)

Standing = Mapping[int, tuple[Any, ...]]
"""Of each track its album and what its tags say."""


class Changes(NamedTuple):
    """What is to be identified anew."""

    albums: set[int]
    tracks: set[int]
    """Those that belong to no album; the others are identified with it."""


def standing(track_ids: Sequence[int]) -> Standing:
    """These tracks as they stand now."""
    found: dict[int, list[Any]] = {}
    for ids in slices(track_ids):
        for track_id, *values in tuples(
            Track.select(Track.id, *_COLUMNS).where(Track.id.in_(list(ids)))
        ):
            found[track_id] = [*map(_frozen, values)]
        credited = TrackArtist.select(TrackArtist.track, Artist.name).join(Artist)
        ordered = credited.order_by(TrackArtist.track, TrackArtist.position)
        for track_id, name in tuples(ordered.where(TrackArtist.track.in_(list(ids)))):
            found[track_id].append(name)
    return {track_id: tuple(values) for track_id, values in found.items()}


def changes(before: Standing, after: Standing) -> Changes:
    """What of it differs, or came or went."""
    differing = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    albums = {stood[each][0] for stood in (before, after) for each in differing if each in stood}
    single = {each for each in differing if each in after and after[each][0] is None}
    return Changes(albums - {None}, single)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
