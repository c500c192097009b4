"""The state of each need: to do, leased, settled, or quarantined and not tried again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.ledger.needs import NEEDS, Need, need, need_for
from db.models import (
    UNSETTLED,
    Album,
    Artist,
    EntityType,
    Kind,
    LedgerRow,
    LedgerSum,
    Problem,
    State,
    Track,
    database,
    utc_now,
)
from db.sql.connection import is_sqlite
from db.sql.queries import LISTED, Prepared, among, slices, tuples


def is_among(kind: Kind, entity_type: EntityType, ids: Sequence[int]) -> Expression:
    """Whether a row is of this kind and of one of these entities."""
    return (
        (LedgerRow.kind == kind)
        & (LedgerRow.entity_type == entity_type)
        & among(LedgerRow.entity_id, ids)
    )


def unsettled(state: State) -> Expression:
    """Whether a row, of whatever kind, is in this state, which is neither done nor none."""
    kinds, types = list(Kind), list(EntityType)  # the index begins with them
    of_any = LedgerRow.kind.in_(kinds) & LedgerRow.entity_type.in_(types)
    return of_any & UNSETTLED & (LedgerRow.state == state)


ENTITIES: dict[EntityType, Any] = {
    EntityType.TRACK: Track,
    EntityType.ALBUM: Album,
    EntityType.ARTIST: Artist,
    EntityType.FILE: Problem,
}


class NeedState(NamedTuple):
    """How a need of one entity stands."""

    state: State
    reason: str | None = None
    sources: Sequence[str] = ()
    """Where it was looked for, or who answered."""
    look_again_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        again = self.look_again_at.isoformat() if self.look_again_at else None
        return {**self._asdict(), "look_again_at": again}


def need_state(kind: Kind, entity_type: EntityType, entity_id: int) -> NeedState | None:
    """How a need stands; None when it was never asked for."""
    row = LedgerRow.get_or_none(is_among(kind, entity_type, [entity_id]))
    if row is None:
        return None
    return NeedState(State(row.state), row.reason, row.sources, row.look_again_at)


def open_count(kind: Kind, entity_type: EntityType) -> int:
    """How many needs of a kind are to do or at work."""
    states = counts()[need_for(kind, entity_type)]
    return states[State.TODO] + states[State.LEASED]


def unleased(need_: Need, most: int | None = None) -> list[int]:
    """The entities, oldest first, whose need is to do or whose lease ran out.

    With `most` no more than that many.
    """
    rows: list[tuple[int, int]] = []
    limit = [] if most is None else [most]
    for state, times in ((State.TODO, []), (State.LEASED, [utc_now()])):
        expired = map(LedgerRow.leased_until.db_value, times)
        constants = map(str, (need_.kind, need_.entity_type, state))
        text = _unleased(state, most is None, is_sqlite())
        rows += database.execute_sql(text, [*constants, *expired, *limit]).fetchall()
    return [entity_id for _, entity_id in sorted(rows)[:most]]


@cache
def _unleased(state: State, every: bool, sqlite: bool) -> str:  # noqa: ARG001  # other texts
    """A statement of `unleased`: of a kind, an entity type, this state, [a time, a limit].

    Reconciliation asks it of every need, each minute and after each scan: peewee would take longer
    to write it than the database to answer.
    """
    of_any = (LedgerRow.kind == "") & (LedgerRow.entity_type == "")
    expired = [LedgerRow.leased_until < utc_now()] if state is State.LEASED else []
    query = LedgerRow.select(LedgerRow.id, LedgerRow.entity_id).where(
        of_any, UNSETTLED, LedgerRow.state == state, *expired
    )
    text, _ = query.order_by(LedgerRow.id).limit(None if every else 1).sql()
    return str(text)


def unleased_among(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities whose need is to do or whose lease ran out."""
    expired = (LedgerRow.state == State.LEASED) & (LedgerRow.leased_until < utc_now())
    return [
        entity_id
        for ids in slices(entity_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(
                is_among(need_.kind, need_.entity_type, ids),
                (LedgerRow.state == State.TODO) | expired,
            )
        )
    ]


def _is_of(need_: Need) -> Expression:
    return (LedgerRow.kind == need_.kind) & (LedgerRow.entity_type == need_.entity_type)


def without_row(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities for which this was never asked, in their order."""
    known = set(with_row(need_.kind, need_.entity_type, entity_ids))
    return [entity_id for entity_id in entity_ids if entity_id not in known]


def with_row(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities for which this was asked at some time."""
    rows = _asked_of(kind, entity_type).rows(entity_ids)
    return [entity_id for (entity_id,) in rows]


@cache
def _asked_of(kind: Kind, entity_type: EntityType) -> Prepared:
    return Prepared(
        lambda: LedgerRow.select(LedgerRow.entity_id).where(is_among(kind, entity_type, LISTED))
    )


def open_among(need_: Need, entity_ids: Sequence[int], job_id: str) -> list[int]:
    """Those of the entities whose need is to do, or leased by this job."""
    is_open = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED) & (LedgerRow.lease == job_id)
    )
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id)
        .where(is_among(need_.kind, need_.entity_type, ids), is_open)
        .order_by(LedgerRow.entity_id)
    ]


