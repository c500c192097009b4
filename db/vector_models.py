"""The models that make vectors: a new one takes over when all its vectors are made."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from peewee import Expression, ModelSelect, Value, fn

from db import vectors
from db.connection import is_sqlite, transaction
from db.models import EntityType, Kind, LedgerRow, State, Vector, VectorModel, database
from db.rows import tuples
from db.slices import slices
from db.vectors import ModelVersion

KEPT = 10
"""How many models are kept, the one in use included; of the older ones no vectors are."""
IN_TRAINING = "the model in training will compute its vector"
_ROWS_AT_ONCE = 5_000
"""Deleted in one transaction, so that others may write in between."""


class Trained(NamedTuple):
    """What a training makes."""

    dimension: int
    tracks: int
    genres: int
    vocabulary: str
    parameters: bytes


def begin(reason: str, trained: Trained) -> ModelVersion:
    """Write a model that is not in use yet."""
    with transaction():
        row = VectorModel.create(reason=reason, in_training=True, **trained._asdict())
    return ModelVersion._make(getattr(row, name) for name in ModelVersion._fields)


def write(model: ModelVersion, entity_type: EntityType, made: Mapping[int, bytes]) -> None:
    """Write vectors by a model in training. Raises WrongDimensionError.

    Entities that nobody ever asked a vector for have a row in the ledger from now on.
    """
    unasked = {"kind": Kind.VECTOR, "entity_type": entity_type, "state": State.NONE}
    rows = [{**unasked, "entity_id": each, "reason": IN_TRAINING} for each in made]
    with transaction():
        vectors.record(entity_type, model, made)
        for part in slices(rows):
            LedgerRow.insert_many(part).on_conflict_ignore().execute()


def take_over(model: ModelVersion) -> None:
    """Have this model be the one in use, all at once.

    What changed since it began, or has no vector by it, is to be done; what it made is done. An
    attempt at work loses its leases, for it would write vectors by the model before.
    """
    with transaction():
        if not is_sqlite():  # where the transaction is the only one that writes
            database.execute_sql("LOCK TABLE ledger IN EXCLUSIVE MODE")
        _vectors_needed(LedgerRow.state == State.LEASED)
        _vectors_needed((LedgerRow.state != State.TODO) & ~fn.EXISTS(_of_row(model)))
        _vectors_needed((LedgerRow.state != State.TODO) & fn.EXISTS(_made_since(model)))
        LedgerRow.update(state=State.DONE, reason=None, look_again_at=None).where(
            LedgerRow.kind == Kind.VECTOR, LedgerRow.state.in_([State.NONE, State.FAILED])
        ).execute()
        VectorModel.update(in_training=False).where(VectorModel.id == model.id).execute()


def drop_unfinished() -> None:
    """Delete the models whose training was ended, with their vectors."""
    for model_id in _ids(VectorModel.in_training):
        _drop_vectors(Vector.model == model_id)
        VectorModel.delete().where(VectorModel.id == model_id).execute()


def drop_old() -> None:
    """Delete the vectors of all models but the one in use, and the models beyond KEPT."""
    newest_first = _ids(~VectorModel.in_training)
    for model_id in newest_first[1:]:
        _drop_vectors(Vector.model == model_id)
    for model_id in newest_first[KEPT:]:
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
    ).where(LedgerRow.kind == Kind.VECTOR, LedgerRow.state != State.QUARANTINED, where).execute()


def _of_row(model: ModelVersion) -> "ModelSelect[Any]":
    """The vector by this model of the entity of a ledger row."""
    return Vector.select(Value(1)).where(
        Vector.model == model.id,
        Vector.entity_type == LedgerRow.entity_type,
        Vector.entity_id == LedgerRow.entity_id,
    )


def _made_since(model: ModelVersion) -> "ModelSelect[Any]":
    """A vector by another model that was made after this one's training had begun."""
    return Vector.select(Value(1)).where(
        Vector.model != model.id,
        Vector.entity_type == LedgerRow.entity_type,
        Vector.entity_id == LedgerRow.entity_id,
        Vector.made_at >= model.trained_at,
    )


def _ids(where: Any) -> list[int]:
    """Of models, the newest first."""
    query = VectorModel.select(VectorModel.id).where(where).order_by(VectorModel.id.desc())
    return [model_id for (model_id,) in tuples(query)]


def _drop_vectors(where: Expression) -> None:
    while True:
        with transaction():
            some = tuples(Vector.select(Vector.id).where(where).limit(_ROWS_AT_ONCE))
            ids = [row_id for (row_id,) in some]
            for part in slices(ids):
                Vector.delete().where(Vector.id.in_(list(part))).execute()
        if not ids:
            return
