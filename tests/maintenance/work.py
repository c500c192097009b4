"""Working off queues, and what a run of maintenance changed."""

import redis

from db.maintenance import maintenance_runs
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


def work_off(connection: redis.Redis) -> None:
    """Work off every queue, and fail when a job failed."""
    names = list(dispatch.topology().queues)
    FleetWorker("tests-1", names, connection).work(burst=True, logging_level="WARNING")
    failed = [
        job_id
        for name in names
        for job_id in dispatch.queue(name).failed_job_registry.get_job_ids()
    ]
    assert failed == []


def changed(job: str) -> dict[str, int]:
    """What the last run of this job changed, which ended well."""
    (run,) = maintenance_runs.history(f"maintenance.{job}", 1)
    assert run.fault is None
    return run.changes


def notes(job: str) -> list[str]:
    """What it explained."""
    (run,) = maintenance_runs.history(f"maintenance.{job}", 1)
    return run.notes
