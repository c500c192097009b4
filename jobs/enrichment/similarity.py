"""Which entity of MusicBrainz is meant, and how sure that is: how similar names and lengths are.

Spellings are compared as `jobs.providers.provider.normal` has them, by Ratcliff and Obershelp's
ratio (difflib). What makes another record of nearly the same title, a number or "live", halves the
similarity at least.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from db.enrichment.tagged_entities import TaggedTrack
from jobs.providers.musicbrainz_answers import Credit, ReleaseTrack, credited
from jobs.providers.provider import mbid, normal, without_edition

T = TypeVar("T")

_ISRC = re.compile("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")

CERTAIN = 1.0
LEAST_SCORE = 0.85
"""A match by names that is less sure is none: a wrong fact is worse than none."""
CLEARLY = 0.03
"""By how much the best match must be better than one that is something else; else it is a tie."""


class Identity(NamedTuple, Generic[T]):
    """Who or what is meant."""

    meant: T
    by: str
    """How it was found: "release id in the tags", "ISRC", "AcoustID", "search" …"""
    score: float
    fetched_at: datetime
    """When MusicBrainz answered."""
    why: Sequence[str] = ()
    """What was compared, for people."""


class Unknown(NamedTuple):
    """Why no entity could be identified."""

    reasons: Sequence[str]
    is_tie: bool = False
    """Whether several fit, so that looking further would not help."""


def isrcs(texts: Sequence[str]) -> list[str]:
    """The ISRCs among texts of tags (ISO 3901), as they stand in a URL."""
    plain = (text.replace("-", "").replace(" ", "").upper() for text in texts)
    return list(dict.fromkeys(each for each in plain if _ISRC.fullmatch(each)))


SAME_SECONDS = 3.0
"""Rips and masterings of one recording differ by so much."""
OTHER_SECONDS = 10.0
"""From this difference on it is another recording, or a damaged file."""
_MOST_OF_OTHERS = 0.5
_NUMBER = re.compile(r"\d+|[ivx]{1,5}")
_WORDS_OF_OTHERS = """
    live remix remixes remixed mix instrumental acoustic demo demos karaoke tribute unplugged
    session sessions dub reprise version cover covers interlude intro outro part vol volume
"""
_MARKS = frozenset(_WORDS_OF_OTHERS.split())
_ARTICLE = re.compile(r"^the (?=.)")


@lru_cache(maxsize=4096)
def text_similarity(one: str, other: str) -> float:
    """How similar two titles are."""
    first, second = normal(one), normal(other)
    if first == second:
        return 1.0
    ratio = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return ratio if _marks(first) == _marks(second) else min(ratio, _MOST_OF_OTHERS)


def title_similarity(one: str, other: str) -> float:
    """How similar two titles of albums are, whatever edition a shop calls them."""
    return max(
        text_similarity(one, other), text_similarity(without_edition(one), without_edition(other))
    )


def artist_similarity(names: Sequence[str], credits: Sequence[Credit]) -> float:
    """How similar the artists of the tags are to those who are credited, together or one by one."""
    if not names or not credits:
        return 0.0
    whole = max(_name_similarity(joined, credited(credits)) for joined in _joined(names))
    each = [max(_name_similarity(name, c) for c in _called(credits)) for name in names]
    return max(whole, sum(each) / len(each))


def length_similarity(one: float | None, other: float | None) -> float | None:
    """How similar two lengths are; None when one of them is unknown."""
    if not one or not other:
        return None
    apart = abs(one - other)
    return min(1.0, max(0.0, (OTHER_SECONDS - apart) / (OTHER_SECONDS - SAME_SECONDS)))


def _joined(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(mark.join(names) for mark in (" & ", " feat. ", ", ")))


def _called(credits: Sequence[Credit]) -> list[str]:
    return [name for each in credits for name in (each.name, each.own_name)]


def _name_similarity(one: str, other: str) -> float:
    return max(
        text_similarity(one, other), text_similarity(_without_article(one), _without_article(other))
    )


def _without_article(name: str) -> str:
    return _ARTICLE.sub("", normal(name))


def _marks(text: str) -> frozenset[str]:
    words = text.split()
    return frozenset(word for word in words if word in _MARKS or _NUMBER.fullmatch(word))


SAME_TITLE = 0.75
_MOST_COMPARED = 20_000
"""Pairs of titles: box sets have hundreds of tracks, most of which are where they should be."""


class Pair(NamedTuple):
    """A track of the library, and the one of the release that it is."""

    tagged: TaggedTrack
    track: ReleaseTrack
    title: float
    """How similar the titles are; 1 when they were paired by an id."""
    length: float | None
    """How similar the lengths are; None when one is unknown."""


def pairs(tagged: Sequence[TaggedTrack], released: Sequence[ReleaseTrack]) -> list[Pair]:
    """Each track with its own one of the release, where there is one: by id, place, then title."""
    left, free, found = list(tagged), list(released), list[Pair]()
    for is_same in (_by_id, _by_place, _by_title):
        left, free = _take(left, free, is_same, found)
    if len(left) * len(free) <= _MOST_COMPARED:
        _take_most_similar(left, free, found)
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


def _take_most_similar(
    left: list[TaggedTrack], free: list[ReleaseTrack], found: list[Pair]
) -> None:
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
    return max(
        title_similarity(tagged.title, each) for each in (track.title, track.recording.title)
    )


def _pair(tagged: TaggedTrack, track: ReleaseTrack, *, by_id: bool = False) -> Pair:
    title = 1.0 if by_id else _likeness(tagged, track)
    return Pair(tagged, track, title, length_similarity(tagged.duration, track.seconds))
