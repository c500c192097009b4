"""Runs of maintenance jobs, of which the last ones of each job are kept."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from db.models import MaintenanceRun, utc_now
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
