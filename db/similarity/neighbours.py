"""Nearest neighbours of a track. Imports NumPy.

Exact: every vector is compared, a million in a fraction of a second. The vectors stand in a file of
the data folder that is mapped into memory, so that programs share it and none holds it. An index
(usearch, faiss) would stand in `_Space.nearest`, and pays from about a million tracks on; no caller
would notice.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from db import settings
from db.errors import NoVectorError
from db.library import audio_features, tracks
from db.library.tracks import TrackSummary
from db.models import EntityType, Kind, LedgerRow, State
from db.similarity import vectors
from db.similarity.vectors import ModelVersion
from db.sql.queries import tuples

_BLOCK = 65_536
"""Rows that are compared at once: what is not mapped stays small."""
_ROWS_A_SECOND = 20_000
"""A file of this many rows is used for a second although vectors were written since: during the
analysis of a large library vectors change all the time."""

Vector = npt.NDArray[np.float32]
Keeps = Callable[[TrackSummary], bool]


class Neighbour(NamedTuple):
    """A track, and how like it is: the cosine, of -1 to 1."""

    track_id: int
    similarity: float


class Filters(NamedTuple):
    """Which neighbours are wanted. Tracks whose files are missing never are."""

    bpm: float | None = None
    """At most so many per cent from the track's tempo, half and double of it included."""
    key: bool = False
    """Only compatible keys: the same on the Camelot wheel, a step to either side, or the other
    mode at the same place."""
    other_album: bool = False
    """None of the same album."""


def similar(track_id: int, count: int, filters: Filters | None = None) -> list[Neighbour]:
    """The `count` tracks most similar to this one, the most similar first.

    Raises NoVectorError when the track has no vector, or not what is filtered by, and
    WrongDimensionError.
    """
    space = _Space.opened()
    wanted = space.vector(track_id)
    return list(space.nearest(wanted, count, {track_id}, _filter(track_id, filters or Filters())))


def path(first: int, last: int, length: int) -> list[Neighbour]:
    """A smooth way from one track to another: `length` tracks, these two included.

    At even steps on the arc between the two, the nearest track that was not taken yet; the
    similarity is to the track before. Raises NoVectorError and WrongDimensionError.
    """
    space = _Space.opened()
    begin, end = space.vector(first), space.vector(last)
    steps = max(0, length - 2)
    taken = {first, last}
    found = [first]
    for step in range(1, steps + 1):
        target = _between(begin, end, step / (steps + 1))
        for each in space.nearest(target, 1, taken, lambda _: True):
            taken.add(each.track_id)
            found.append(each.track_id)
    found.append(last)
    places = [space.vector(track_id) for track_id in found]
    similarities = [1.0] + [float(a @ b) for a, b in pairwise(places)]
    return [Neighbour(*each) for each in zip(found, similarities, strict=True)]


class _Space:
    """All vectors of tracks: ids ascending, and rows of length 1."""

    def __init__(self, rows: npt.NDArray[np.void]) -> None:
        self.ids: npt.NDArray[np.int64] = rows["id"]
        self.rows: Vector = rows["vector"]

    @classmethod
    def opened(cls) -> "_Space":
        """Raises NoVectorError without a model."""
        model = vectors.current_model()
        if model is None:
            raise NoVectorError(
                "there is no similarity model yet — the first training starts when at least ten "
                "tracks and all that wait are analysed: see `fleet status`"
            )
        rows = np.load(_file(model), mmap_mode="r", allow_pickle=False)
        return cls(rows)

    def vector(self, track_id: int) -> Vector:
        """Raises NoVectorError with what the ledger says."""
        place = int(np.searchsorted(self.ids, track_id))
        if place == len(self.ids) or self.ids[place] != track_id:
            raise NoVectorError(f"track {track_id} has no vector: {why_without_vector(track_id)}")
        return np.asarray(self.rows[place])

    def nearest(
        self, wanted: Vector, count: int, without: set[int], keeps: Keeps
    ) -> Iterator[Neighbour]:
        """So many of the nearest that are there and that `keeps` keeps, the nearest first.

        Examines ever more of the nearest until enough are found.
        """
        similarities = self._similarities(wanted)
        seen, left, examined = 0, count, count + len(without) + 32
        while left and seen < len(similarities):
            order = _first(similarities, examined)[seen:]
            seen += len(order)
            known = tracks.track_summaries([int(self.ids[place]) for place in order])
            for place in order:
                track = known.get(int(self.ids[place]))
                if left and track and track.id not in without and keeps(track):
                    left -= 1
                    yield Neighbour(track.id, float(similarities[place]))
            examined *= 8

    def _similarities(self, wanted: Vector) -> Vector:
        similarities = np.empty(len(self.ids), np.float32)
        for start in range(0, len(similarities), _BLOCK):
            similarities[start : start + _BLOCK] = self.rows[start : start + _BLOCK] @ wanted
        return similarities


