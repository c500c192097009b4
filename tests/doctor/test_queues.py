"""Queues whose jobs wait in vain, and workers that go by another queues.toml."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import redis
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.doctor.complaints import complaint, complaints
from worker import dispatch
from worker.doctor import Severity
from worker.doctor.examination import examine, repair
from worker.queues import Place, keep_hours, pause, sizes

COVERS = "deferred_covers"


@pytest.fixture
def consumed(server: redis.Redis) -> Iterator[Worker]:
    """A registered worker of every queue that goes by this queues.toml."""
    worker = Worker(
        list(dispatch.topology().queues),
        connection=server,
        serializer=JSONSerializer,
        name="covers-1.here",
    )
    worker.register_birth()
    server.hset(worker.key, "topology", dispatch.topology().digest)
    yield worker
    worker.register_death()


def stranded(server: redis.Redis, *functions: str) -> Queue:
    """A queue of an earlier queues.toml with jobs."""
    queue = Queue("old_covers", connection=server, serializer=JSONSerializer)
    for function in functions:
        queue.enqueue(function, kwargs={"track_ids": [1]})
    return queue


def made(server: redis.Redis, job_id: str, hours: float) -> None:
    """Have a job be so old."""
    moment = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    server.hset(Job.key_for(job_id), mapping={"created_at": moment, "enqueued_at": moment})


def test_jobs_that_no_live_worker_consumes_are_named_with_count_and_age(
    server: redis.Redis,
) -> None:
    made(server, dispatch.enqueue("covers.extract_embedded", track_ids=[1]), hours=3)
    dispatch.enqueue("covers.extract_embedded", track_ids=[2])
    found = complaint("queues")
    assert found.severity is Severity.ERROR
    assert found.says == f"{COVERS} holds 2 jobs that no live worker consumes, the oldest for 3 h"
    assert found.count == 2
    assert found.age is not None
    assert 3 * 3600 <= found.age < 3 * 3600 + 60
    assert "`fleet up`" in found.remedy


def test_jobs_of_another_program_that_were_refused_are_named_with_their_number(
    consumed: Worker, server: redis.Redis
) -> None:
    for number in range(2):
        Queue("refused", connection=server).enqueue("shop.orders.send", number)  # pickled
    found = complaint("queues")
    assert found.severity is Severity.ERROR
    assert "shop.orders.send" in found.says
    assert found.count == 2
    assert "FLEET_REDIS_PREFIX" in found.remedy


def test_scheduled_jobs_that_no_live_worker_consumes_are_named(server: redis.Redis) -> None:
    later = dispatch.queue(COVERS).enqueue_in(timedelta(days=1), "jobs.covers.extract_embedded")
    made(server, later.id, hours=5)
    found = complaint("queues")
    assert found.says == f"{COVERS} holds 1 job that no live worker consumes, the oldest for 5 h"


def test_deferred_jobs_that_no_live_worker_consumes_are_named(server: redis.Redis) -> None:
    first = dispatch.queue("maintenance").enqueue("jobs.maintenance.cleanup_expired_tasks")
    second = dispatch.queue(COVERS).enqueue("jobs.covers.extract_embedded", depends_on=first)
    for each in (first, second):
        made(server, each.id, hours=2)
    assert [each.says for each in complaints("queues")] == [
        f"{COVERS} holds 1 job that no live worker consumes, the oldest for 2 h",
        "maintenance holds 1 job that no live worker consumes, the oldest for 2 h",
    ]


def test_jobs_that_are_consumed_in_time_are_no_complaint(consumed: Worker) -> None:
    dispatch.enqueue("covers.extract_embedded", track_ids=[1])
    assert complaints("queues") == complaints("workers") == []


def test_a_queue_that_queues_toml_does_not_know_is_named_and_its_jobs_are_rescued(
    consumed: Worker, server: redis.Redis
) -> None:
    stranded(server, "jobs.covers.extract_embedded", "jobs.covers.gone")
    found = complaint("queues")
    assert found.severity is Severity.ERROR
    assert found.says.startswith("old_covers holds 2 jobs, and queues.toml does not know it")
    assert "`fleet queue move old_covers QUEUE`" in found.remedy
    repaired = repair(found)
    assert repaired.done
    assert repaired.says == f"1 job of old_covers moved to {COVERS}; 1 that no queue takes stay"
    assert sizes([COVERS])[COVERS][Place.WAITING] == 1
    assert complaint("queues").count == 1


def test_jobs_that_no_queue_takes_are_left_where_they_are(server: redis.Redis) -> None:
    queue = stranded(server, "jobs.covers.gone")
    repaired = repair(complaint("queues"))
    assert not repaired.done
    assert repaired.says == "no queue takes any of the 1 job of old_covers"
    assert queue.count == 1


def test_a_paused_queue_that_holds_jobs_is_named_with_the_way_to_resume_it(
    consumed: Worker, server: redis.Redis
) -> None:
    pause(COVERS)
    pause("extract")  # holds none
    made(server, dispatch.enqueue("covers.extract_embedded", track_ids=[1]), hours=48)
    found = complaint("queues")
    assert found.severity is Severity.WARNING
    assert found.says == f"{COVERS} holds 1 job and is paused, the oldest for 2 days"
    assert f"`fleet queue resume {COVERS}`" in found.remedy


def test_a_queue_that_rests_until_the_hours_of_the_analysis_is_no_fault(
    consumed: Worker, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_HOURS", "22:00-07:00")
    keep_hours(time(12))
    made(server, dispatch.enqueue("audio_analysis.analyze_batch", track_ids=[1]), hours=48)
    assert complaints("queues") == []
    says = [each.says for each in examine(quick=True) if each.check == "queues"]
    assert "audio_analysis holds 1 job and rests until 22:00 (FLEET_ANALYSIS_HOURS)" in says


def test_a_job_that_waits_longer_than_its_queues_limit_is_named(
    consumed: Worker, server: redis.Redis
) -> None:
    limit = dispatch.topology().queues[COVERS].wait_limit / 3600
    job = dispatch.enqueue("covers.extract_embedded", track_ids=[1])
    made(server, job, hours=limit - 0.1)
    assert complaints("queues") == []
    made(server, job, hours=limit + 0.1)
    found = complaint("queues")
    assert found.severity is Severity.WARNING
    assert f"the first job of {COVERS} has waited for " in found.says
    assert found.age is not None
    assert found.age > limit * 3600


def test_a_worker_of_another_queues_toml_is_named(consumed: Worker, server: redis.Redis) -> None:
    server.hset(consumed.key, "topology", "of-old")
    found = complaint("workers")
    assert (found.severity, found.count) == (Severity.WARNING, 1)
    assert "(covers-1.here)" in found.says
    assert found.remedy == "run `fleet reload`, on each host"
    server.hdel(consumed.key, "topology")  # a worker that is not the fleet's
    assert complaint("workers").count == 1


def test_a_worker_whose_heartbeats_ended_does_not_count(
    consumed: Worker, server: redis.Redis
) -> None:
    server.delete(consumed.key)
    (well,) = [each for each in examine(quick=True) if each.check == "workers"]
    assert (well.severity, well.count) == (Severity.OK, 0)
