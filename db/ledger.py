"""The ledger: what each entity still needs, who works on it, and how it ended.

A need is written in the transaction that made it. A job leases rows under its own job id, works,
and settles them in the transaction that writes its result. A row that was asked for anew in
between is no longer leased to that job: the result is then not written, and the next job's is.
A job that was put back after a crash has the same id and takes its own leases up again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from peewee import Expression, Field, fn

from db.connection import is_sqlite
from db.models import EntityType, Kind, LedgerRow, State, utc_now
from db.rows import tuples
from db.slices import slices


class Need(NamedTuple):
    """A kind of work on a type of entity, and the job (with its argument) that settles it."""

    kind: Kind
    entity_type: EntityType
    job: str
    argument: str


NEEDS = (
    Need(Kind.PICTURE, EntityType.TRACK, "covers.extract_embedded", "track_ids"),
    Need(Kind.COVER, EntityType.TRACK, "covers.process_track_covers_batch", "track_ids"),
    Need(Kind.COVER, EntityType.ALBUM, "covers.process_album_covers", "album_ids"),
)
"""In the order in which they are best worked on."""


class Settled(NamedTuple):
    """How the need of one entity ended."""

    entity_id: int
    state: State
    reason: str | None = None
    sources: Sequence[str] = ()


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
    }
    key = [LedgerRow.kind, LedgerRow.entity_type, LedgerRow.entity_id]
    for part in slices(rows):
        LedgerRow.insert_many(part).on_conflict(conflict_target=key, update=fresh).execute()
    return ids


def lease(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, seconds: int
) -> list[int]:
    """Lease those of the entities that are to be done, and return their ids.

    `holder` is the job's id. Rows whose lease ran out, or is already the holder's, are taken too.
    """
    now = utc_now()
    free = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED)
        & ((LedgerRow.lease == holder) | (LedgerRow.leased_until < now))
    )
    for ids in slices(entity_ids):
        LedgerRow.update(
            state=State.LEASED,
            lease=holder,
            leased_until=now + timedelta(seconds=seconds),
            attempt=LedgerRow.attempt + 1,
        ).where(_these(kind, entity_type, ids), free).execute()
    return _leased(kind, entity_type, entity_ids, holder, lock=False)


def still_leased(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str
) -> set[int]:
    """The entities whose need is still this holder's.

    Call it first in the transaction that settles.
    """
    return set(_leased(kind, entity_type, entity_ids, holder, lock=not is_sqlite()))


def settle(kind: Kind, entity_type: EntityType, results: Iterable[Settled], holder: str) -> None:
    """Record how the holder's needs ended. Call it in the transaction that writes the results."""
    alike: dict[tuple[State, str | None, tuple[str, ...]], list[int]] = defaultdict(list)
    for result in results:
        alike[result.state, result.reason, tuple(result.sources)].append(result.entity_id)
    for (state, reason, sources), entity_ids in alike.items():
        for ids in slices(entity_ids):
            LedgerRow.update(
                state=state, reason=reason, sources=list(sources), lease=None, leased_until=None
            ).where(_these(kind, entity_type, ids), LedgerRow.lease == holder).execute()


def release(holder: str) -> None:
    """Let go of whatever a job leased and did not settle."""
    LedgerRow.update(state=State.TODO, lease=None, leased_until=None).where(
        LedgerRow.lease == holder, LedgerRow.state == State.LEASED
    ).execute()


def release_all(need_: Need) -> None:
    """Let go of every lease of a need. Only for when no job can hold one."""
    LedgerRow.update(state=State.TODO, lease=None, leased_until=None).where(
        LedgerRow.kind == need_.kind,
        LedgerRow.entity_type == need_.entity_type,
        LedgerRow.state == State.LEASED,
    ).execute()


def with_state(need_: Need, states: Iterable[State] | None = None) -> list[int]:
    """The ids of entities whose need is in one of `states` (any, when None), oldest first."""
    query = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind, LedgerRow.entity_type == need_.entity_type
    )
    if states is not None:
        query = query.where(LedgerRow.state.in_(list(states)))
    return [row.entity_id for row in query.order_by(LedgerRow.id)]


def counts() -> dict[Need, Counter[State]]:
    """How many entities stand where, for each need."""
    totals: dict[Need, Counter[State]] = {each: Counter() for each in NEEDS}
    by_key = {(each.kind, each.entity_type): each for each in NEEDS}
    query = LedgerRow.select(
        LedgerRow.kind, LedgerRow.entity_type, LedgerRow.state, fn.COUNT(LedgerRow.id)
    ).group_by(LedgerRow.kind, LedgerRow.entity_type, LedgerRow.state)
    for kind, entity_type, state, count in tuples(query):
        totals[by_key[Kind(kind), EntityType(entity_type)]][State(state)] = count
    return totals


def forget(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop every need of entities that are gone."""
    for ids in slices(entity_ids):
        LedgerRow.delete().where(
            LedgerRow.entity_type == entity_type, LedgerRow.entity_id.in_(ids)
        ).execute()


def _leased(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, *, lock: bool
) -> list[int]:
    found: list[int] = []
    for ids in slices(entity_ids):
        query = LedgerRow.select(LedgerRow.entity_id).where(
            _these(kind, entity_type, ids),
            LedgerRow.state == State.LEASED,
            LedgerRow.lease == holder,
        )
        query = query.for_update() if lock else query
        found += [row.entity_id for row in query.order_by(LedgerRow.entity_id)]
    return found


def _these(kind: Kind, entity_type: EntityType, ids: Sequence[int]) -> Expression:
    return (
        (LedgerRow.kind == kind)
        & (LedgerRow.entity_type == entity_type)
        & (LedgerRow.entity_id.in_(list(ids)))
    )


def todo_among(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities whose need nobody has begun to work on."""
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id).where(
            _these(need_.kind, need_.entity_type, ids), LedgerRow.state == State.TODO
        )
    ]
