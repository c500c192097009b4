"""A host that is gone is known by its silence; whoever lives, or may live, is left alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from tests.databases import open_sqlite
from worker import dispatch
from worker.process.fleet_worker import FleetWorker
from worker.process.requeue import RECOVERIES
from worker.recovery.__main__ import POLLS, Recovery, Silence
from worker.redis.holders import (
    Holder,
    beats,
    holders,
    register,
    this_place,
    this_process,
    unregister,
)

CLEANUP = "maintenance.cleanup_expired_tasks"
ELSEWHERE = "elsewhere/boot/1"


@pytest.fixture
def recovery(queues: redis.Redis, data_dir: Path) -> Recovery:
    """The recovery of this place."""
    open_sqlite()
    return Recovery(queues)


def a_job_of(holder: Holder) -> str:
    """Have a process take and begin a job; the job's id."""
    connection = dispatch.connection()
    job_id = dispatch.enqueue(CLEANUP)
    worker = FleetWorker("maintenance-1.tests", ["maintenance"], connection)
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    worker.prepare_execution(taken[0])
    connection.rename(worker.holder.taken_key, holder.taken_key)
    connection.hset(f"rq:job:{job_id}", "holder", holder.token)
    unregister(connection, worker.holder)
    register(connection, holder)
    return job_id


def elsewhere(place: str = ELSEWHERE) -> Holder:
    """A worker of another host, which has beaten once."""
    dispatch.connection().hset("fleet:places", place, 1)
    return Holder("maintenance-1.elsewhere", place, pid=1, start=1)


def waiting() -> list[str]:
    """The jobs that wait in their queue."""
    return dispatch.queue("maintenance").get_job_ids()


def test_jobs_of_a_host_that_is_silent_are_put_back(
    recovery: Recovery, queues: redis.Redis
) -> None:
    job_id = a_job_of(elsewhere())
    for _ in range(POLLS - 1):
        recovery.poll()
        assert waiting() == []
    recovery.poll()
    assert waiting() == [job_id]
    assert [json.loads(each)["signal"] for each in queues.lrange(RECOVERIES, 0, -1)] == ["host"]
    assert ELSEWHERE not in beats(queues)
    assert [each.place for each in holders(queues)] == [this_place()]


def test_jobs_of_a_host_that_beats_are_left_alone(recovery: Recovery, queues: redis.Redis) -> None:
    a_job_of(elsewhere())
    for _ in range(3 * POLLS):
        queues.hincrby("fleet:places", ELSEWHERE, 1)
        recovery.poll()
    assert waiting() == []


def test_jobs_of_a_process_that_lives_here_are_left_alone(
    recovery: Recovery, queues: redis.Redis
) -> None:
    a_job_of(this_process("maintenance-1.here"))
    for _ in range(3 * POLLS):
        recovery.poll()
    assert waiting() == []


def test_jobs_of_a_process_whose_id_another_has_now_are_put_back(
    recovery: Recovery, queues: redis.Redis
) -> None:
    job_id = a_job_of(replace(this_process("maintenance-1.here"), start=1))
    recovery.of_this_place()
    assert waiting() == [job_id]


@pytest.mark.parametrize(("attempt", "deaths"), [(9, b"2"), (10, None)])
def test_a_job_that_went_with_the_whole_fleet_is_not_to_blame_unless_it_goes_on(
    attempt: int, deaths: bytes | None, recovery: Recovery, queues: redis.Redis
) -> None:
    """None: it has failed, as with its third death."""
    job_id = a_job_of(replace(this_process("maintenance-1.here"), start=1))
    queues.hset(f"rq:job:{job_id}", mapping={"attempt": attempt, "deaths": 2})
    recovery.of_this_place()
    assert (waiting() == [job_id]) is (deaths is not None)
    if deaths is not None:
        assert queues.hget(f"rq:job:{job_id}", "deaths") == deaths


def test_jobs_from_before_a_restart_of_the_host_are_put_back_at_once(
    recovery: Recovery, queues: redis.Redis
) -> None:
    host, _, namespace = this_place().split("/")
    job_id = a_job_of(elsewhere(f"{host}/another-boot/{namespace}"))
    recovery.of_this_place()
    assert waiting() == [job_id]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still, but for the seconds that are put in."""
    clock = SimpleNamespace(now=1000.0)

    def put_in(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr("worker.recovery.__main__.time.monotonic", lambda: clock.now)
    return put_in


def test_silence_takes_looks_that_follow_each_other(later: Callable[[float], None]) -> None:
    silence = Silence()
    for _ in range(3):
        later(60)  # Redis was away: nobody could beat
        for _ in range(POLLS - 1):
            assert silence.poll({ELSEWHERE: 7}) == set()
            later(5)
    assert silence.poll({ELSEWHERE: 7}) == {ELSEWHERE}


def test_one_heartbeat_breaks_the_silence(later: Callable[[float], None]) -> None:
    silence = Silence()
    for count in (1, 2):
        for _ in range(POLLS - 1):
            assert silence.poll({ELSEWHERE: count}) == set()
            later(5)
