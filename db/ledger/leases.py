"""An attempt of a job leases needs, and settles or releases them; leases that ran out."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple, Self

from peewee import SQL, Case, Expression, fn

from db.ledger.needs import Need, need_for, rows_of, write_rows
from db.ledger.states import ENTITIES, is_among, unsettled
from db.ledger.surroundings import Obstacle
from db.models import EntityType, Kind, LedgerRow, State, database, utc_now
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import among, given_rows, slices, tuples


class Settled(NamedTuple):
    """How the need of one entity ended."""

    entity_id: int
    state: State
    reason: str | None = None
    sources: Sequence[str] = ()
    obstacle: Obstacle | None = None
    """What keeps it from being done; `held_up` makes such an end."""

    @classmethod
    def held_up(
        cls, entity_id: int, obstacle: Obstacle, reason: str, sources: Sequence[str] = ()
    ) -> Self:
        """The end of what an obstacle keeps from being done, as the policy of its cause says."""
        return cls(entity_id, obstacle.policy.state, reason, sources, obstacle)


class Ending(NamedTuple):
    """How many needs of an attempt ended in the same way, and whose."""

    state: State
    reason: str | None
    needs: int
    kind: Kind
    entity_type: EntityType
    entity_ids: Sequence[int]


_ByReason = dict[str | None, list[int]]
_observers: list[Callable[[list[Ending]], None]] = []
_uncommitted: list[Ending] = []
"""What was settled in the transaction that is open."""


@contextmanager
def observed(observer: Callable[[list[Ending]], None]) -> Iterator[None]:
    """Have what the attempts of this process settle meanwhile be reported, after each commit."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


@dataclass(frozen=True)
class Attempt:
    """What one attempt of a job has leased; `lease` begins one.

    The job works on `leased`, then opens `settling` and writes its results there, together with how
    the needs ended. What it does not settle stays leased: when the job ends, its worker lets go of
    it (`release`), or gives it up (`give_up`).
    """

    need: Need
    holder: str
    leased: list[int]
    """The entities that were to be done, and are leased to this attempt."""

    @contextmanager
    def settling(self, entity_ids: Iterable[int] | None = None) -> Iterator[set[int]]:
        """The transaction that writes results, and which of the entities it may write.

        Those are the ones among `entity_ids` (None: all that was leased) whose need is still this
        attempt's. One that was reset in between, or that another attempt took up, is not
        among them, and its result is not written: the next attempt's is. Within the transaction of
        another attempt's `settling` it is a part of that.
        """
        wanted = self.leased if entity_ids is None else list(entity_ids)
        is_inner = bool(database.in_transaction())
        if not is_inner:
            _uncommitted.clear()
        with transaction():
            yield set(_leased(self.need, wanted, self.holder, lock=not is_sqlite()))
        for observer in () if is_inner else _observers:
            observer(list(_uncommitted))

    def settle(self, results: Iterable[Settled]) -> None:
        """Record how needs of this attempt ended. Call it within `settling`."""
        of_kind: dict[Settled, list[tuple[int, str | None]]] = defaultdict(list)
        for result in results:
            like = result._replace(entity_id=0, reason=None, sources=tuple(result.sources))
            of_kind[like].append((result.entity_id, result.reason))
        for how, ends in of_kind.items():
            write = self._write if how.obstacle is None else self._hold_up
            for part in slices(ends):
                for reason, ids in write(how, part).items():
                    ending = Ending(how.state, reason, len(ids), *self.need[:2], ids)
                    _uncommitted.append(ending)

    def _write(self, how: Settled, ends: Sequence[tuple[int, str | None]]) -> _ByReason:
        """Settle these entities, each with its reason, in one statement; those it held."""
        columns = _columns(self.need, how) | {"reason": SQL("ends.column2")}
        update = LedgerRow.update(**columns, lease=None, leased_until=None).from_(
            given_rows("ends", ends, ("BIGINT", "TEXT"))
        )
        mine = self._are_mine([entity_id for entity_id, _ in ends])
        rows = update.where(LedgerRow.entity_id == SQL("ends.column1"), mine)
        written = rows.returning(LedgerRow.reason, LedgerRow.entity_id).tuples()
        return _by_reason((entity_id, reason) for reason, entity_id in written)

    def _hold_up(self, how: Settled, ends: Sequence[tuple[int, str | None]]) -> _ByReason:
        """The same of what an obstacle keeps from being done."""
        held = set(
            _leased(self.need, [entity_id for entity_id, _ in ends], self.holder, lock=False)
        )
        mine = _by_reason(each for each in ends if each[0] in held)
        for reason, ids in mine.items():
            if how.obstacle is not None:
                sources = list(how.sources)
                _hold_up(self._are_mine(ids), how.obstacle, reason, sources=sources)
        return mine

    def _are_mine(self, entity_ids: Sequence[int]) -> Expression:
        return is_among(self.need.kind, self.need.entity_type, entity_ids) & _is_holder(self.holder)


