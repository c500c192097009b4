"""How far the schedules have come, so that each is due once, whoever looks and after any stop.

Moments are naive UTC.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from db.connection import transaction
from db.models import ScheduleTime


class Standing(NamedTuple):
    """How far a schedule has come."""

    cron: str
    seen_to: datetime
    """Every due moment up to here was seen to."""
    fired_at: datetime | None
    job_id: str | None


def standings() -> dict[str, Standing]:
    """Every schedule that was ever seen, by name."""
    return {
        row.name: Standing(row.cron, row.seen_to, row.fired_at, row.job_id)
        for row in ScheduleTime.select()
    }


def begin(name: str, cron: str, before: Standing | None, now: datetime) -> None:
    """Have a schedule begin at this moment: what was due before is not made up for.

    For one that is new (`before` is None), or is to begin anew. Nothing when another clock was
    first.
    """
    with transaction():
        if before is None:
            ScheduleTime.insert(name=name, cron=cron, seen_to=now).on_conflict_ignore().execute()
        else:
            ScheduleTime.update(cron=cron, seen_to=now).where(_is_as(name, before)).execute()


def see_to(name: str, before: Standing, now: datetime, fire: Callable[[], str | None]) -> bool:
    """Fire what is due between `before` and now; False when another clock has, or is about to.

    `fire` enqueues the job and returns its id, or None when the one before is still held. It runs
    inside the transaction, so that an end before the job is enqueued leaves the moment due.
    """
    with transaction():
        mine = ScheduleTime.update(seen_to=now).where(_is_as(name, before)).execute()
        if mine and (job_id := fire()) is not None:
            _note(name, job_id, now)
    return bool(mine)


def note(name: str, job_id: str, now: datetime) -> None:
    """Remember that its job was enqueued beside its times."""
    with transaction():
        _note(name, job_id, now)


def _is_as(name: str, before: Standing) -> Any:  # peewee has no types
    """Whether nobody has seen to the schedule since."""
    return (ScheduleTime.name == name) & (ScheduleTime.seen_to == before.seen_to)


def _note(name: str, job_id: str, now: datetime) -> None:
    ScheduleTime.update(fired_at=now, job_id=job_id).where(ScheduleTime.name == name).execute()
