"""Similar songs, by the vectors of their sound and tags, and paths between two."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from db.errors import NoVectorError
from db.library import lists, tracks
from db.similarity import vectors
from web.rest import bodies
from web.rest.answers import AnswerError, Body, Code
from web.rest.browsing import TYPES
from web.rest.door import Request, method

if TYPE_CHECKING:
    from db.similarity.neighbours import Neighbour

MOST = 500
_SEEDS = 5
"""Songs of an album or artist whose neighbours are taken together."""
_SHORTEST, _LONGEST = 2, 200


def nearest(track_id: int, count: int) -> "Sequence[Neighbour]":
    """The songs most similar to a song; none without a model, or a vector of the song."""
    if vectors.current_model() is None or not count:
        return []
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return neighbours.similar(track_id, count)
    except NoVectorError:
        return []


def between(first: int, last: int, count: int) -> "Sequence[Neighbour]":
    """A path from one song to another, these included; none as above."""
    if vectors.current_model() is None:
        return []
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return neighbours.path(first, last, count)
    except NoVectorError:
        return []


@method("getSimilarSongs")
def similar_songs(asked: Request) -> Body:
    """Songs similar to a song, or to some of an album or artist."""
    return {"similarSongs": {"song": _similar(asked)}}


@method("getSimilarSongs2")
def similar_songs2(asked: Request) -> Body:
    """The same."""
    return {"similarSongs2": {"song": _similar(asked)}}


def _similar(asked: Request) -> list[Body]:
    wanted, count = asked.id("id", *TYPES), asked.number("count", 50, MOST)
    seeds = [wanted.number]
    if wanted.kind == "al":
        seeds = lists.of_album(wanted.number)
    elif wanted.kind == "ar":
        seeds = lists.played_by(wanted.number, MOST)
    found: dict[int, float] = {}
    for seed in _spread(seeds):
        for each in nearest(seed, count):
            found[each.track_id] = max(each.similarity, found.get(each.track_id, -1.0))
    ids = sorted(found.keys() - set(seeds), key=lambda each: (-found[each], each))
    return bodies.songs(asked, ids[:count])


def _spread(ids: Sequence[int]) -> Sequence[int]:
    """A few of them, from the first to the last."""
    return ids[:: max(1, len(ids) // _SEEDS)][:_SEEDS]


@method("getSonicSimilarTracks")
def sonic_similar(asked: Request) -> Body:
    """Songs similar to a song, each with how similar it is."""
    wanted, count = asked.id("id", "tr").number, asked.number("count", 10, MOST)
    _require(wanted)
    return {"sonicMatch": _matches(asked, nearest(wanted, count))}


@method("findSonicPath")
def sonic_path(asked: Request) -> Body:
    """A smooth way from one song to another, these included."""
    first, last = asked.id("startSongId", "tr").number, asked.id("endSongId", "tr").number
    count = max(_SHORTEST, asked.number("count", 25, _LONGEST))
    for each in (first, last):
        _require(each)
    if first == last:
        return {"sonicMatch": [{"entry": bodies.song(asked, first), "similarity": 1.0}]}
    return {"sonicMatch": _matches(asked, between(first, last, count))}


def _require(track_id: int) -> None:
    if tracks.present_file(track_id) is None:
        raise AnswerError(Code.NOT_FOUND, "There is no such song, or its file is gone.")


def _matches(asked: Request, found: "Sequence[Neighbour]") -> list[Body]:
    """Songs with their similarity, of 0 to 1: opposite ones have none."""
    songs = {each["id"]: each for each in bodies.songs(asked, [each.track_id for each in found])}
    return [
        {"entry": songs[key], "similarity": min(1.0, max(0.0, round(each.similarity, 6)))}
        for each in found
        if (key := f"tr-{each.track_id}") in songs
    ]
