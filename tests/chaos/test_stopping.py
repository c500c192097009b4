"""At SIGTERM a worker finishes its job or puts it back whole; a job alone is stopped."""

import os
import signal
from pathlib import Path

import pytest
from rq.command import send_stop_job_command
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.chaos.chaos_fleet import ChaosFleet, about, tables, wait_for
from tests.chaos.orders import Order
from tests.pipeline.tables import Content
from worker import dispatch
from worker.process.requeue import RECOVERIES

FORKED, IN_PROCESS = "covers.process_album_covers", "maintenance.cleanup_expired_tasks"
SLOTS = {FORKED: "covers-1", IN_PROCESS: "metadata-1"}
either_kind = pytest.mark.parametrize("job", [FORKED, IN_PROCESS], ids=["forked", "in-process"])


def begin(fleet: ChaosFleet, job: str) -> tuple[Order, str]:
    """Have a worker halt in a job that has nothing to do: the order, and the job's id."""
    order = fleet.orders.give("started", job)
    job_id = dispatch.enqueue(job, **({"album_ids": []} if job == FORKED else {}))
    order.halted()
    return order, job_id


def deaths(fleet: ChaosFleet, job_id: str) -> int:
    """How many deaths of processes a job has."""
    return sum(job_id.encode() in each for each in fleet.redis.lrange(RECOVERIES, 0, -1))


@either_kind
def test_a_worker_that_is_told_to_stop_finishes_a_short_job(fleet: ChaosFleet, job: str) -> None:
    order, job_id = begin(fleet, job)
    told = fleet.pid(SLOTS[job])
    os.kill(told, signal.SIGTERM)
    wait_for(lambda: f"[PID {told}]: warm shut down" in fleet.log(SLOTS[job]), "notice")
    order.release()
    assert fleet.wait_until_ended(job_id) == "finished"
    assert fleet.field(job_id, "attempt") == "1"
    wait_for(lambda: fleet.is_filled(SLOTS[job], told), "successor")


def test_a_worker_that_is_told_to_stop_puts_a_long_job_back_whole(fleet: ChaosFleet) -> None:
    begun = {job: begin(fleet, job)[1] for job in (FORKED, IN_PROCESS)}
    for job in begun:
        os.kill(fleet.pid(SLOTS[job]), signal.SIGTERM)
    for job_id in begun.values():
        assert fleet.wait_until_ended(job_id) == "finished"
        assert fleet.field(job_id, "attempt") == "2"
        assert deaths(fleet, job_id) == 0


@either_kind
def test_stopping_a_job_as_rq_does_leaves_its_worker_at_work(fleet: ChaosFleet, job: str) -> None:
    worker = fleet.pid(SLOTS[job])
    _, job_id = begin(fleet, job)
    send_stop_job_command(fleet.redis, job_id, JSONSerializer)
    assert fleet.wait_until_ended(job_id) == "stopped"
    order, next_id = begin(fleet, job)
    order.release()
    assert fleet.wait_until_ended(next_id) == "finished"
    assert fleet.pid(SLOTS[job]) == worker
    Job.fetch(job_id, fleet.redis, JSONSerializer).delete()


def test_a_paused_queue_alone_is_left_alone(fleet: ChaosFleet, album: Path, known: Content) -> None:
    covers = dispatch.queue("deferred_covers")
    assert fleet.command("queue", "pause", covers.name, "--yes").returncode == 0
    scan = fleet.scan(album)
    wait_for(lambda: fleet.held() == [covers.key], "standstill but for the covers")
    waiting = covers.count
    fleet.wait_until_ended(dispatch.enqueue(IN_PROCESS))
    assert covers.count == waiting > 0
    assert fleet.command("queue", "resume", covers.name, "--yes").returncode == 0
    fleet.wait_until_done(scan)
    assert about(album.name, tables()) == about(album.name, known)
