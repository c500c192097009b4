"""A model, which makes a vector of a track: its parameters, how they are kept and applied.

Applying it takes NumPy alone; `jobs.vectorization.trainer` makes one. The audio part is the track's
numbers, standardised, cut off at LIMIT deviations and projected on their principal components; the
tag part its words by TF-IDF, projected by a truncated SVD. Each part has length 1 by itself, is
weighted, and the whole has length 1 again. The vectors of albums and artists are the means of their
tracks', of length 1.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from db.models import EntityType
from db.similarity import vector_inputs, vectors
from db.similarity.vector_inputs import TrackInput
from db.similarity.vectors import ModelVersion
from jobs.vectorization.features import Array, numbers, words

LIMIT = 3.0
"""Standard deviations: a value further out comes from an odd file rather than from its music."""
_ZERO_LENGTH = 1e-9

Vectors = npt.NDArray[np.float32]


class Model(NamedTuple):
    """The parameters."""

    mean: Array
    """Of the numbers, of shape (numbers,), as `scale`."""
    scale: Array
    components: Array
    """Of the audio part: (numbers, components), the principal axes, each as it is weighted."""
    vocabulary: npt.NDArray[np.str_]
    """The words, sorted."""
    idf: Array
    """How rare each word is, (words,)."""
    topics: Array
    """Of the tag part: (words, topics)."""
    weights: Array
    """Of the audio and the tag part."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.components.shape[1] + self.topics.shape[1])

    def packed(self) -> bytes:
        """The parameters as npz, which holds no pickles."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **self._asdict())
        return file.getvalue()

    @classmethod
    def unpacked(cls, stored: bytes) -> "Model":
        """The model of these parameters. Raises ValueError or KeyError for anything else."""
        with np.load(io.BytesIO(stored), allow_pickle=False) as file:
            return cls(*(file[name] for name in cls._fields))


def track_vectors(model: Model, tracks: Sequence[TrackInput]) -> dict[int, bytes]:
    """The vector of each known track, in the bytes that `db.similarity.vectors` stores."""
    made = apply(model, tracks)
    return {
        track.id: row.astype("<f4").tobytes()
        for track, row in zip(tracks, made, strict=True)
        if row.any()
    }


def apply(model: Model, tracks: Sequence[TrackInput]) -> Vectors:
    """Of shape (tracks, dimension), of length 1; zeros for a track of which nothing is known."""
    audio = _unit(
        standardised(model, numbers([each.features for each in tracks])) @ model.components
    )
    tags = _unit(counts(model.vocabulary, tracks) * model.idf @ model.topics)
    return _unit(np.hstack([model.weights[0] * audio, model.weights[1] * tags])).astype(np.float32)


def standardised(model: Model, table: Array) -> Array:
    """In standard deviations from the mean; what is missing is the mean."""
    with np.errstate(invalid="ignore"):
        return np.clip(np.nan_to_num((table - model.mean) / model.scale), -LIMIT, LIMIT)


def counts(vocabulary: npt.NDArray[np.str_], tracks: Sequence[TrackInput]) -> Array:
    """Of shape (tracks, words): 1 for each word that the track has."""
    places = {str(word): place for place, word in enumerate(vocabulary)}
    table = np.zeros((len(tracks), len(vocabulary)))
    for row, track in zip(table, tracks, strict=True):
        row[[places[word] for word in words(track) if word in places]] = 1
    return table


def _unit(table: Array) -> Array:
    """Each row of length 1, or zero."""
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    unit: Array = np.where(lengths > _ZERO_LENGTH, table / np.maximum(lengths, _ZERO_LENGTH), 0)
    return unit


_CANCELLED_OUT = 1e-6


def mean_vectors(
    entity_type: EntityType, model: ModelVersion, entity_ids: Sequence[int]
) -> dict[int, bytes]:
    """The vectors of those that have tracks with vectors by this model.

    None of one whose tracks cancel each other out. Raises WrongDimensionError.
    """
    members = vector_inputs.members(entity_type, entity_ids)
    made: dict[int, bytes] = {}
    for entity_id, track_ids in members.items():
        total = np.zeros(model.dimension)
        for vector in vectors.some_of(EntityType.TRACK, model, sorted(track_ids)).values():
            total += np.frombuffer(vector, "<f4")
        length = float(np.linalg.norm(total))
        if length > _CANCELLED_OUT:
            made[entity_id] = (total / length).astype("<f4").tobytes()
    return made
