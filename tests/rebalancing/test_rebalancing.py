"""Processes of a real fleet move to where jobs wait, by the job that the scheduler enqueues."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.maintenance.maintenance_runs import history
from db.sql.connection import close_database, open_database
from tests.fleet.conftest import REPOSITORY, FleetCommand, new_fleet
from tests.waiting import until
from worker import dispatch, queues
from worker.cli.fleet import run
from worker.doctor import Severity
from worker.doctor.examination import examine
from worker.doctor.fleet import programs
from worker.maintenance.rebalance import DWELL, rebalance
from worker.queues import Place
from worker.supervisor import conf_file, control
from worker.supervisor.change import Change, apply
from worker.supervisor.rpc import supervisord
from worker.topology import load
from worker.topology.jobs import find_jobs

JOB = "maintenance.rebalance_queues"
REST = sorted(
    name
    for name in find_jobs(REPOSITORY / "jobs")[0]
    if not name.startswith(("covers.", "maintenance."))
)
QUEUES = f"""
[queues.pictures]
use = "a test"
jobs = ["covers.*"]
timeout = "5m"
retries = 0

[queues.upkeep]
use = "a test"
jobs = ["maintenance.*"]
timeout = "5m"
retries = 0

[queues.rest]
use = "a test"
jobs = {REST!r}
timeout = "5m"
retries = 0

[programs.art]
queues = ["pictures"]
processes = 1
most = 2

[programs.care]
queues = ["upkeep"]
processes = 1

[programs.main]
queues = ["rest"]
processes = 2
least = 1
"""


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    """A fleet in which a process may move from main to art."""
    yield from new_fleet(QUEUES)


@pytest.fixture(scope="module", autouse=True)
def in_environment(fleet: FleetCommand) -> Iterator[None]:
    """The test's own process goes by the fleet's settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLEET_")]:
            patch.delenv(name)
        for name, value in fleet.environment.items():
            patch.setenv(name, value)
        control.start()
        dispatch.connection.cache_clear()
        dispatch.topology.cache_clear()
        open_database()
        yield
        close_database()
        dispatch.connection().close()
        dispatch.connection.cache_clear()
        dispatch.topology.cache_clear()


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """Every program has the processes that it has at rest, and no job waits."""
    yield
    for name in ("pictures", "rest"):
        queues.clear(name)
    change = Change.to_reload()
    if change.old != change.new:
        apply(change, print)


@contextmanager
def backlog(process: str, job: str, **arguments: object) -> Iterator[None]:
    """Twenty of these jobs have waited for five minutes, for the only worker does not move."""
    (worker,) = [each.pid for each in control.processes() if each.name == process and each.pid]
    os.kill(worker, signal.SIGSTOP)
    enqueued = datetime.now(UTC) - timedelta(minutes=5)
    try:
        for _ in range(20):
            key = f"rq:job:{dispatch.enqueue(job, **arguments)}"
            text = f"{enqueued:%Y-%m-%dT%H:%M:%S.%fZ}"
            dispatch.connection().hset(key, "enqueued_at", text)
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def pictures_wait() -> AbstractContextManager[None]:
    return backlog("art-1", "covers.extract_embedded", track_ids=[])


def wait_until_empty(queue: str) -> None:
    places = (Place.WAITING, Place.RUNNING)
    until(lambda: not any(queues.sizes([queue])[queue][place] for place in places))


def lend() -> None:
    """Have a process move from main to art."""
    with pictures_wait():
        assert len(rebalance(later).moved) == 1
    wait_until_empty("pictures")
    assert workers() == LENT


def later() -> float:
    """The time at which what runs now has stayed for long enough."""
    return time.time() + DWELL


def workers() -> list[str]:
    return sorted(each.name for each in control.processes() if "-" in each.name)


LENT = ["art-1", "art-2", "care-1", "main-1"]
AT_REST = ["art-1", "care-1", "main-1", "main-2"]


