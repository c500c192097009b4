"""A job's time and memory are limited, even where compiled code keeps the process to itself."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.chaos.chaos_fleet import ChaosFleet, chaos_fleet
from tests.fleet.conftest import few_programs
from tests.sums import check_sums
from worker import dispatch
from worker.process.requeue import RECOVERIES


class Limited(NamedTuple):
    """What a job does, of which program, and how the end of its process is reported."""

    act: str
    job: str
    arguments: dict[str, list[int]]
    signal: str


CASES = {
    "a forked job that needs too much memory": Limited(
        "eat", "covers.extract_embedded", {"track_ids": []}, "memory"
    ),
    "a forked job that hangs": Limited(
        "hang", "covers.process_album_covers", {"album_ids": []}, "timeout"
    ),
    "a job that hangs in its worker": Limited(
        "hang", "maintenance.cleanup_expired_tasks", {}, "timeout"
    ),
}


@pytest.fixture(scope="module")
def limited() -> Iterator[tuple[ChaosFleet, dict[str, str]]]:
    """A fleet of narrow limits whose workers run these jobs all at the same time; the jobs' ids."""
    text = re.sub(r"^timeout = .*$", 'timeout = "3s"', few_programs(), flags=re.MULTILINE)
    text = text.replace('execution = "forked"', 'execution = "forked"\nmemory = "512M"')
    with chaos_fleet(text) as fleet:
        fleet.up()
        for case in CASES.values():
            fleet.orders.give("started", case.job, act=case.act)
        jobs = {name: dispatch.enqueue(case.job, **case.arguments) for name, case in CASES.items()}
        yield fleet, jobs


@pytest.mark.parametrize("name", CASES)
def test_a_job_beyond_its_limit_is_ended_and_done_again(
    limited: tuple[ChaosFleet, dict[str, str]], name: str
) -> None:
    fleet, jobs = limited
    assert fleet.wait_until_ended(jobs[name]) == "finished"
    told = [json.loads(each) for each in fleet.redis.lrange(RECOVERIES, 0, -1)]
    assert CASES[name].signal in {each["signal"] for each in told if each["job"] == jobs[name]}
    check_sums()
