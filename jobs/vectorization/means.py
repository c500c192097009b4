"""Vectors of albums and artists: the means of their tracks', of length 1. Imports NumPy."""

from collections.abc import Sequence

import numpy as np

from db import vector_inputs, vectors
from db.models import EntityType
from db.vectors import ModelVersion

_NOTHING = 1e-6


def means(
    entity_type: EntityType, model: ModelVersion, entity_ids: Sequence[int]
) -> dict[int, bytes]:
    """The vectors of those that have tracks with vectors by this model.

    None of one whose tracks cancel each other out. Raises WrongDimensionError.
    """
    members = vector_inputs.members(entity_type, entity_ids)
    made: dict[int, bytes] = {}
    for entity_id, track_ids in members.items():
        total = np.zeros(model.dimension)
        for numbers in vectors.some_of(EntityType.TRACK, model, sorted(track_ids)).values():
            total += np.frombuffer(numbers, "<f4")
        length = float(np.linalg.norm(total))
        if length > _NOTHING:
            made[entity_id] = (total / length).astype("<f4").tobytes()
    return made
