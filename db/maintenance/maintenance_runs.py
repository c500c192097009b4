"""Runs of maintenance jobs, the last ones of each, and how far each schedule has come.

Each moment of a schedule is due once, after any stop. Its moments are naive UTC.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from db.models import MaintenanceRun, ScheduleTime, utc_now
from db.sql.connection import transaction

KEPT = 50
"""Runs of each job."""


class RunResult(NamedTuple):
    """What a run did, filled in while it runs."""

    changes: dict[str, int]
    """How many, by a few words that say of what: {"failed jobs dropped": 12}."""
    notes: list[str]
    """Sentences that explain it."""


class Run(NamedTuple):
    """A run of a job."""

    job: str
    started_at: datetime
    seconds: float
    changes: dict[str, int]
    notes: list[str]
    fault: str | None

    @property
    def text(self) -> str:
        """What it did, for people."""
        changes = ", ".join(f"{what}: {count:,}" for what, count in self.changes.items())
        parts = [changes, *self.notes, self.fault and f"failed: {self.fault}"]
        return "; ".join(part for part in parts if part) or "nothing to do"


@contextmanager
def recorded_run(job: str, *, only_changes: bool = False) -> Iterator[RunResult]:
    """Record what is done inside as a run of this job, the error that ends it included.

    With `only_changes` a run that changed nothing takes the place of the one before, when that
    changed nothing either and says the same: for what runs every minute.
    """
    done, started_at, begun = RunResult({}, []), utc_now(), time.monotonic()
    fault = None
    try:
        yield done
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
        raise
    finally:
        changes = {what: count for what, count in done.changes.items() if count}
        run = Run(job, started_at, time.monotonic() - begun, changes, done.notes, fault)
        _write(run, in_place=only_changes and not (run.changes or run.fault))


def last_runs() -> list[Run]:
    """The newest run of every job, by the name of the job."""
    newest = MaintenanceRun.select(MaintenanceRun.job).distinct().order_by(MaintenanceRun.job)
    return [run for row in newest for run in history(row.job, 1)]


def history(job: str, most: int = KEPT) -> list[Run]:
    """The runs of a job, the newest first."""
    rows = MaintenanceRun.select().where(MaintenanceRun.job == job)
    newest_first = rows.order_by(MaintenanceRun.id.desc()).limit(most)
    return [_run(row) for row in newest_first]


def _write(run: Run, *, in_place: bool) -> None:
    with transaction():
        rows = MaintenanceRun.select().where(MaintenanceRun.job == run.job)
        newest_first = list(rows.order_by(MaintenanceRun.id.desc()).limit(KEPT))
        if in_place and newest_first and _is_same(run, _run(newest_first[0])):
            MaintenanceRun.delete().where(MaintenanceRun.id == newest_first[0].id).execute()
        elif len(newest_first) == KEPT:
            too_old = (MaintenanceRun.job == run.job) & (MaintenanceRun.id <= newest_first[-1].id)
            MaintenanceRun.delete().where(too_old).execute()
        MaintenanceRun.create(**run._asdict())


def _is_same(run: Run, before: Run) -> bool:
    """Whether a run that changed nothing says what the one before says."""
    return (run.changes, run.notes, run.fault) == (before.changes, before.notes, before.fault)


def _run(row: MaintenanceRun) -> Run:
    return Run(row.job, row.started_at, row.seconds, row.changes, row.notes, row.fault)


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
