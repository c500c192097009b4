"""All of Redis wiped in the middle of a scan: the database knows what is left to do."""

import os
import signal
from pathlib import Path

from tests.chaos.chaos_fleet import ChaosFleet, about, tables
from tests.pipeline.tables import Content
from tests.waiting import PATIENCE
from worker import dispatch
from worker.errors import ExitCode

JOB = "covers.process_album_covers"


def test_a_scan_whose_redis_is_wiped_completes(
    fleet: ChaosFleet, music: Path, known: Content
) -> None:
    order = fleet.orders.give("committed", "insert.direct_batch")
    scan = fleet.command.start("scan", str(music / "flushed"))
    order.halted()
    fleet.redis.flushall()
    order.release()
    _, talk = scan.communicate(timeout=PATIENCE)
    assert scan.returncode == ExitCode.OK, talk
    assert about("flushed", tables()) == about("flushed", known)


def test_a_worker_that_dies_just_after_redis_was_wiped_loses_no_job(fleet: ChaosFleet) -> None:
    order = fleet.orders.give("started", JOB)
    fleet.redis.flushall()
    job_id = dispatch.enqueue(JOB, album_ids=[])
    order.halted()
    os.kill(fleet.pid("covers-1"), signal.SIGKILL)
    assert fleet.wait_until_ended(job_id) == "finished"
