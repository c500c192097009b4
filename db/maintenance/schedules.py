"""The state of each schedule, so that each moment is due once, after any stop.

Moments are naive UTC.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from db.models import ScheduleTime
from db.sql.connection import transaction


class ScheduleState(NamedTuple):
    """How far a schedule has come."""

    cron: str
    seen_to: datetime
    """Every due time up to here has been handled."""
    fired_at: datetime | None
    job_id: str | None


def schedule_states() -> dict[str, ScheduleState]:
    """Every schedule that was ever seen, by name."""
    return {
        row.name: ScheduleState(row.cron, row.seen_to, row.fired_at, row.job_id)
        for row in ScheduleTime.select()
    }


def begin_schedule(name: str, cron: str, before: ScheduleState | None, now: datetime) -> None:
    """Have a schedule begin at this moment: what was due before is not made up for.

    For one that is new (`before` is None), or is to start over. Does nothing when another scheduler
    was first.
    """
    with transaction():
        if before is None:
            ScheduleTime.insert(name=name, cron=cron, seen_to=now).on_conflict_ignore().execute()
        else:
            ScheduleTime.update(cron=cron, seen_to=now).where(_is_unchanged(name, before)).execute()


def fire_due(
    name: str, before: ScheduleState, now: datetime, fire: Callable[[], str | None]
) -> bool:
    """Fire what is due between `before` and now; False when another clock has, or is about to.

    `fire` enqueues the job and returns its id, or None when the one before is still held. It runs
    inside the transaction, so that an end before the job is enqueued leaves the moment due.
    """
    with transaction():
        mine = ScheduleTime.update(seen_to=now).where(_is_unchanged(name, before)).execute()
        if mine and (job_id := fire()) is not None:
            _record_firing(name, job_id, now)
    return bool(mine)


def record_firing(name: str, job_id: str, now: datetime) -> None:
    """Remember that its job was enqueued beside its times."""
    with transaction():
        _record_firing(name, job_id, now)


def _is_unchanged(name: str, before: ScheduleState) -> Any:  # peewee has no types
    """Whether no other scheduler has handled the schedule since."""
    return (ScheduleTime.name == name) & (ScheduleTime.seen_to == before.seen_to)


def _record_firing(name: str, job_id: str, now: datetime) -> None:
    ScheduleTime.update(fired_at=now, job_id=job_id).where(ScheduleTime.name == name).execute()
