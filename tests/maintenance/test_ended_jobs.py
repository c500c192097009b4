"""What is over goes from Redis; what waits stays."""

import redis
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from jobs.maintenance import cleanup_expired_tasks
from tests.maintenance.work import changed
from worker import dispatch


def found() -> dict[str, int]:
    cleanup_expired_tasks()
    return changed("cleanup_expired_tasks")


def test_what_ended_died_or_is_gone_is_dropped(database: str, queues: redis.Redis) -> None:
    maintenance = dispatch.queue("maintenance")
    queues.zadd(maintenance.finished_job_registry.key, {"over": 1})
    queues.zadd(maintenance.failed_job_registry.key, {"gone": 4_000_000_000})
    for key in (WORKERS_BY_QUEUE_KEY % "maintenance", REDIS_WORKER_KEYS):
        queues.sadd(key, "rq:worker:dead")
    queues.zadd("rq:executions:gone", {"one": 4_000_000_000})
    expected = {"ended jobs": 2, "dead workers": 1, "executions of nothing": 1}
    assert found() == expected
    assert queues.smembers(REDIS_WORKER_KEYS) == set()
    assert found() == {}


def test_work_that_waits_or_failed_lately_stays(database: str, queues: redis.Redis) -> None:
    waiting = dispatch.enqueue("maintenance.backup")
    failed = dispatch.enqueue("maintenance.reconcile")
    maintenance = dispatch.queue("maintenance")
    queues.lrem(maintenance.key, 0, failed)
    queues.zadd(maintenance.failed_job_registry.key, {failed: 4_000_000_000})
    queues.zadd(f"rq:executions:{waiting}", {"one": 4_000_000_000})
    assert found() == {}
    assert maintenance.get_job_ids() == [waiting]
    assert maintenance.failed_job_registry.get_job_ids() == [failed]
    assert queues.exists(f"rq:executions:{waiting}")