def states_among(need_: Need, entity_ids: Sequence[int]) -> dict[int, State]:
    """How the need of each of these entities stands; without those for which it was never asked."""
    return {
        entity_id: State(state)
        for ids in slices(entity_ids)
        for entity_id, state in tuples(
            LedgerRow.select(LedgerRow.entity_id, LedgerRow.state).where(
                is_among(need_.kind, need_.entity_type, ids)
            )
        )
    }


def todo_among(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities whose need no attempt has begun to work on."""
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id).where(
            is_among(need_.kind, need_.entity_type, ids), LedgerRow.state == State.TODO
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
            is_among(kind, entity_type, ids), LedgerRow.state == State.NONE
        )
        if row.reason != reasons[row.entity_id]
    ]


def with_state(need_: Need, states: Iterable[State] | None = None) -> list[int]:
    """The ids of entities whose need is in one of `states` (any, when None), oldest first."""
    query = LedgerRow.select(LedgerRow.entity_id).where(_is_of(need_))
    wanted = None if states is None else set(states)
    if wanted is not None:
        query = query.where(LedgerRow.state.in_(sorted(wanted)))
        if not wanted & {State.DONE, State.NONE}:
            query = query.where(UNSETTLED)
    return [entity_id for (entity_id,) in tuples(query.order_by(LedgerRow.id))]


def counts() -> dict[Need, Counter[State]]:
    """How many entities stand where, for each need."""
    totals: dict[Need, Counter[State]] = {each: Counter() for each in NEEDS}
    by_key = {(each.kind, each.entity_type): each for each in NEEDS}
    key = (LedgerSum.kind, LedgerSum.entity_type, LedgerSum.state)
    query = LedgerSum.select(*key, fn.SUM(LedgerSum.entities)).group_by(*key)
    for kind, entity_type, state, count in tuples(query):
        each = by_key.get((Kind(kind), EntityType(entity_type)))
        if each is not None and count:  # a quarantined file is nobody's need
            totals[each][State(state)] = int(count)
    return totals


def reasons(need_: Need, states: Iterable[State]) -> list[tuple[str, int]]:
    """Why needs are in one of these states, and how many for each reason; most first.

    Of states that are neither done nor none, which an index has.
    """
    count = fn.COUNT(LedgerRow.id)
    query = LedgerRow.select(fn.COALESCE(LedgerRow.reason, ""), count).where(
        _is_of(need_), UNSETTLED, LedgerRow.state.in_(sorted(states))
    )
    rows = tuples(query.group_by(SQL("1")).order_by(count.desc(), SQL("1")))
    return [(reason, int(number)) for reason, number in rows]


def for_reason(need_: Need, states: Iterable[State], reason: str | None) -> list[int]:
    """The entities whose need is in one of these states for this reason (None: for any)."""
    query = LedgerRow.select(LedgerRow.entity_id).where(
        _is_of(need_), UNSETTLED, LedgerRow.state.in_(sorted(states))
    )
    if reason is not None:
        query = query.where(fn.COALESCE(LedgerRow.reason, "") == reason)
    return [entity_id for (entity_id,) in tuples(query.order_by(LedgerRow.id))]


class Quarantine(NamedTuple):
    """What was worked on, by which job, and what ended the processes at work."""

    path: str
    stage: str
    signal: str


def quarantine(need_: Need, entity_id: int, where: Quarantine, reason: str) -> None:
    """Say that working on this entity kills processes, so that it is not tried again."""
    LedgerRow.update(
        state=State.QUARANTINED,
        reason=reason,
        lease=None,
        leased_until=None,
        look_again_at=None,
        cause=None,
        place=None,
        **where._asdict(),
    ).where(is_among(need_.kind, need_.entity_type, [entity_id])).execute()


def quarantine_file(problem_id: int, where: Quarantine, reason: str) -> None:
    """Say that reading this file kills processes; `problem_id` is its row in `problems`."""
    need(Kind.TAGS, EntityType.FILE, [problem_id])
    LedgerRow.update(state=State.QUARANTINED, reason=reason, **where._asdict()).where(
        is_among(Kind.TAGS, EntityType.FILE, [problem_id])
    ).execute()


def quarantined() -> list[LedgerRow]:
    """Every row of what is not tried again, oldest first."""
    query = LedgerRow.select().where(unsettled(State.QUARANTINED))
    return list(query.order_by(LedgerRow.id))
