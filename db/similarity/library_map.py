"""The map of the library: tracks in a plane, similar ones close together. Imports NumPy.

A principal component analysis of the vectors of a sample (I. T. Jolliffe, "Principal Component
Analysis", 2nd edition, 2002): the two axes along which they differ most.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from peewee import fn

from db.library import tracks
from db.models import EntityType, Vector
from db.similarity import clusters, vectors
from db.similarity.vectors import ModelVersion
from db.sql.queries import tuples

MOST = 2_500
"""Tracks on the map: with their names some 150 KB, and as many points as people can distinguish."""
EDGE = 1_000
"""Places are whole numbers from 0 to this."""
_BUCKETS = 2**14
_STEP = 10_125
"""Ids that follow each other lie a golden section of all buckets apart, and so evenly."""

Floats = npt.NDArray[np.float64]


class Place(NamedTuple):
    """A track on the map."""

    track_id: int
    x: int
    y: int
    cluster_id: int | None
    """Its primary cluster."""
    title: str
    artists: str


class LibraryMap(NamedTuple):
    """The places of a sample, by id, and of how many tracks it is one."""

    places: list[Place]
    tracks: int


def library_map(most: int = MOST) -> LibraryMap:
    """A map of the tracks that have a vector and whose files are there; empty without a model.

    Raises WrongDimensionError.
    """
    model = vectors.current_model()
    if model is None:
        return LibraryMap([], 0)
    total, ids = _sample(model, most)
    known, by = tracks.track_summaries(ids), tracks.artist_credits(ids)
    ids = [each for each in ids if each in known]
    points = _projected(_vector_rows(model, ids))
    belongs = clusters.memberships_of(EntityType.TRACK, ids)
    places = [
        Place(
            track_id,
            int(x),
            int(y),
            belongs[track_id][0].cluster_id if track_id in belongs else None,
            tracks.full_title(known[track_id], None),
            by.get(track_id, ""),
        )
        for track_id, (x, y) in zip(ids, points, strict=True)
    ]
    return LibraryMap(places, total)


def _sample(model: ModelVersion, most: int) -> tuple[int, list[int]]:
    """How many tracks have a vector, and up to `most` of them, by id.

    Which ones depends on their ids alone, so that a map changes little as a library grows; ids
    that follow each other, which are those of an album, are drawn apart.
    """
    mine = (Vector.entity_type == EntityType.TRACK) & (Vector.model == model.id)
    ((total,),) = tuples(Vector.select(fn.COUNT(Vector.id)).where(mine))
    bucket = (Vector.entity_id.cast("BIGINT") * _STEP).bin_and(_BUCKETS - 1)
    query = Vector.select(Vector.entity_id).where(mine)
    if total > most:
        query = query.where(bucket < _BUCKETS * most // total)
    query = query.order_by(Vector.entity_id).limit(most)
    return total, [track_id for (track_id,) in tuples(query)]


def _vector_rows(model: ModelVersion, ids: Sequence[int]) -> Floats:
    """Their vectors, one a row."""
    found = vectors.some_of(EntityType.TRACK, model, ids)
    numbers = b"".join(found[track_id] for track_id in ids)
    return np.frombuffer(numbers, "<f4").reshape(len(ids), model.dimension).astype(np.float64)


def _projected(rows: Floats) -> npt.NDArray[np.int64]:
    """Places in the plane, each axis from 0 to `EDGE`; of shape (rows, 2).

    The signs of components mean nothing, and a new model may turn them. So they are set by the
    tracks: the longer tail of each axis lies to the right, or above.
    """
    if len(rows) == 0:
        return np.empty((0, 2), np.int64)
    centred = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    points = centred @ axes
    points = np.where((points**3).sum(axis=0) < 0, -points, points)
    if points.shape[1] == 1:  # vectors of one number lie on a line
        points = np.hstack([points, np.zeros_like(points)])
    low, high = points.min(axis=0), points.max(axis=0)
    spread = np.where(high - low > 1e-6, high - low, 1.0)
    inside = (points - low) / spread
    inside[:, high - low <= 1e-6] = 0.5
    return np.asarray(np.rint(inside * EDGE), np.int64)
