"""Vectors and the models that made them; every vector has its model's dimension.

Vectors are bytes here, 32-bit little-endian floats, so that light programs need no NumPy;
`db.similarity.neighbours` makes arrays of them. A new model is put in use when all its vectors are
made.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from peewee import Expression, Field, ModelSelect, Value, fn

from db.errors import WrongDimensionError
from db.models import (
    EMPTY_HANDED,
    UNSETTLED,
    EntityType,
    Kind,
    LedgerRow,
    State,
    Vector,
    VectorModel,
    database,
    utc_now,
)
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import among, slices, tuples

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


def record_vectors(
    entity_type: EntityType, model: ModelVersion, vectors: Mapping[int, bytes | memoryview]
) -> None:
    """Write vectors by entity id, in place of earlier ones by the same model.

    Raises WrongDimensionError.
    """
    for entity_id, numbers in vectors.items():
        check_dimension(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
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
            _vectors_after(
                entity_type, model, after, _READ_AT_ONCE, Vector.entity_id, Vector.numbers
            )
        )
    ]:
        for entity_id, numbers in rows:
            check_dimension(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
        yield rows
        after = rows[-1][0]


def ids_of(entity_type: EntityType, model: ModelVersion, after: int, most: int) -> list[int]:
    """The next entities after this id that have a vector by this model, by id."""
    rows = tuples(_vectors_after(entity_type, model, after, most, Vector.entity_id))
    return [entity_id for (entity_id,) in rows]


def vector_count(entity_type: EntityType, model: ModelVersion) -> int:
    """How many entities have a vector by this model."""
    mine = (Vector.entity_type == entity_type, Vector.model == model.id)
    return int(Vector.select().where(*mine).count())


def _vectors_after(
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
        check_dimension(model.dimension, numbers, f"the vector of {entity_type} {entity_id}")
    return found


class Stamp(NamedTuple):
    """A stamp that changes when vectors are added, replaced or dropped."""

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


def check_dimension(dimension: int, numbers: bytes | memoryview, name: str) -> None:
    """Raises WrongDimensionError unless there are so many numbers."""
    if len(numbers) != dimension * BYTES_A_NUMBER:
        raise WrongDimensionError(
            f"{name} has {len(numbers) // BYTES_A_NUMBER} numbers, its model says {dimension} — "
            "`fleet enqueue vectorization.rebuild` recomputes all vectors"
        )


MODELS_KEPT = 10
"""How many models are kept, the one in use included; of the older ones no vectors are."""
_SETTLED = (State.NONE, State.FAILED, State.WAITING)
IN_TRAINING = "the model in training will compute its vector"
_ROWS_AT_ONCE = 2_000
"""Written or deleted in one transaction, so that others may write in between."""


class TrainedModel(NamedTuple):
    """What a training makes."""

    dimension: int
    tracks: int
    genres: int
    vocabulary: str
    parameters: bytes


class ModelInTraining:
    """A model whose vectors are being made; it is not in use yet."""

    def __init__(self, reason: str, trained: TrainedModel) -> None:
        """Write the model's row."""
        with transaction():
            row = VectorModel.create(reason=reason, in_training=True, **trained._asdict())
        self.version = ModelVersion._make(getattr(row, name) for name in ModelVersion._fields)

    def record(self, entity_type: EntityType, made: Mapping[int, bytes]) -> None:
        """Write vectors by this model. Raises WrongDimensionError.

        Entities without a need of a vector get their row in the ledger.
        """
        unasked = {"kind": Kind.VECTOR, "entity_type": entity_type, "state": State.NONE}
        rows = [{**unasked, "entity_id": each, "reason": IN_TRAINING} for each in made]
        with transaction():
            record_vectors(entity_type, self.version, made)
            for part in slices(rows):
                LedgerRow.insert_many(part).on_conflict_ignore().execute()

    def put_in_use(self) -> None:
        """Have this model be the one in use, all at once; then delete what older ones left.

        What changed since it began, or has no vector by it, is to be done; what it made is done. An
        attempt at work loses its leases, for it would write vectors by the model before.

        Nearly all rows are written before, a part at a time, so that nobody waits long for the
        ledger; what others settle meanwhile is found by indexes.
        """
        model = self.version
        begun = max(model.trained_at, utc_now() - _CLOCKS_DIFFER)
        for entity_type, first, last in _windows():
            rows = _rows_of(entity_type) & LedgerRow.entity_id.between(first, last)
            within = (first, last)
            with transaction():
                _settle_anew(rows & LedgerRow.state.not_in(_AT_WORK), model, within)
        with transaction():
            if not is_sqlite():  # where the transaction is the only one that writes
                database.execute_sql("LOCK TABLE ledger IN EXCLUSIVE MODE")
            for entity_type in _TYPES:
                _vectors_needed(_rows_of(entity_type) & UNSETTLED & _IS_LEASED)
                for which in (UNSETTLED & LedgerRow.state.not_in(_AT_WORK), EMPTY_HANDED):
                    for part in slices(_entities(_rows_of(entity_type) & which)):
                        some = _rows_of(entity_type) & among(LedgerRow.entity_id, part)
                        _settle_anew(some & which, model, (part[0], part[-1]))
                for part in slices(_made_otherwise(entity_type, model, begun)):
                    _vectors_needed(_rows_of(entity_type) & among(LedgerRow.entity_id, part))
            VectorModel.update(in_training=False).where(VectorModel.id == model.id).execute()
        _drop_old_models()

    @staticmethod
    def drop_unfinished() -> None:
        """Delete the models whose training was ended, with their vectors."""
        for model_id in _model_ids(VectorModel.in_training):
            _drop_vectors(Vector.model == model_id)
            VectorModel.delete().where(VectorModel.id == model_id).execute()


