"""Pausing names one queue that workers leave alone, until it is resumed."""

from datetime import time

import pytest
import redis

from tests.queues.conftest import COVERS, Fleet, snapshot, strand
from worker import queues as fleet_queues
from worker.errors import BadInputError, ExitCode
from worker.status.overview import queue_statuses

ANALYSIS = "audio_analysis"


def test_a_paused_queue_is_paused_until_it_is_resumed(queues: redis.Redis) -> None:
    assert fleet_queues.pause(COVERS)
    assert fleet_queues.paused() == {COVERS}
    assert fleet_queues.resume(COVERS)
    assert fleet_queues.paused() == set()


def test_workers_find_the_paused_queue_by_name(queues: redis.Redis) -> None:
    fleet_queues.pause(COVERS)
    assert queues.smembers("fleet:paused") == {COVERS.encode()}


def test_pausing_twice_or_resuming_twice_tells_that_nothing_changed(queues: redis.Redis) -> None:
    fleet_queues.pause(COVERS)
    assert not fleet_queues.pause(COVERS)
    fleet_queues.resume(COVERS)
    assert not fleet_queues.resume(COVERS)


def test_a_queue_that_is_not_declared_cannot_be_paused(queues: redis.Redis) -> None:
    strand(1)
    with pytest.raises(BadInputError, match=f"no queue 'defered_covers' — did you mean {COVERS}"):
        fleet_queues.pause("defered_covers")


def test_a_queue_that_was_paused_and_then_undeclared_can_be_resumed(queues: redis.Redis) -> None:
    queues.sadd("fleet:paused", "once")
    assert fleet_queues.resume("once")


def test_the_command_pauses_one_queue_and_says_how_to_go_on(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "pause", COVERS, "--yes") == ExitCode.OK
    assert fleet_queues.paused() == {COVERS}
    assert f"`fleet queue resume {COVERS}`" in capsys.readouterr().out
    assert fleet("queue", "resume", COVERS, "--yes") == ExitCode.OK
    assert fleet_queues.paused() == set()


def test_the_queue_of_the_analysis_rests_outside_of_its_hours(
    queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_HOURS", "22-7:30")
    fleet_queues.keep_hours(time(22))
    assert fleet_queues.paused() == set()
    fleet_queues.keep_hours(time(7, 30))
    assert fleet_queues.paused() == {ANALYSIS}
    (status,) = queue_statuses([ANALYSIS])
    assert status.rests_until == "22:00"
    queues.flushall()  # as when Redis was wiped
    fleet_queues.keep_hours(time(12))
    assert fleet_queues.paused() == {ANALYSIS}
    fleet_queues.keep_hours(time(1))
    assert fleet_queues.paused() == set()
    fleet_queues.keep_hours(time(12))
    monkeypatch.delenv("FLEET_ANALYSIS_HOURS")
    fleet_queues.keep_hours(time(12))
    assert fleet_queues.paused() == set()


def test_hours_leave_to_somebody_what_somebody_pauses_or_resumes(
    queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_HOURS", "22:00-07:00")
    fleet_queues.pause(ANALYSIS)
    for hour in (12, 23):
        fleet_queues.keep_hours(time(hour))
        assert fleet_queues.paused() == {ANALYSIS}
    fleet_queues.resume(ANALYSIS)
    fleet_queues.keep_hours(time(12))
    assert fleet_queues.resume(ANALYSIS)
    fleet_queues.keep_hours(time(13))
    assert fleet_queues.paused() == set()
    fleet_queues.keep_hours(time(23))
    fleet_queues.keep_hours(time(12))
    assert not fleet_queues.pause(ANALYSIS)
    fleet_queues.keep_hours(time(23))
    assert fleet_queues.paused() == {ANALYSIS}


def test_the_command_pauses_and_resumes_all_queues(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    every = set(fleet_queues.declared())
    assert fleet("queue", "pause", "--all", "--dry-run") == ExitCode.OK
    assert fleet_queues.paused() == set()
    assert fleet("queue", "pause", "--all", "--yes") == ExitCode.OK
    assert fleet_queues.paused() == every
    assert fleet("queue", "resume", "--all", "--yes") == ExitCode.OK
    assert fleet_queues.paused() == set()
    assert fleet("queue", "pause", "--yes") == ExitCode.USAGE
    assert fleet("queue", "pause", COVERS, "--all", "--yes") == ExitCode.USAGE


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_dry_run_pauses_and_resumes_nothing(
    command: str, queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "resume":
        fleet_queues.pause(COVERS)
    strand(2, queue=COVERS)
    before = snapshot(queues)
    assert fleet("queue", command, COVERS, "--dry-run") == ExitCode.OK
    assert f"Would {command} {COVERS}, in which 2 jobs wait" in capsys.readouterr().out
    assert snapshot(queues) == before


def test_no_is_taken_for_an_answer(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "pause", COVERS, typed="n\n") == ExitCode.OK
    assert fleet_queues.paused() == set()
    assert "Nothing was changed" in capsys.readouterr().err


def test_yes_is_taken_for_an_answer(queues: redis.Redis, fleet: Fleet) -> None:
    assert fleet("queue", "pause", COVERS, typed="y\n") == ExitCode.OK
    assert fleet_queues.paused() == {COVERS}


def test_where_nobody_answers_nothing_is_done(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "pause", COVERS) == ExitCode.USAGE
    assert fleet_queues.paused() == set()
    assert "add --yes" in capsys.readouterr().err
