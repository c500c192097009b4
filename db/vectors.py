"""Vectors and the models that made them; every vector has its model's dimension.

Vectors are bytes here, 32-bit little-endian floats, so that light programs need no NumPy;
`db.vector_matrix` makes arrays of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import Field, ModelSelect, fn

from db.errors import WrongDimensionError
from db.models import EntityType, Vector, VectorModel, utc_now
from db.rows import tuples
from db.slices import slices

BYTES_A_NUMBER = 4
_ROWS = 200
_READ_AT_ONCE = 5_000


class ModelVersion(NamedTuple):
    """A model, without its parameters."""

    id: int
    trained_at: datetime
    reason: str
    dimension: int
    tracks: int
    genres: int
    vocabulary: str


_VERSION = tuple(getattr(VectorModel, name) for name in ModelVersion._fields)


def current_model() -> ModelVersion | None:
    """The newest model whose vectors are all made; None when none was trained yet."""
    trained = VectorModel.select(*_VERSION).where(~VectorModel.in_training)
    query = trained.order_by(VectorModel.id.desc()).limit(1)
    return next((ModelVersion._make(row) for row in tuples(query)), None)


def parameters(model_id: int) -> bytes:
    """What a model was stored with."""
    query = VectorModel.select(VectorModel.parameters).where(VectorModel.id == model_id)
    return next(bytes(stored) for (stored,) in tuples(query))


def record(
    entity_type: EntityType, model: ModelVersion, vectors: Mapping[int, bytes | memoryview]
) -> None:
    """Write vectors by entity id, in place of earlier ones by the same model.

    Raises WrongDimensionError.
    """
    for entity_id, numbers in vectors.items():
        check(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
    rows = [
        {
            "entity_type": entity_type,
            "entity_id": entity_id,
            "model": model.id,
            "dimension": model.dimension,
            "numbers": bytes(numbers),
            "made_at": utc_now(),
        }
        for entity_id, numbers in vectors.items()
    ]
    for part in slices(rows, _ROWS):
        Vector.insert_many(part).on_conflict(
            conflict_target=[Vector.entity_type, Vector.entity_id, Vector.model],
            preserve=[Vector.dimension, Vector.numbers, Vector.made_at],
        ).execute()


def all_of(entity_type: EntityType, model: ModelVersion) -> Iterator[tuple[int, bytes]]:
    """Each entity's id and vector by this model, by id. Raises WrongDimensionError."""
    for rows in blocks(entity_type, model):
        yield from rows


def blocks(entity_type: EntityType, model: ModelVersion) -> Iterator[list[tuple[int, bytes]]]:
    """The same a part at a time: a cursor would keep them all."""
    after = 0
    while rows := [
        (entity_id, bytes(numbers))
        for entity_id, numbers in tuples(
            _next(entity_type, model, after, _READ_AT_ONCE, Vector.entity_id, Vector.numbers)
        )
    ]:
        for entity_id, numbers in rows:
            check(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
        yield rows
        after = rows[-1][0]


def ids_of(entity_type: EntityType, model: ModelVersion, after: int, most: int) -> list[int]:
    """The next entities after this id that have a vector by this model, by id."""
    rows = tuples(_next(entity_type, model, after, most, Vector.entity_id))
    return [entity_id for (entity_id,) in rows]


def count(entity_type: EntityType, model: ModelVersion) -> int:
    """How many entities have a vector by this model."""
    mine = (Vector.entity_type == entity_type, Vector.model == model.id)
    return int(Vector.select().where(*mine).count())


def _next(
    entity_type: EntityType, model: ModelVersion, after: int, most: int, *columns: "Field[Any]"
) -> "ModelSelect[Any]":
    mine = (Vector.entity_type == entity_type, Vector.model == model.id, Vector.entity_id > after)
    return Vector.select(*columns).where(*mine).order_by(Vector.entity_id).limit(most)


def some_of(
    entity_type: EntityType, model: ModelVersion, entity_ids: Sequence[int]
) -> dict[int, bytes]:
    """Those of these entities' vectors that there are by this model. Raises WrongDimensionError."""
    found: dict[int, bytes] = {}
    for ids in slices(entity_ids):
        query = Vector.select(Vector.entity_id, Vector.numbers).where(
            Vector.entity_type == entity_type,
            Vector.model == model.id,
            Vector.entity_id.in_(list(ids)),
        )
        found.update((entity_id, bytes(numbers)) for entity_id, numbers in tuples(query))
    for entity_id, numbers in found.items():
        check(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
    return found


class Stamp(NamedTuple):
    """What tells whether vectors were added, replaced or dropped since."""

    rows: int
    newest: datetime | None
    """When the last of them was made."""


def stamp(entity_type: EntityType, model: ModelVersion) -> Stamp:
    """How the vectors by this model stand."""
    query = Vector.select(fn.COUNT(Vector.id), fn.MAX(Vector.made_at)).where(
        Vector.entity_type == entity_type, Vector.model == model.id
    )
    ((count, newest),) = tuples(query)
    return Stamp(count, newest)


def forget(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop the vectors of entities that are gone, or are nothing that has one any more."""
    for ids in slices(entity_ids):
        Vector.delete().where(
            Vector.entity_type == entity_type, Vector.entity_id.in_(list(ids))
        ).execute()


def check(dimension: int, numbers: bytes | memoryview, name: str) -> None:
    """Raises WrongDimensionError unless there are so many numbers."""
    if len(numbers) != dimension * BYTES_A_NUMBER:
        raise WrongDimensionError(
            f"{name} has {len(numbers) // BYTES_A_NUMBER} numbers, its model says {dimension} — "
            "`fleet enqueue vectorization.rebuild` recomputes all vectors"
        )
