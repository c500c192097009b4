"""The pipeline as it runs: real jobs, a real Valkey, a real worker, both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

import tests.librosa_compiled  # noqa: F401
from worker import dispatch
from worker.process.fleet_worker import FleetWorker

Scan = Callable[..., None]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """An empty folder for music."""
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def scan(database: str, queues: redis.Redis, library: Path) -> Iterator[Scan]:
    """Scans the library: enqueues the discovery and works off every queue until all are empty."""

    def run(root: Path = library, *, deep: bool = False) -> None:
        dispatch.enqueue("scan.discovery", root=str(root.resolve()), deep=deep)
        work_off(queues)

    return run


def work_off(connection: redis.Redis) -> None:
    """Work off every queue, and fail when a job failed."""
    names = list(dispatch.topology().queues)
    FleetWorker("tests-1", names, connection).work(burst=True, logging_level="WARNING")
    failed = {
        job_id: dispatch.queue(name).fetch_job(job_id)
        for name in names
        for job_id in dispatch.queue(name).failed_job_registry.get_job_ids()
    }
    assert not failed, [job.latest_result().exc_string for job in failed.values() if job]
