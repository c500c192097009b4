"""An attempt of a job takes needs, holds them, settles them or lets them go."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from peewee import Expression

from db.connection import is_sqlite
from db.ledger.needs import NEEDS
from db.ledger.rows import these
from db.models import EntityType, Kind, LedgerRow, State, utc_now
from db.rows import tuples
from db.slices import slices


class Settled(NamedTuple):
    """How the need of one entity ended."""

    entity_id: int
    state: State
    reason: str | None = None
    sources: Sequence[str] = ()


def lease(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, seconds: int
) -> list[int]:
    """Lease those of the entities that are to be done, and return their ids.

    `holder` names the attempt: the job's id, a colon, the attempt's number. Rows whose lease ran
    out, or is of an attempt of the same job, are taken too.
    """
    job_id, number = _job_and_number(holder)
    now = utc_now()
    free = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED)
        & ((LedgerRow.lease == job_id) | (LedgerRow.leased_until < now))
    )
    for ids in slices(entity_ids):
        LedgerRow.update(
            state=State.LEASED,
            lease=job_id,
            lease_attempt=number,
            leased_until=now + timedelta(seconds=seconds),
            attempt=LedgerRow.attempt + 1,
        ).where(these(kind, entity_type, ids), free).execute()
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
    look_again = next(
        (each.look_again for each in NEEDS if (each.kind, each.entity_type) == (kind, entity_type)),
        None,
    )
    alike: dict[tuple[State, str | None, tuple[str, ...]], list[int]] = defaultdict(list)
    for result in results:
        alike[result.state, result.reason, tuple(result.sources)].append(result.entity_id)
    for (state, reason, sources), entity_ids in alike.items():
        again = look_again if state is State.NONE else None
        for ids in slices(entity_ids):
            LedgerRow.update(
                state=state,
                reason=reason,
                sources=list(sources),
                lease=None,
                leased_until=None,
                look_again_at=utc_now() + again if again else None,
            ).where(these(kind, entity_type, ids), _is_holder(holder)).execute()


def release(job_id: str) -> None:
    """Let go of whatever a job leased and did not settle."""
    LedgerRow.update(state=State.TODO, lease=None, leased_until=None).where(
        LedgerRow.lease == job_id, LedgerRow.state == State.LEASED
    ).execute()


def leasing_jobs() -> set[str]:
    """The ids of the jobs that have leases."""
    query = LedgerRow.select(LedgerRow.lease).where(LedgerRow.state == State.LEASED).distinct()
    return {job_id for (job_id,) in tuples(query)}


def give_up(job_id: str, reason: str, *, again: bool) -> None:
    """Say that what a job leased failed with it, and with `again` when it is to be tried again.

    The time until then doubles, from a quarter of an hour up to a day.
    """
    attempts = {
        row.attempt
        for row in LedgerRow.select(LedgerRow.attempt).where(
            LedgerRow.lease == job_id, LedgerRow.state == State.LEASED
        )
    }
    for attempt in attempts:
        look_again_at = utc_now() + backoff(attempt) if again else None
        LedgerRow.update(
            state=State.FAILED,
            reason=reason,
            lease=None,
            leased_until=None,
            look_again_at=look_again_at,
        ).where(
            LedgerRow.lease == job_id, LedgerRow.state == State.LEASED, LedgerRow.attempt == attempt
        ).execute()


def given_up() -> int:
    """How many needs failed with their jobs and are to be tried again some time."""
    return int(
        LedgerRow.select()
        .where(LedgerRow.state == State.FAILED, LedgerRow.look_again_at.is_null(False))
        .count()
    )


def backoff(failures: int) -> timedelta:
    """How long what has failed so often is left alone."""
    return min(timedelta(minutes=15 * 2 ** int(min(failures // 4, 10))), timedelta(days=1))


def _leased(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, *, lock: bool
) -> list[int]:
    found: list[int] = []
    for ids in slices(entity_ids):
        query = LedgerRow.select(LedgerRow.entity_id).where(
            these(kind, entity_type, ids),
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
