"""Measurements of a model's health, by its vectors. Imports NumPy.

Everything is measured on samples that are the same of the same library, and hardly others of one
that grew a little: the tracks whose ids have the smallest hash.
"""

import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from db.models import EntityType
from db.similarity import model_health, vector_inputs, vectors
from db.similarity.model_health import HealthHistory, Measures, Sample
from db.similarity.vector_inputs import TrackInput
from db.similarity.vectors import ModelVersion
from jobs.vectorization.features import NUMBERS, genres, numbers
from jobs.vectorization.model import Model, apply, standardised

NEAREST = 10
_SAMPLE = 200
_MOST_NEWER = 2_000
FEWEST_NEWER = 30
"""Newer tracks that a drift needs to mean more than one album."""
_FEWEST_OF_GENRE = 20
"""Tracks with a genre, for recall to say anything."""
_BLOCK = 16_384
"""Vectors that are compared at once."""
_KNUTH = 2_654_435_761
"""The multiplier of multiplicative hashing (D. Knuth, The Art of Computer Programming, 6.4)."""

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class VectorMatrix(NamedTuple):
    """Vectors of length 1, one a row."""

    ids: Ids
    """The entities, ascending; of shape (entities,)."""
    vectors: Floats
    """Of shape (entities, dimension)."""
    model: ModelVersion


class UnreadableModelError(Exception):
    """A model's parameters are none that this musicfleet can apply."""


class Measured(NamedTuple):
    """A measurement, and the sample that the next model is compared with."""

    measures: Measures
    sample: Sample


def measured(version: ModelVersion) -> Measured:
    """Measure the model in use. Raises UnreadableModelError and WrongDimensionError."""
    model = _model(version)
    space = _vector_matrix()
    if space is None or space.model != version or not len(space.ids):
        measures = Measures(model_health.coverage(version), drift(model, version), None, None, None)
        return Measured(measures, Sample(0, {}))
    sample = _neighbours(space, _drawn(space.ids))
    measures = Measures(
        model_health.coverage(version),
        drift(model, version),
        stability(space, HealthHistory(version).sample_before()),
        *recall(model, space),
    )
    return Measured(measures, sample)


def drift(model: Model, version: ModelVersion) -> float | None:
    """How far the mean of newer tracks lies from that of those the model was trained on.

    The root mean square over the audio features, each in the model's standard deviations;
    None with fewer than FEWEST_NEWER newer ones.
    """
    newer = model_health.tracks_analysed_since(version, _MOST_NEWER)
    if len(newer) < FEWEST_NEWER:
        return None
    table = numbers([track.features for track in vector_inputs.inputs(newer)])
    shift = standardised(model, table).mean(axis=0)
    return float(np.sqrt(np.mean(shift**2)))


def stability(space: VectorMatrix, before: Sample | None) -> float | None:
    """The share of the nearest by the model before that are among the nearest by this one.

    Of tracks that both know: what came or went since moves nothing.
    """
    if before is None:
        return None
    known = VectorMatrix(*_before(space, before.newest), space.model)
    asked = np.intersect1d(known.ids, np.array(list(before.nearest), np.int64))
    there = set(known.ids.tolist())
    kept = total = 0
    for track_id, now in _neighbours(known, asked).nearest.items():
        then = [each for each in before.nearest[track_id] if each in there]
        kept += len(set(now[: len(then)]) & set(then))
        total += len(then)
    return kept / total if total else None


def recall(model: Model, space: VectorMatrix) -> tuple[float | None, float | None]:
    """How often the nearest neighbours predict a genre of a track, and the most frequent one does.

    The tracks' own genres are held out: their vectors are made without them. The genre that most of
    the nearest have is their prediction.
    """
    drawn = vector_inputs.inputs(_ints(_drawn(space.ids, 3 * _SAMPLE)))
    asked = [track for track in drawn if genres(track)][:_SAMPLE]
    if len(asked) < _FEWEST_OF_GENRE:
        return None, None
    blind = apply(model, [track._replace(genres=[]) for track in asked])
    own = np.array([track.id for track in asked], np.int64)
    nearest = _nearest(space, blind, own)
    known = {
        track.id: genres(track)
        for track in vector_inputs.inputs(sorted({each for row in nearest for each in row}))
    }
    predicted = [_majority([known.get(each, []) for each in row]) for row in nearest]
    everywhere = _majority([genres(track) for track in asked])
    return _share(predicted, asked), _share([everywhere] * len(asked), asked)


