"""Maintenance drops what is over, and never what waits."""

import redis
from rq.job import Job

from worker import dispatch
from worker.process.fleet_worker import FleetWorker

CLEANUP = "maintenance.cleanup_expired_tasks"


def test_finished_jobs_whose_time_is_over_go_from_the_registry(
    database: str, queues: redis.Redis
) -> None:
    worker = FleetWorker("tests-1", ["maintenance"], queues)
    dispatch.enqueue(CLEANUP)
    worker.work(burst=True, logging_level="ERROR")
    finished = dispatch.queue("maintenance").finished_job_registry
    queues.zadd(finished.key, dict.fromkeys(finished.get_job_ids(cleanup=False), 1))
    dispatch.enqueue(CLEANUP)
    worker.work(burst=True, logging_level="ERROR")
    assert len(finished.get_job_ids(cleanup=False)) == 1


def test_waiting_work_is_never_dropped_however_old(database: str, queues: redis.Redis) -> None:
    waiting = dispatch.enqueue("covers.extract_embedded", track_ids=[1])
    queues.hset(f"rq:job:{waiting}", "enqueued_at", "2001-01-01T00:00:00.000000Z")
    dispatch.enqueue(CLEANUP)
    FleetWorker("tests-1", ["maintenance"], queues).work(burst=True, logging_level="ERROR")
    assert dispatch.queue("deferred_covers").get_job_ids() == [waiting]
    assert Job.exists(waiting, connection=queues)