def _first(similarities: Vector, most: int) -> npt.NDArray[np.intp]:
    """The places of the highest ones, in order; of equal ones the first."""
    if most < len(similarities):
        least = -np.partition(-similarities, most - 1)[most - 1]
        places = np.flatnonzero(similarities >= least)
    else:
        places = np.arange(len(similarities))
    return places[np.argsort(-similarities[places], kind="stable")]


def _between(begin: Vector, end: Vector, part: float) -> Vector:
    """A point on the great circle (K. Shoemake, "Animating Rotation with Quaternion Curves", 1985).

    Between opposite points, where there are many such circles, on the line.
    """
    angle = float(np.arccos(np.clip(begin @ end, -1, 1)))
    if np.sin(angle) < 1e-3:
        return np.asarray(begin * (1 - part) + end * part)
    shares = np.sin((1 - part) * angle), np.sin(part * angle)
    return np.asarray((shares[0] * begin + shares[1] * end) / np.sin(angle), np.float32)


def _filter(track_id: int, filters: Filters) -> Keeps:
    """Raises NoVectorError when the track has no tempo, or key, to filter by."""
    mine = tracks.track_summaries([track_id], missing=True)[track_id]
    if filters.bpm is not None and mine.bpm is None:
        raise NoVectorError(f"track {track_id} has no tempo — leave out the tempo filter")
    if filters.key and mine.camelot is None:
        raise NoVectorError(f"track {track_id} has no key — leave out the key filter")

    def keeps(track: TrackSummary) -> bool:
        return (
            (filters.bpm is None or audio_features.tempos_match(mine.bpm, track.bpm, filters.bpm))
            and (not filters.key or audio_features.keys_match(mine.camelot, track.camelot))
            and not (filters.other_album and track.album_id and track.album_id == mine.album_id)
        )

    return keeps


def _file(model: ModelVersion) -> Path:
    """The file of all tracks' vectors, as they stand, or stood a moment ago."""
    folder = settings.data_dir() / "similarity"
    stamp = vectors.stamp(EntityType.TRACK, model)
    newest = stamp.newest.isoformat() if stamp.newest else "none"
    wanted = folder / f"tracks-{model.id}-{stamp.rows}-{newest}.npy"
    if wanted.exists():
        return wanted
    for file in folder.glob(f"tracks-{model.id}-*.npy"):
        if _age(file) < stamp.rows / _ROWS_A_SECOND:
            return file
    _write(wanted, model)
    return wanted


def _age(file: Path) -> float:
    """Seconds since it was written; of one that is gone without end."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _write(file: Path, model: ModelVersion) -> None:
    """Write the vectors, row by row, under another name until they are all there."""
    row = np.dtype([("id", "<i8"), ("vector", "<f4", (model.dimension,))])
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = np.fromiter(
        (
            (entity_id, np.frombuffer(numbers, "<f4"))
            for entity_id, numbers in vectors.all_of(EntityType.TRACK, model)
        ),
        row,
    )
    descriptor, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    with os.fdopen(descriptor, "wb") as part:
        np.save(part, rows, allow_pickle=False)
    Path(name).rename(file)
    for old in file.parent.glob("tracks-*.npy"):
        if old != file:
            old.unlink(missing_ok=True)


def why_without_vector(track_id: int) -> str:
    """What the ledger says of a track that has none, and what to do."""
    query = LedgerRow.select(LedgerRow.kind, LedgerRow.state, LedgerRow.reason).where(
        LedgerRow.entity_type == EntityType.TRACK,
        LedgerRow.entity_id == track_id,
        LedgerRow.kind.in_([Kind.ANALYSIS, Kind.VECTOR]),
    )
    rows = {kind: (State(state), reason) for kind, state, reason in tuples(query)}
    analysis, analysis_reason = rows.get(Kind.ANALYSIS, (State.TODO, None))
    if analysis in {State.TODO, State.LEASED}:
        return "it is not analysed yet — see the progress in `fleet status`"
    state, reason = rows.get(Kind.VECTOR, (State.TODO, None))
    if analysis is not State.DONE and state not in {State.TODO, State.LEASED}:
        reasons = f"{analysis_reason or analysis}; {reason or state}"
        return f"{reasons} — repair the file and scan again, or give it tags"
    if state in {State.TODO, State.LEASED}:
        return "it is not computed yet — wait a minute, or see `fleet status`"
    return (
        f"{reason or state} — `fleet enqueue vectorization.calculate track_id={track_id}` retries"
    )
