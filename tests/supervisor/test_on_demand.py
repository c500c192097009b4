"""Programs that start on demand: they run while there is something to do, and no longer."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from rq.cron import CronScheduler

from tests.fleet.conftest import FleetCommand, new_fleet
from tests.waiting import until
from worker import dispatch, queues
from worker.cli.fleet import run
from worker.doctor import Severity
from worker.doctor.fleet import programs
from worker.queues import Place, sizes
from worker.status.overview import queue_statuses
from worker.supervisor import control
from worker.supervisor.rpc import ProcessInfo, supervisord
from worker.topology.jobs import find_jobs

JOBS = sorted(find_jobs(Path(__file__).parents[2] / "jobs")[0])
JOB = "maintenance.diagnostic_missing_fields"
REST = [name for name in JOBS if not name.startswith("maintenance.")]
QUEUES = f"""\
[queues.care]
use = "seldom"
jobs = ["maintenance.*"]
timeout = "5m"
retries = 0

[queues.rest]
use = "the rest"
jobs = {REST!r}
timeout = "5m"
retries = 0

[programs.seldom]
queues = ["care"]
processes = 2
start = "on-demand"
idle = "5s"
nice = 3

[programs.always]
queues = ["rest"]
processes = 1
"""


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    yield from new_fleet(QUEUES)


@pytest.fixture(scope="module", autouse=True)
def up(fleet: FleetCommand, in_environment: None) -> Iterator[None]:
    """The fleet is up."""
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()
    control.start()
    yield
    control.stop()
    dispatch.connection().close()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()


@pytest.fixture(autouse=True)
def at_rest() -> None:
    """No process of the program runs."""
    until(lambda: all(each.rests for each in seldom()))


def seldom() -> list[ProcessInfo]:
    return [each for each in control.processes() if each.program == "seldom"]


def states() -> set[str]:
    return {each.state for each in seldom()}


def is_empty() -> bool:
    counts = sizes(["care"])["care"]
    return not counts[Place.WAITING] + counts[Place.RUNNING] + counts[Place.SCHEDULED]


def test_its_processes_run_while_there_is_work_and_rest_after_the_idle_time() -> None:
    dispatch.enqueue(JOB)
    until(is_empty)
    assert states() <= {"STARTING", "RUNNING"}
    assert len([each for each in seldom() if each.pid]) == 2
    until(lambda: states() == {"EXITED"})


def test_a_job_whose_time_comes_is_work() -> None:
    """To processes that have EXITED, where they were STOPPED at first."""
    dispatch.queue("care").enqueue_in(timedelta(seconds=1), f"jobs.{JOB}")
    until(lambda: states() != {"EXITED"} and states() != {"STOPPED"})
    until(is_empty)


def test_jobs_of_a_paused_queue_start_nothing() -> None:
    queues.pause("care")
    dispatch.enqueue(JOB)
    time.sleep(2)
    assert all(each.rests for each in seldom())
    queues.resume("care")
    until(is_empty)


def nice_of(process: ProcessInfo) -> int:
    return os.getpriority(os.PRIO_PROCESS, process.pid or 0)


def nice_of_this_process() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_what_is_killed_is_started_again_and_what_was_stopped_stays_so() -> None:
    dispatch.enqueue(JOB)
    until(lambda: states() == {"RUNNING"})
    until(lambda: {nice_of(each) for each in seldom()} == {nice_of_this_process() + 3})
    with supervisord() as rpc:
        rpc.signalProcess("seldom-1", "KILL")
        rpc.stopProcess("seldom-2")
    until(lambda: {each.name: each.state for each in seldom()}["seldom-1"] == "RUNNING")
    until(lambda: seldom()[0].rests)
    dispatch.enqueue(JOB)
    until(is_empty)
    assert seldom()[1].state == "STOPPED"
    assert [each.severity for each in programs()] == [Severity.WARNING]
    control.start()  # starts what was stopped, and leaves what rests


def test_a_queue_is_consumed_on_demand_everywhere(
    fleet: FleetCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    (care,) = queue_statuses(["care"])
    assert (care.consumers, care.on_demand) == ([], True)
    assert "seldom\t2\t2, on demand\tcare" in shown(capsys, "scale")
    assert "seldom x2 (on demand, nice 3)" in shown(capsys, "config", "show")
    assert shown(capsys, "queue", "list").splitlines()[1].endswith("\ton demand")
    (says,) = [each.says for each in programs()]
    assert says.endswith("all of it runs: 4 processes; on demand: 2")
    assert "on demand seldom" in fleet("up").stderr
    assert all(each.rests for each in seldom())


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with suppress(SystemExit):
        assert run(list(words)) == 0
    return capsys.readouterr().out


def test_one_that_does_not_start_is_reported_and_left_to_supervisord(fleet: FleetCommand) -> None:
    file = Path(fleet.environment["FLEET_QUEUES"])
    file.write_text(QUEUES.replace('queues = ["care"]', 'queues = ["care", "rest"]'))
    log = fleet.data_dir / "run" / "recovery.log"
    begun = log.read_text().count("seldom-1 is started")
    dispatch.enqueue(JOB)
    until(lambda: Severity.ERROR in {each.severity for each in programs()})
    time.sleep(2)
    assert log.read_text().count("seldom-1 is started") == begun + 1
    file.write_text(QUEUES)
    until(is_empty)


SCHEDULE = """
[schedules.cleanup]
job = "maintenance.cleanup_expired_tasks"
cron = "0 4 * * *"
"""


def test_where_no_worker_runs_at_rest_the_recovery_meets_the_schedules(
    fleet: FleetCommand,
) -> None:
    file = Path(fleet.environment["FLEET_QUEUES"])
    before = pid_of("recovery")
    file.write_text(f'{QUEUES}start = "on-demand"\nidle = "5s"\n{SCHEDULE}')
    reload(fleet)
    assert "scheduler" not in {each.name for each in control.processes()}
    until(lambda: scheduler_pid() == pid_of("recovery") != before)
    assert Severity.ERROR not in {each.severity for each in programs()}
    os.kill(scheduler_pid(), signal.SIGKILL)
    until(lambda: scheduler_pid() == pid_of("recovery"))
    edited, before = file.read_text().replace("0 4", "0 5"), pid_of("recovery")
    file.write_text(edited)
    reload(fleet)
    until(lambda: scheduler_pid() == pid_of("recovery") != before)
    file.write_text(QUEUES)
    reload(fleet)
    until(lambda: scheduler_pid() == pid_of("scheduler"))


def reload(fleet: FleetCommand) -> None:
    result = fleet("reload", "--yes")
    assert result.returncode == 0, result.stderr
    dispatch.topology.cache_clear()


def pid_of(process: str) -> int:
    return next(each.pid or 0 for each in control.processes() if each.name == process)


def scheduler_pid() -> int:
    """The process of the scheduler that is registered, as RQ shows it."""
    found: list[CronScheduler] = CronScheduler.all(dispatch.connection())
    return found[0].pid if found else -1
