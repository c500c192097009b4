"""The vectors of all entities of a type as one array. Imports NumPy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from db import vectors
from db.models import EntityType
from db.vectors import ModelVersion

Floats = npt.NDArray[np.float32]


class Matrix(NamedTuple):
    """Vectors of length 1, one a row."""

    ids: npt.NDArray[np.int64]
    """The entities, ascending; of shape (entities,)."""
    vectors: Floats
    """Of shape (entities, dimension)."""
    model: ModelVersion


def matrix(entity_type: EntityType) -> Matrix | None:
    """All vectors by the current model; None without a model. Raises WrongDimensionError."""
    model = vectors.current_model()
    if model is None:
        return None
    ids: list[int] = []
    numbers = bytearray()
    for entity_id, each in vectors.all_of(entity_type, model):
        ids.append(entity_id)
        numbers += each
    rows = np.frombuffer(numbers, "<f4").reshape(len(ids), model.dimension)
    return Matrix(np.array(ids, np.int64), rows, model)