_TYPES = (EntityType.TRACK, EntityType.ALBUM, EntityType.ARTIST)
_AT_WORK = (State.TODO, State.LEASED, State.QUARANTINED)
"""States that say already that the vector is made again, or that it is not to be."""
_IS_LEASED = LedgerRow.state == State.LEASED
_CLOCKS_DIFFER = timedelta(minutes=10)
"""By which the clocks of hosts may differ."""


def _rows_of(entity_type: EntityType) -> Expression:
    return (LedgerRow.kind == Kind.VECTOR) & (LedgerRow.entity_type == entity_type)


def _windows() -> Iterator[tuple[EntityType, int, int]]:
    """The needs of vectors in parts: a type, and the first and last id of an entity."""
    for entity_type in _TYPES:
        last = -1
        while True:
            query = LedgerRow.select(LedgerRow.entity_id).where(
                _rows_of(entity_type), LedgerRow.entity_id > last
            )
            rows = tuples(query.order_by(LedgerRow.entity_id).limit(_ROWS_AT_ONCE))
            ids = [entity_id for (entity_id,) in rows]
            if not ids:
                break
            last = ids[-1]
            yield entity_type, ids[0], last


def _entities(rows: Expression) -> list[int]:
    query = LedgerRow.select(LedgerRow.entity_id).where(rows)
    return sorted(entity_id for (entity_id,) in tuples(query))


def _settle_anew(rows: Expression, model: ModelVersion, within: tuple[int, int]) -> None:
    """Have those of these rows that have a vector by the model be done, and others to do.

    `within` are the first and the last entity.
    """
    has_vector = fn.EXISTS(_vector_of_row(model, within))
    differs = ~has_vector | fn.EXISTS(_vector_made_since(model, within))
    LedgerRow.update(
        state=State.DONE, reason=None, look_again_at=None, cause=None, place=None
    ).where(rows, LedgerRow.state.in_(_SETTLED), has_vector).execute()
    _vectors_needed(rows & differs)


def _made_otherwise(entity_type: EntityType, model: ModelVersion, since: datetime) -> list[int]:
    """The entities that have a vector by another model that was made since."""
    query = Vector.select(Vector.entity_id).where(
        Vector.entity_type == entity_type,
        Vector.model.in_(_model_ids(VectorModel.id != model.id)),
        Vector.made_at >= since,
    )
    return sorted({entity_id for (entity_id,) in tuples(query)})


def _drop_old_models() -> None:
    """Delete the vectors of all models but the one in use, and the models beyond MODELS_KEPT."""
    newest_first = _model_ids(~VectorModel.in_training)
    for model_id in newest_first[1:]:
        _drop_vectors(Vector.model == model_id)
    for model_id in newest_first[MODELS_KEPT:]:
        VectorModel.delete().where(VectorModel.id == model_id).execute()


def _vectors_needed(where: Expression) -> None:
    LedgerRow.update(
        state=State.TODO,
        reason=None,
        sources=[],
        attempt=0,
        lease=None,
        leased_until=None,
        look_again_at=None,
        cause=None,
        place=None,
    ).where(LedgerRow.kind == Kind.VECTOR, LedgerRow.state != State.QUARANTINED, where).execute()


def _vector_of_row(model: ModelVersion, within: tuple[int, int]) -> "ModelSelect[Any]":
    """The vector by this model of the entity of a ledger row."""
    return _vector(within).where(Vector.model == model.id)


def _vector_made_since(model: ModelVersion, within: tuple[int, int]) -> "ModelSelect[Any]":
    """A vector by another model that was made after this one's training had begun."""
    return _vector(within).where(Vector.model != model.id, Vector.made_at >= model.trained_at)


def _vector(within: tuple[int, int]) -> "ModelSelect[Any]":
    """A vector of a ledger row; PostgreSQL reads no more of them than are `within`."""
    return Vector.select(Value(1)).where(
        Vector.entity_type == LedgerRow.entity_type,
        Vector.entity_id == LedgerRow.entity_id,
        Vector.entity_id.between(*within),
    )


def _model_ids(where: Any) -> list[int]:
    """Of models, the newest first."""
    query = VectorModel.select(VectorModel.id).where(where).order_by(VectorModel.id.desc())
    return [model_id for (model_id,) in tuples(query)]


def _drop_vectors(where: Expression) -> None:
    """By their ids, a part at a time: to look for them would read those that are gone, too."""
    first, last = next(tuples(Vector.select(fn.MIN(Vector.id), fn.MAX(Vector.id))))
    for low in range(first or 0, (last or 0) + 1, _ROWS_AT_ONCE):
        part = Vector.id.between(low, low + _ROWS_AT_ONCE - 1)
        if Vector.select(Value(1)).where(part, where).exists():
            with transaction():
                Vector.delete().where(part, where).execute()
