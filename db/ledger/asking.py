"""Saying that entities need something, and dropping what is gone or has waited."""

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import Expression, Field

from db.models import EntityType, Kind, LedgerRow, State, utc_now
from db.slices import slices


def need(kind: Kind, entity_type: EntityType, entity_ids: Iterable[int]) -> list[int]:
    """Say that these entities need `kind` (again), and return their ids.

    Call it in the transaction that made the need.
    """
    ids = sorted(set(entity_ids))
    rows = [
        {"kind": kind, "entity_type": entity_type, "entity_id": i, "state": State.TODO} for i in ids
    ]
    fresh: dict[Field[Any], Any] = {
        LedgerRow.state: State.TODO,
        LedgerRow.reason: None,
        LedgerRow.sources: [],
        LedgerRow.attempt: 0,
        LedgerRow.lease: None,
        LedgerRow.leased_until: None,
        LedgerRow.look_again_at: None,
        LedgerRow.stage: None,
        LedgerRow.signal: None,
        LedgerRow.path: None,
    }
    key = [LedgerRow.kind, LedgerRow.entity_type, LedgerRow.entity_id]
    for part in slices(rows):
        LedgerRow.insert_many(part).on_conflict(conflict_target=key, update=fresh).execute()
    return ids


def wake_due() -> int:
    """Have what failed or was not there done again when its time has come; how many rows."""
    return _wake(LedgerRow.look_again_at <= utc_now())


def wake_failed() -> int:
    """Have all that failed and is tried again some time done again now; how many rows."""
    return _wake(LedgerRow.look_again_at.is_null(False) & (LedgerRow.state == State.FAILED))


def forget(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop every need of entities that are gone."""
    for ids in slices(entity_ids):
        LedgerRow.delete().where(
            LedgerRow.entity_type == entity_type, LedgerRow.entity_id.in_(ids)
        ).execute()


def _wake(due: Expression) -> int:
    settled = LedgerRow.state.in_([State.FAILED, State.NONE])
    update = LedgerRow.update(state=State.TODO, look_again_at=None, attempt=0)
    return int(update.where(settled, due).execute())