def _by_reason(ends: Iterable[tuple[int, str | None]]) -> _ByReason:
    found: _ByReason = defaultdict(list)
    for entity_id, reason in ends:
        found[reason].append(entity_id)
    return found


def settle_new(kind: Kind, entity_type: EntityType, results: Iterable[Settled]) -> None:
    """Record needs that are settled as they arise, so that no job is to be done.

    None of them is held up. Call it in the transaction that makes them.
    """
    of_kind: dict[Settled, list[int]] = defaultdict(list)
    for result in results:
        like = result._replace(entity_id=0, sources=tuple(result.sources))
        of_kind[like].append(result.entity_id)
    need = need_for(kind, entity_type)
    rows = (
        rows_of(kind, entity_type, entity_ids, _columns(need, how))
        for how, entity_ids in of_kind.items()
    )
    write_rows(chain.from_iterable(rows))


def _columns(need: Need, how: Settled) -> dict[str, Any]:
    """What a row says of a need that ended so."""
    again = need.look_again if how.state is State.NONE else None
    return {
        "state": how.state,
        "reason": how.reason,
        "sources": list(how.sources),
        "look_again_at": utc_now() + again if again else None,
    }


def _hold_up(
    which: Expression, obstacle: Obstacle, reason: str | None, **columns: list[str]
) -> int:
    """Have these rows wait, each as long as its attempts say; how many they are."""
    count = 0
    for attempt in _attempts(which):
        update = LedgerRow.update(
            state=obstacle.policy.state,
            reason=reason,
            cause=obstacle.cause,
            place=obstacle.place,
            lease=None,
            leased_until=None,
            look_again_at=utc_now() + obstacle.policy.pause(attempt),
            **columns,
        )
        count += int(update.where(which, LedgerRow.attempt == attempt).execute())
    return count


def _attempts(which: Expression) -> set[int]:
    query = LedgerRow.select(LedgerRow.attempt).where(which).distinct()
    return {attempt for (attempt,) in tuples(query)}


def lease(
    kind: Kind,
    entity_type: EntityType,
    entity_ids: Sequence[int],
    holder: str,
    seconds: int | None = None,
) -> Attempt:
    """Begin an attempt: lease those of the entities that are to be done.

    `holder` names the attempt: the job's id, a colon, the attempt's number. Rows whose lease ran
    out, or is of an attempt of the same job, are taken too; those of entities that do not exist
    are dropped. `seconds`: how long the lease lasts; None: as long as the need says.
    """
    job_id, number = _job_and_number(holder)
    need = need_for(kind, entity_type)
    lasts = timedelta(seconds=need.lease_seconds if seconds is None else seconds)
    with transaction():
        now = utc_now()
        # By a job that was put back as it was: that was no attempt.
        again = (LedgerRow.state == State.LEASED) & (LedgerRow.lease == job_id)
        free = (
            (LedgerRow.state == State.TODO)
            | again
            | ((LedgerRow.state == State.LEASED) & (LedgerRow.leased_until < now))
        )
        for ids in slices(entity_ids):
            LedgerRow.update(
                state=State.LEASED,
                lease=job_id,
                lease_attempt=number,
                leased_until=now + lasts,
                attempt=Case(None, [(again, LedgerRow.attempt)], LedgerRow.attempt + 1),
            ).where(is_among(kind, entity_type, ids), free).execute()
        return Attempt(need, holder, _existing(need, _leased(need, entity_ids, holder, lock=False)))


def _existing(need: Need, leased: list[int]) -> list[int]:
    """Those of what was leased that exist; rows of others, which nothing settles, are dropped."""
    entity = ENTITIES[need.entity_type]
    there = {
        entity_id
        for ids in slices(leased)
        for (entity_id,) in tuples(entity.select(entity.id).where(among(entity.id, ids)))
    }
    for ids in slices([each for each in leased if each not in there]):
        LedgerRow.delete().where(is_among(need.kind, need.entity_type, ids)).execute()
    return [each for each in leased if each in there]


