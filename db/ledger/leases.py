"""An attempt of a job leases needs, and settles or releases them; leases that ran out."""

from datetime import datetime, timedelta
from typing import NamedTuple

from peewee import fn

from db.models import LedgerRow, State, utc_now
from db.sql.queries import tuples


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


class Overdue(NamedTuple):
    """Needs whose lease has run out."""

    leases: int
    since: datetime | None
    """When the first of these leases ran out; None when there is none."""


def overdue(grace: timedelta) -> Overdue:
    """The needs whose lease ran out longer than `grace` ago, and which nobody took up since."""
    query = LedgerRow.select(fn.COUNT(LedgerRow.id), fn.MIN(LedgerRow.leased_until)).where(
        LedgerRow.state == State.LEASED, LedgerRow.leased_until < utc_now() - grace
    )
    ((leases, since),) = tuples(query)
    return Overdue(leases, since)
