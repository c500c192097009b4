"""Which track of a release each track of an album is, and how well they fit together."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from db.enrichment import TaggedTrack
from jobs.enrichment.alike import seconds_alike, titles_alike
from jobs.providers.musicbrainz_answers import ReleaseTrack
from jobs.providers.names import normal
from jobs.providers.provider import mbid

SAME_TITLE = 0.75
_MOST_COMPARED = 20_000
"""Pairs of titles: box sets have hundreds of tracks, most of which are where they should be."""


class Pair(NamedTuple):
    """A track of the library, and the one of the release that it is."""

    tagged: TaggedTrack
    track: ReleaseTrack
    title: float
    """How alike the titles are; 1 when they were paired by an id."""
    length: float | None
    """How alike the lengths are; None when one is unknown."""


def pairs(tagged: Sequence[TaggedTrack], released: Sequence[ReleaseTrack]) -> list[Pair]:
    """Each track with its own one of the release, where there is one: by id, place, then title."""
    left, free, found = list(tagged), list(released), list[Pair]()
    for is_same in (_by_id, _by_place, _by_title):
        left, free = _take(left, free, is_same, found)
    if len(left) * len(free) <= _MOST_COMPARED:
        _take_most_alike(left, free, found)
    return found


_Same = Callable[[TaggedTrack, ReleaseTrack], bool]


def _take(
    left: list[TaggedTrack], free: list[ReleaseTrack], is_same: _Same, found: list[Pair]
) -> tuple[list[TaggedTrack], list[ReleaseTrack]]:
    """Pair what is the same by this; what is left of both."""
    rest = []
    for tagged in left:
        track = next((each for each in free if is_same(tagged, each)), None)
        if track is None:
            rest.append(tagged)
        else:
            free = [each for each in free if each is not track]
            found.append(_pair(tagged, track, by_id=is_same is _by_id))
    return rest, free


def _take_most_alike(left: list[TaggedTrack], free: list[ReleaseTrack], found: list[Pair]) -> None:
    for tagged in left:
        likenesses = [(_likeness(tagged, each), each) for each in free]
        best, track = max(likenesses, key=lambda each: each[0], default=(0.0, None))
        if track is not None and best >= SAME_TITLE:
            free = [each for each in free if each is not track]
            found.append(_pair(tagged, track))


def _by_id(tagged: TaggedTrack, track: ReleaseTrack) -> bool:
    ids = {mbid(tagged.release_track_id), mbid(tagged.recording_id)} - {None}
    return bool(ids & {track.id, track.recording.id})


def _by_place(tagged: TaggedTrack, track: ReleaseTrack) -> bool:
    here = (tagged.disc or 1, tagged.number) == (track.disc, track.position)
    return here and _likeness(tagged, track) >= SAME_TITLE


def _by_title(tagged: TaggedTrack, track: ReleaseTrack) -> bool:
    return tagged.title is not None and normal(tagged.title) == normal(track.title)


def _likeness(tagged: TaggedTrack, track: ReleaseTrack) -> float:
    """By the title; a track without one is like nothing."""
    if not tagged.title:
        return 0.0
    return max(titles_alike(tagged.title, each) for each in (track.title, track.recording.title))


def _pair(tagged: TaggedTrack, track: ReleaseTrack, *, by_id: bool = False) -> Pair:
    title = 1.0 if by_id else _likeness(tagged, track)
    return Pair(tagged, track, title, seconds_alike(tagged.duration, track.seconds))
