"""Work done by a worker in this process, which needs no fleet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from db.sql.connection import close_database, open_database
from db.sql.schema import migrate
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


def queue_names() -> list[str]:
    """Every queue, in the order in which the programs take jobs: insertion goes before grouping."""
    programs = dispatch.topology().programs.values()
    return list(dict.fromkeys(name for program in programs for name in program.queues))


class _BriefWorker(FleetWorker):
    """A worker that lives for one burst: nobody sends it commands, and no record is old yet.

    A thread for the former takes a quarter of a second to end, the latter a tenth of the burst.
    """

    should_run_maintenance_tasks = False

    def subscribe(self) -> None:
        """Listen to no channel."""

    def unsubscribe(self) -> None:
        """Nothing: it never listened."""


def work_off(connection: redis.Redis) -> None:
    """Work off every queue, and fail when a job failed."""
    names = queue_names()
    _BriefWorker("tests-1", names, connection).work(burst=True, logging_level="WARNING")
    failed = {
        job_id: dispatch.queue(name).fetch_job(job_id)
        for name in names
        for job_id in dispatch.queue(name).failed_job_registry.get_job_ids()
    }
    assert not failed, [job.latest_result().exc_string for job in failed.values() if job]


@contextmanager
def scanned_into(data: Path, music: Path, redis_url: str) -> Iterator[None]:
    """This process goes by an empty data folder, into whose library this music was scanned.

    Nothing is analysed. The Redis is wiped.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_DATA_DIR", str(data))
        patch.setenv("FLEET_REDIS_URL", redis_url)
        patch.setenv("FLEET_ANALYSIS_SECONDS", "off")
        for name in ("FLEET_DATABASE_URL", "FLEET_QUEUES"):
            patch.delenv(name, raising=False)
        dispatch.connection.cache_clear()
        dispatch.topology.cache_clear()
        dispatch.connection().flushall()
        open_database(create=True)
        migrate()
        dispatch.enqueue("scan.discovery", root=str(music.resolve()), deep=False)
        work_off(dispatch.connection())
        yield
        close_database()
        dispatch.connection().close()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()
