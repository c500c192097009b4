"""Processes that end right after a commit, and the tables that what completes their work leaves."""

import importlib
import math
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from peewee import DateTimeField, ForeignKeyField

from db import settings
from db.models import (
    TABLES,
    ClusterMembership,
    ClusterModel,
    FleetSample,
    HealthReport,
    LibraryIdentity,
    MaintenanceRun,
    ModelHealth,
    ScheduleTime,
    Vector,
    VectorModel,
    database,
)
from db.sql.connection import close_database, open_database
from jobs.maintenance import reconcile
from tests.pipeline.in_process import queue_names
from worker import dispatch

_WRITES = ("INSERT", "UPDATE", "DELETE")
_OF_RUNS = {MaintenanceRun, ScheduleTime, LibraryIdentity, HealthReport, ModelHealth, FleetSample}
"""Tables that have a row for each run; what it did stands in the others."""
_OF_ATTEMPTS = {"id", "attempt", "lease", "lease_attempt", "parameters", "new_genres", "new_tags"}
"""Columns that say how often something was tried, or hold times or compressed numbers."""


_MADE: dict[Any, Any] = {VectorModel: Vector, ClusterModel: ClusterMembership}
"""Models, and what each has made."""


class Ended(BaseException):
    """Stands for the end of a process: nothing after the commit happens."""


class Ending:
    """Counts commits, and ends what runs after the last of them."""

    def __init__(self, after: int) -> None:
        self.commits = 0
        self.counts = True
        """Whether the commits of what runs now count."""
        self.has_come = False
        self._after = after

    def note_commit(self) -> None:
        """Count a commit."""
        if self.counts:
            self.commits += 1
            self.has_come = self.commits == self._after
        self.refuse_afterwards()

    def refuse_afterwards(self) -> None:
        """What a dead process would have done on its way out does not reach the database."""
        if self.has_come:
            raise Ended


@contextmanager
def ended_after(commits: int) -> Iterator[Ending]:
    """End what runs inside right after so many commits; 0: never."""
    ending = Ending(commits)
    kind: Any = type(database.obj)
    commit, execute_sql = kind.commit, kind.execute_sql

    def committing(of: Any) -> None:
        ending.refuse_afterwards()
        commit(of)
        ending.note_commit()

    def executing(of: Any, sql: str, *arguments: Any) -> Any:
        ending.refuse_afterwards()
        found = execute_sql(of, sql, *arguments)
        if sql.startswith(_WRITES) and not of.in_transaction():
            ending.note_commit()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "commit", committing)
        patch.setattr(kind, "execute_sql", executing)
        try:
            yield ending
        except Ended:
            database.close()  # as the kernel does for a dead process


class Kept:
    """The data folder as it is now, to begin from again and again."""

    def __init__(self, folder: Path) -> None:
        close_database()
        self._folder = folder
        _copy(settings.data_dir(), folder)

    def restore(self) -> None:
        """Have the data folder be so again."""
        close_database()
        _copy(self._folder, settings.data_dir())
        open_database()


def run_jobs(ending: Ending | None = None, counted: str = "") -> None:
    """Run the jobs of every queue until all are empty; the commits of one job count.

    In this process, by mere calls: a worker has nothing to add, and costs more than all of it.
    """
    while any(_run_next(name, ending, counted) for name in queue_names()):
        pass


def _run_next(queue: str, ending: Ending | None, counted: str) -> bool:
    waiting = dispatch.queue(queue)
    job_id = dispatch.connection().lpop(waiting.key)
    job = waiting.fetch_job(job_id.decode()) if isinstance(job_id, bytes) else None
    if job is None:
        return False
    module, _, function = str(job.func_name).rpartition(".")
    if ending is not None:
        ending.counts = f"{module}.{function}" == f"jobs.{counted}"
    getattr(importlib.import_module(module), function)(**job.kwargs)
    if ending is not None:
        ending.counts = False
    return True


def reconciled() -> None:
    """Run what reconciliation enqueues, until there is nothing to do."""
    run_jobs()
    while reconcile():
        run_jobs()


def end_after_each_commit(
    folder: Path,
    queues: redis.Redis,
    run: Callable[[], object],
    again: Callable[[], object] | None = None,
    later: Callable[[], object] = int,
) -> int:
    """End what runs after each of its commits, and complete it; how many commits there were.

    Redis is lost each time. Reconciliation completes it, or `again`, which comes by a schedule or
    because a job whose process died is put back. `later` is what comes some time after any run.
    The tables are then those that it leaves undisturbed. `folder` keeps the state to begin from.
    """
    kept = Kept(folder)
    undisturbed: dict[str, Any] = {}
    nth = commits = 0
    while nth <= commits:
        kept.restore()
        queues.flushall()
        with ended_after(nth) as ending:
            run()
        if nth:
            assert ending.has_come
            queues.flushall()
            if again is not None:
                again()
        reconciled()
        later()
        if nth:
            assert_same(everything(), undisturbed, f"ended after commit {nth} of {commits}")
        else:
            undisturbed, commits = everything(), ending.commits
        nth += 1
    return commits


def everything() -> dict[str, Any]:
    """The rows of each table, sorted and without ids and times, and the files of the store."""
    places = {
        table: {id_: place for place, (id_,) in enumerate(_ids(table))}
        for table in TABLES
        if table not in _OF_RUNS and "id" in table._meta.fields
    }
    found: dict[str, Any] = {
        table.__name__: sorted(_contents(table, places), key=repr)
        for table in TABLES
        if table not in _OF_RUNS
    }
    images = settings.images_dir()
    files = (path for path in images.rglob("*") if path.is_file())
    return {**found, "files": sorted(str(path.relative_to(images)) for path in files)}


def assert_same(found: dict[str, Any], expected: dict[str, Any], when: str) -> None:
    """Fail with the first table that differs."""
    for name, rows in expected.items():
        if not _is_same(found[name], rows):
            assert found[name] == rows, f"{name}: {when}"


def _is_same(found: Any, expected: Any) -> bool:
    """Whether two values are the same but for rounding."""
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(_is_same, found, expected))
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, abs_tol=1e-4)
    return bool(found == expected)


def _rows(table: Any) -> Any:
    """Those that count: of models before the present ones nothing but their names is left."""
    rows = table.select()
    if table in _MADE:
        rows = rows.where(table.id.in_(_MADE[table].select(_MADE[table].model)))
    return rows


def _ids(table: Any) -> Any:
    by_type = [table.entity_type] if "entity_type" in table._meta.fields else []
    return _rows(table).select(table.id).order_by(*by_type, table.id).tuples()


def _contents(table: Any, places: dict[Any, dict[int, int]]) -> Iterator[tuple[Any, ...]]:
    fields = [each for each in table._meta.sorted_fields if each.name not in _OF_ATTEMPTS]
    for row in _rows(table).select(*fields).tuples():
        yield tuple(_value(field, value, places) for field, value in zip(fields, row, strict=True))


def _value(field: Any, value: Any, places: dict[Any, dict[int, int]]) -> Any:
    if isinstance(field, DateTimeField):
        return value is not None
    if isinstance(field, ForeignKeyField):
        return places[field.rel_model].get(value)
    if field.name == "numbers":
        return [number for (number,) in struct.iter_unpack("<f", value)]
    return value


def _copy(source: Path, target: Path) -> None:
    """A data folder; the store's pictures, which nobody changes, are shared."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> None:
    if f"/{settings.images_dir().name}/" in source:
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
