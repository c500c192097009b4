"""Which song of a music server each track of ours is.

It is the one at its path, else of its MusicBrainz id, else of its names. Paths that agree in their
last folder, and names, may deceive: there the length has to agree, or the album.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from db.models import EntityType, Track
from db.sql.queries import among, slices, tuples
from db.users.imports import ID, NAMES, PATH, Matcher, Prefix, Theirs
from jobs.providers.errors import RefusedError
from jobs.publishing.servers.server import TheirSong

_NEAR, _SAME = 5.0, 2.0
"""Seconds by which lengths of one file, and of one recording, may differ."""
SURER = (PATH, ID, NAMES)
"""By what a song is found, the surest first."""


class Found(NamedTuple):
    """Their song for a track of ours, and by what it was found."""

    id: str
    by: str


def found_songs(
    songs: Iterable[TheirSong], tracks: Collection[int], prefixes: Sequence[Prefix]
) -> dict[int, Found]:
    """Their song for each of these tracks that has one. Raises RefusedError without any song."""
    matcher, lengths = Matcher(*prefixes, tracks=tracks), _lengths(tracks)
    best: dict[int, tuple[tuple[Any, ...], Found]] = {}
    is_any = False
    for song in songs:
        is_any = True
        theirs = Theirs(song.title, song.artist, song.album, song.path, song.mbids)
        for ids, by in matcher.fitting(EntityType.TRACK, theirs):
            for each in ids:
                on_album = matcher.is_on_album(each, song.album)
                apart = _apart(lengths.get(each), song.duration)
                if _fits(by, on_album=on_album, apart=apart, length=lengths.get(each) or 0):
                    rank = (SURER.index(by), not on_album, apart or 0.0, song.id)
                    if each not in best or rank < best[each][0]:
                        best[each] = rank, Found(song.id, by)
    if not is_any:
        raise RefusedError("the server has no songs — have it scan its folders of music first")
    return {each: found for each, (_, found) in best.items()}


def _lengths(tracks: Collection[int]) -> dict[int, float | None]:
    found: dict[int, float | None] = {}
    for ids in slices(sorted(tracks)):
        found.update(tuples(Track.select(Track.id, Track.duration).where(among(Track.id, ids))))
    return found


def _apart(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else abs(ours - theirs)


def _fits(by: str, *, on_album: bool, apart: float | None, length: float) -> bool:
    """Whether a song that was found so may be the track: paths and names alone may deceive."""
    if by == PATH:
        return apart is None or apart <= max(_NEAR, length / 20)
    return by == ID or on_album or (apart is not None and apart <= _SAME)