def _share(predicted: Sequence[str | None], asked: Sequence[TrackInput]) -> float:
    hits = sum(genre in genres(track) for genre, track in zip(predicted, asked, strict=True))
    return hits / len(asked)


def _majority(found: Sequence[Sequence[str]]) -> str | None:
    """The genre that most have; of equal ones the first of the alphabet."""
    counted = Counter(genre for each in found for genre in each)
    return min(counted, key=lambda genre: (-counted[genre], genre), default=None)


def _vector_matrix() -> VectorMatrix | None:
    """All tracks' vectors by the current model; None without. Raises WrongDimensionError."""
    model = vectors.current_model()
    if model is None:
        return None
    ids: list[int] = []
    found = bytearray()
    for track_id, each in vectors.all_of(EntityType.TRACK, model):
        ids.append(track_id)
        found += each
    rows = np.frombuffer(found, "<f4").reshape(len(ids), model.dimension)
    return VectorMatrix(np.array(ids, np.int64), rows, model)


def _model(version: ModelVersion) -> Model:
    try:
        model = Model.unpacked(vectors.parameters(version.id))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableModelError(
            f"the parameters of model {version.id} cannot be read"
        ) from error
    if model.mean.shape != (NUMBERS,) or model.dimension != version.dimension:
        raise UnreadableModelError(f"model {version.id} is of another musicfleet")
    return model


def _drawn(ids: Ids, count: int = _SAMPLE) -> Ids:
    """So many of these ids: those with the smallest hash, in its order."""
    hashes = (ids.astype(np.uint64) * np.uint64(_KNUTH)) & np.uint64(0xFFFFFFFF)
    return ids[np.argsort(hashes, kind="stable")[:count]]


def _before(space: VectorMatrix, newest: int) -> tuple[Ids, Floats]:
    end = int(np.searchsorted(space.ids, newest, side="right"))
    return space.ids[:end], space.vectors[:end]


def _neighbours(space: VectorMatrix, asked: Ids) -> Sample:
    """The nearest of these tracks, each of which has a vector."""
    newest = int(space.ids[-1]) if len(space.ids) else 0
    wanted = space.vectors[np.searchsorted(space.ids, asked)]
    rows = _nearest(space, wanted, asked)
    return Sample(newest, dict(zip(_ints(asked), rows, strict=True)))


def _nearest(space: VectorMatrix, wanted: Floats, own: Ids) -> list[list[int]]:
    """The ids of the NEAREST of each wanted vector, the nearest first, without the track itself."""
    ids = np.empty((len(wanted), 0), np.int64)
    similarity = np.empty((len(wanted), 0), np.float32)
    for start in range(0, len(space.ids), _BLOCK):
        part = space.ids[start : start + _BLOCK]
        found = wanted @ space.vectors[start : start + _BLOCK].T
        found[own[:, None] == part[None, :]] = -np.inf
        best = np.argpartition(-found, min(NEAREST, len(part)) - 1, axis=1)[:, :NEAREST]
        ids = np.hstack([ids, part[best]])
        similarity = np.hstack([similarity, np.take_along_axis(found, best, 1)])
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :NEAREST]
        ids, similarity = (
            np.take_along_axis(ids, order, 1),
            np.take_along_axis(similarity, order, 1),
        )
    return [_ints(row[fits]) for row, fits in zip(ids, np.isfinite(similarity), strict=True)]


def _ints(ids: Ids) -> list[int]:
    return [int(each) for each in ids]