def _leased(need: Need, entity_ids: Sequence[int], holder: str, *, lock: bool) -> list[int]:
    found: list[int] = []
    for ids in slices(entity_ids):
        query = LedgerRow.select(LedgerRow.entity_id).where(
            is_among(need.kind, need.entity_type, ids),
            LedgerRow.state == State.LEASED,
            _is_holder(holder),
        )
        query = query.for_update() if lock else query
        found += [row.entity_id for row in query.order_by(LedgerRow.entity_id)]
    return found


def _is_holder(holder: str) -> Expression:
    """Whether this attempt holds the lease."""
    job_id, number = _job_and_number(holder)
    return (LedgerRow.lease == job_id) & (LedgerRow.lease_attempt == number)


def _job_and_number(holder: str) -> tuple[str, int]:
    """The id of an attempt's job, and which attempt it is."""
    job_id, colon, number = holder.rpartition(":")
    return (job_id, int(number)) if colon else (holder, 0)


def release(job_id: str) -> None:
    """Let go of whatever a job leased and did not settle."""
    LedgerRow.update(state=State.TODO, lease=None, leased_until=None).where(
        LedgerRow.lease == job_id, LedgerRow.state == State.LEASED
    ).execute()


def leasing_jobs() -> set[str]:
    """The ids of the jobs that have leases."""
    query = LedgerRow.select(LedgerRow.lease).where(
        LedgerRow.lease.is_null(False), LedgerRow.state == State.LEASED
    )
    return {job_id for (job_id,) in tuples(query.distinct())}


def give_up(job_id: str, reason: str, *, again: bool, obstacle: Obstacle | None = None) -> None:
    """Say that what a job leased failed with it, and with `again` when it is to be tried again.

    The time until then doubles, from a quarter of an hour up to a day. What an obstacle kept from
    being done waits, as the policy of its cause says. Without `again` it was stopped, and is not to
    be done.
    """
    leased = (LedgerRow.lease == job_id) & (LedgerRow.state == State.LEASED)
    if not again:
        _cancel(leased)
        return
    if obstacle is not None:
        _hold_up(leased, obstacle, reason)
        return
    for attempt in _attempts(leased):
        LedgerRow.update(
            state=State.FAILED,
            reason=reason,
            lease=None,
            leased_until=None,
            look_again_at=utc_now() + backoff(attempt),
        ).where(leased, LedgerRow.attempt == attempt).execute()


_LEFT = [State.TODO, State.FAILED, State.WAITING, State.QUARANTINED]
CANCELLED = "cancelled by its owner"
"""The ledger's reason for what somebody does not want done."""


def cancel(need: Need, entity_ids: Sequence[int], job_id: str | None = None) -> int:
    """Have needs not be done that are to do, failed or wait; how many they are.

    With a job those that are to do, and those that it leases: its attempt writes nothing more.
    """
    mine = (LedgerRow.state == State.LEASED) & (LedgerRow.lease == job_id)
    to_do = LedgerRow.state == State.TODO
    is_open = LedgerRow.state.in_(_LEFT) if job_id is None else to_do | mine
    with transaction():
        return sum(
            _cancel(is_among(need.kind, need.entity_type, ids) & is_open)
            for ids in slices(entity_ids)
        )


def _cancel(which: Expression) -> int:
    columns = dict.fromkeys(("lease", "leased_until", "look_again_at", "cause", "place"))
    update = LedgerRow.update(state=State.CANCELLED, reason=CANCELLED, **columns)
    return int(update.where(which).execute())


def given_up() -> int:
    """How many needs failed or wait, and are to be tried again some time."""
    return int(
        LedgerRow.select()
        .where(
            LedgerRow.state.in_([State.FAILED, State.WAITING]),
            LedgerRow.look_again_at.is_null(False),
        )
        .count()
    )


def backoff(failures: int) -> timedelta:
    """How long what has failed so often is left alone."""
    return min(timedelta(minutes=15 * 2 ** int(min(failures // 4, 10))), timedelta(days=1))


class Overdue(NamedTuple):
    """Needs whose lease has run out."""

    leases: int
    since: datetime | None
    """When the first of these leases ran out; None when there is none."""


def overdue(grace: timedelta, going_on: Collection[str] = ()) -> Overdue:
    """The needs whose lease ran out longer than `grace` ago, and which no attempt leased since.

    But for those of the jobs that are `going_on`.
    """
    is_lost = LedgerRow.lease.is_null() | LedgerRow.lease.not_in(list(going_on))
    query = LedgerRow.select(fn.COUNT(LedgerRow.id), fn.MIN(LedgerRow.leased_until)).where(
        unsettled(State.LEASED),
        LedgerRow.leased_until < utc_now() - grace,
        is_lost,
    )
    ((leases, since),) = tuples(query)
    return Overdue(leases, since)
