"""Which entities stand where: still to do, never asked for, settled and how."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peewee import fn

from db.ledger.needs import NEEDS, Need
from db.ledger.rows import these
from db.models import Album, Artist, EntityType, Kind, LedgerRow, State, Track, utc_now
from db.rows import tuples
from db.slices import slices

_ENTITIES = {EntityType.TRACK: Track, EntityType.ALBUM: Album, EntityType.ARTIST: Artist}


def unleased(need_: Need, most: int | None = None) -> list[int]:
    """The entities, oldest first, whose need is to do or whose lease ran out: nobody works on them.

    With `most` no more than that many.
    """
    expired = (LedgerRow.state == State.LEASED) & (LedgerRow.leased_until < utc_now())
    query = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind,
        LedgerRow.entity_type == need_.entity_type,
        (LedgerRow.state == State.TODO) | expired,
    )
    return [entity_id for (entity_id,) in tuples(query.order_by(LedgerRow.id).limit(most))]


def never_asked(need_: Need) -> list[int]:
    """The entities that need it, as all of their type, and have no row; none of what is missing."""
    if not need_.everyone:
        return []
    entity: Any = _ENTITIES[need_.entity_type]
    rows = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind, LedgerRow.entity_type == need_.entity_type
    )
    query = entity.select(entity.id).where(entity.id.not_in(rows))
    if entity is Track:
        query = query.where(Track.missing_since.is_null())
    return [entity_id for (entity_id,) in tuples(query.order_by(entity.id))]


def without_row(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities for which this was never asked, in their order."""
    known = {
        entity_id
        for ids in slices(entity_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(these(need_.kind, need_.entity_type, ids))
        )
    }
    return [entity_id for entity_id in entity_ids if entity_id not in known]


def with_row(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities for which this was asked at some time."""
    return [
        entity_id
        for ids in slices(entity_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(these(kind, entity_type, ids))
        )
    ]


def open_among(need_: Need, entity_ids: Sequence[int], job_id: str) -> list[int]:
    """Those of the entities whose need is to do, or leased by this job."""
    is_open = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED) & (LedgerRow.lease == job_id)
    )
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id)
        .where(these(need_.kind, need_.entity_type, ids), is_open)
        .order_by(LedgerRow.entity_id)
    ]


def todo_among(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities whose need nobody has begun to work on."""
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id).where(
            these(need_.kind, need_.entity_type, ids), LedgerRow.state == State.TODO
        )
    ]


def none_for_another_reason(
    kind: Kind, entity_type: EntityType, reasons: Mapping[int, str | None]
) -> list[int]:
    """Those of the entities for which there was nothing, by id, for another reason than this."""
    return [
        row.entity_id
        for ids in slices(sorted(reasons))
        for row in LedgerRow.select(LedgerRow.entity_id, LedgerRow.reason).where(
            these(kind, entity_type, ids), LedgerRow.state == State.NONE
        )
        if row.reason != reasons[row.entity_id]
    ]


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
        each = by_key.get((Kind(kind), EntityType(entity_type)))
        if each is not None:  # a quarantined file is nobody's need
            totals[each][State(state)] = count
    return totals
