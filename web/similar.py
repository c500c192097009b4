"""Similar tracks, for the pages: cards with tempo and key, and why there are none.

The search holds NumPy and a mapped file, 30 MiB that stay in the process; so it is imported when it
is first asked for, and not before there is a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flask import request

from db.errors import NoVectorError
from db.library import search, tracks
from db.library.search import FoundTrack
from db.library.tracks import TrackSummary
from db.similarity import vectors
from web.pager import number, text
from worker.doctor.findings import fact_and_remedy

if TYPE_CHECKING:
    from db.similarity.neighbours import Neighbour

TEMPOS = (3, 6, 12)
"""Per cent that a tempo may differ by."""
WITHOUT_MODEL = (
    "There is no similarity model yet. The fleet trains one from this library as soon as at least "
    "ten of its tracks, and all that wait, are analysed."
)


@dataclass(frozen=True)
class Wanted:
    """The filters of a search for similar tracks."""

    bpm: int | None = None
    key: bool = False
    other_album: bool = False


class SimilarTrack(NamedTuple):
    """A track with what it is compared by. `similarity` is the cosine."""

    track: FoundTrack
    sounding: TrackSummary
    similarity: float

    @property
    def name(self) -> str:
        """Its title, or its file's name."""
        return tracks.full_title(self.sounding, None)


class Found(NamedTuple):
    """Tracks, or why there are none and what to do."""

    tracks: list[SimilarTrack]
    lack: str = ""


def wanted() -> Wanted:
    """The filters of the request; invalid ones count as unset."""
    percent = number("bpm", max(TEMPOS))
    return Wanted(
        bpm=percent if percent in TEMPOS else None,
        key=text("key") == "compatible",
        other_album=request.args.get("album") == "other",
    )


def nearest(track_id: int, count: int, wanted: Wanted) -> Found:
    """The nearest neighbours of a track. Raises WrongDimensionError."""
    if vectors.current_model() is None:
        return Found([], WITHOUT_MODEL)
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    filters = neighbours.Filters(wanted.bpm, wanted.key, wanted.other_album)
    try:
        return Found(_cards(neighbours.similar(track_id, count, filters)))
    except NoVectorError as error:
        return Found([], _sentence(error))


def path(first: int, last: int, count: int) -> Found:
    """The path between two tracks, these included. Raises WrongDimensionError."""
    if vectors.current_model() is None:
        return Found([], WITHOUT_MODEL)
    from db.similarity import neighbours  # noqa: PLC0415  # NumPy

    try:
        return Found(_cards(neighbours.path(first, last, count)))
    except NoVectorError as error:
        return Found([], _sentence(error))


def _cards(found: "Sequence[Neighbour]") -> list[SimilarTrack]:
    ids = [each.track_id for each in found]
    cards = {each.id: each for each in search.track_cards(ids)}
    known = tracks.track_summaries(ids, missing=True)
    return [
        SimilarTrack(cards[each.track_id], known[each.track_id], each.similarity)
        for each in found
        if each.track_id in cards and each.track_id in known
    ]


def _sentence(error: NoVectorError) -> str:
    """The error as a sentence, without the remedy, which names commands."""
    fact, _ = fact_and_remedy(error)
    return f"{fact[:1].upper()}{fact[1:]}."