def test_a_process_goes_where_jobs_wait_and_goes_back_when_it_is_quiet() -> None:
    before = {each.name: each.pid for each in control.processes()}
    with pictures_wait():
        assert rebalance().moved == []  # all were started just now
        (told,) = rebalance(later).moved
    assert told.startswith("art-2 in place of main-2: 20 jobs wait for art, the first for ")
    assert told.endswith(", and main has nothing to do")
    after = {each.name: each.pid for each in control.processes()}
    assert {name for name in after if before.get(name) != after[name]} == {"art-2"}
    assert workers() == LENT
    wait_until_empty("pictures")
    assert rebalance().moved == []
    assert rebalance(later).moved == ["main-2 in place of art-2: art has nothing more to do"]
    assert workers() == AT_REST


def test_the_job_moves_processes_of_the_fleet_that_runs_it_and_records_why() -> None:
    lend()
    with backlog("main-1", "metadata.extract_batch", chunk_id=0):
        dispatch.wait_for(dispatch.enqueue(JOB))
    assert workers() == AT_REST
    newest = history(JOB, 1)[0]
    assert newest.changes == {"processes moved": 1}
    (note,) = newest.notes
    assert note.startswith("main-2 in place of art-2: 20 jobs wait for main, the first for 5 min")
    assert note.endswith(", and art has more processes than queues.toml says")


def test_a_paused_queue_attracts_no_process() -> None:
    queues.pause("pictures")
    with pictures_wait():
        assert rebalance(later).moved == []
    queues.resume("pictures")


def test_a_lent_process_is_no_drift(capsys: pytest.CaptureFixture[str]) -> None:
    lend()
    assert {each.severity for each in programs()} == {Severity.OK}
    assert conf_file.is_of(conf_file.read(), load())
    assert not control.start()
    assert run(["config", "check"]) == 0
    assert run(["scale"]) == 0
    table = capsys.readouterr().out
    assert "art\t2\t1 (1 to 2)\tpictures\n" in table
    assert "main\t1\t2 (1 to 2)\trest\n" in table
    assert workers() == LENT


def test_what_fleet_scale_says_is_left_as_it_is_until_the_next_reload() -> None:
    lend()
    assert run(["scale", "art", "1", "--yes"]) == 0
    assert workers() == AT_REST  # and the moved process is back
    with pictures_wait():
        assert rebalance(later).moved == []
        assert run(["reload", "--yes"]) == 0
        assert len(rebalance(later).moved) == 1


def test_an_interrupted_move_is_finished() -> None:
    lend()
    with supervisord() as rpc:
        rpc.stopProcess("art-2")
        rpc.removeProcessGroup("art-2")
    assert rebalance().moved == []
    assert workers() == LENT


def test_an_edit_that_the_fleet_has_not_taken_up_is_waited_for(fleet: FleetCommand) -> None:
    file = Path(fleet.environment["FLEET_QUEUES"])
    text = file.read_text()
    file.write_text(text.replace('"5m"', '"6m"'))
    outcome = rebalance(later)
    file.write_text(text)
    assert (outcome.moved, "`fleet reload` first" in outcome.refused) == ([], True)


def test_why_nothing_can_be_moved_is_shown_by_scale_doctor_and_status(
    fleet: FleetCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(fleet.environment["FLEET_QUEUES"])
    text = file.read_text()
    file.write_text(text.replace('"5m"', '"6m"'))
    try:
        for _ in range(2):
            dispatch.wait_for(dispatch.enqueue(JOB))
        assert run(["scale"]) == 0
        said = capsys.readouterr().err
        (found,) = [each for each in examine() if each.check == "rebalancing"]
        assert run(["status", "--all"]) == 0
        table = capsys.readouterr().out
    finally:
        file.write_text(text)
    assert "Worker rebalancing can move nothing: the fleet runs by an earlier version" in said
    assert (found.severity, found.remedy) == (Severity.WARNING, "`fleet reload` first")
    assert "nothing can be moved: the fleet runs by an earlier version" in table
    said_once = [note for each in history(JOB) for note in each.notes if "can be moved" in note]
    assert len(said_once) == 1  # the second run says the same
