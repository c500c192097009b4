"""`fleet scale` and `fleet reload` on a real fleet: only the processes concerned are touched."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fleet.conftest import FleetCommand, new_fleet
from tests.waiting import until
from worker import dispatch, queues
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.redis.connection import connect
from worker.supervisor import conf_file, control
from worker.supervisor.change import Change, apply
from worker.supervisor.rpc import supervisord
from worker.topology import load
from worker.topology.jobs import find_jobs
from worker.topology.model import registered_name

REPOSITORY = Path(__file__).parents[2]
REST = sorted(
    name
    for name in find_jobs(REPOSITORY / "jobs")[0]
    if not name.startswith(("covers.", "maintenance."))
)
QUEUES = {"pictures": ["covers.*"], "upkeep": ["maintenance.*"], "rest": REST}
PROGRAMS = {
    "art": 'queues = ["pictures"]\nprocesses = 1',
    "care": 'queues = ["upkeep"]\nprocesses = 1',
    "main": 'queues = ["rest"]\nprocesses = 1',
}
SCHEDULE = """
[schedules.cleanup]
job = "maintenance.cleanup_expired_tasks"
cron = "0 4 * * *"
"""


def queues_toml(
    queues: dict[str, list[str]], programs: dict[str, str], schedules: str = SCHEDULE
) -> str:
    """A queues.toml: the jobs of each queue, and the text of each program's table."""
    tables = [
        f'[queues.{name}]\nuse = "a test"\njobs = {jobs!r}\ntimeout = "5m"\nretries = 0\n'
        for name, jobs in queues.items()
    ]
    tables += [f"[programs.{name}]\n{table}\n" for name, table in programs.items()]
    return "\n".join(tables) + schedules


BASE = queues_toml(QUEUES, PROGRAMS)


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    yield from new_fleet(BASE)


@pytest.fixture(scope="module")
def file(environment: dict[str, str]) -> Path:
    """The queues.toml of the fleet."""
    return Path(environment["FLEET_QUEUES"])


@pytest.fixture(autouse=True)
def up(fleet: FleetCommand, in_environment: None, file: Path) -> Iterator[None]:
    """The fleet is up as BASE says."""
    file.write_text(BASE)
    control.start()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()
    change = Change.to_reload()
    if change.old != change.new:
        apply(change, print)
    yield
    dispatch.connection().close()
    dispatch.connection.cache_clear()
    dispatch.topology.cache_clear()


def pids() -> dict[str, int | None]:
    return {each.name: each.pid for each in control.processes()}


def changed(before: dict[str, int | None]) -> tuple[set[str], set[str], set[str]]:
    """The names of the processes that were started, were ended, and are others than before."""
    after = pids()
    both = before.keys() & after.keys()
    return (
        after.keys() - before.keys(),
        before.keys() - after.keys(),
        {name for name in both if before[name] != after[name]},
    )


@pytest.fixture
def scheduled_picture() -> Iterator[None]:
    """The queue `pictures` holds a job that waits for its time."""
    dispatch.queue("pictures").enqueue_in(timedelta(hours=1), "jobs.covers.extract_embedded")
    yield
    queues.clear("pictures")


def test_scaling_up_starts_single_processes_and_leaves_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = pids()
    assert run(["scale", "art", "3"]) == 0
    assert changed(before) == ({"art-2", "art-3"}, set(), set())
    with connect() as redis:
        assert redis.exists(f"rq:worker:{registered_name('art-3')}")
    told = capsys.readouterr().err
    assert told.startswith("start    art-2, art-3\n")
    assert "until the next `fleet reload`" in told


def test_scaling_down_ends_single_processes_and_leaves_the_others() -> None:
    assert run(["scale", "art", "3"]) == 0
    before = pids()
    assert run(["scale", "art", "1", "--yes"]) == 0
    assert changed(before) == (set(), {"art-2", "art-3"}, set())


def test_nothing_that_runs_is_ended_where_nobody_can_be_asked(fleet: FleetCommand) -> None:
    assert run(["scale", "art", "2"]) == 0
    before = pids()
    result = fleet("scale", "art", "1")
    assert result.returncode == ExitCode.USAGE
    assert "End art-2? " in result.stderr
    assert "add --yes" in result.stderr
    assert pids() == before


def test_who_is_asked_and_says_no_changes_nothing(fleet: FleetCommand) -> None:
    before = pids()
    controller, terminal = os.openpty()
    process = fleet.start("scale", "main", "2", stdin=terminal)
    process.communicate()
    with_two = pids()
    process = fleet.start("scale", "main", "1", stdin=terminal)
    os.write(controller, b"n\n")
    told = process.communicate()[1]
    os.close(controller)
    os.close(terminal)
    assert "put back. [y/N]: Nothing was changed." in told
    assert (process.returncode, pids()) == (0, with_two)
    assert before.items() < with_two.items()


def test_scale_alone_lists_what_runs_and_what_queues_toml_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["scale", "main", "2"]) == 0
    assert run(["scale"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "art\t1\t1\tpictures",
        "care\t1\t1\tupkeep",
        "main\t2\t1\trest",
    ]


def test_a_queue_is_not_left_without_a_process_even_when_it_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, text = pids(), conf_file.read()
    assert run(["scale", "art", "0", "--yes"]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert "no other program than art consumes pictures, which holds 0 jobs" in told
    assert "`fleet queue pause pictures` pauses it" in told
    assert (pids(), conf_file.read()) == (before, text)


def test_an_unknown_program_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scale", "mian", "2"]) == ExitCode.BAD_INPUT
    assert "there is no program 'mian'" in capsys.readouterr().err


def test_an_edit_that_concerns_no_process_restarts_none_and_is_taken_up(file: Path) -> None:
    before = pids()
    file.write_text(BASE.replace("retries = 0", "retries = 1", 1))
    assert run(["reload"]) == 0
    assert changed(before) == (set(), set(), set())
    assert conf_file.is_of(conf_file.read(), load())
    dispatch.enqueue("maintenance.cleanup_expired_tasks")  # a worker that has work says at once
    with connect() as redis:
        key = f"rq:worker:{registered_name('care-1')}"
        until(lambda: redis.hget(key, "topology") == load().digest.encode())


def test_an_edit_of_a_program_restarts_its_processes_alone(file: Path) -> None:
    before = pids()
    file.write_text(queues_toml(QUEUES, PROGRAMS | {"art": PROGRAMS["art"] + '\nstop = "7m"'}))
    assert run(["reload", "--yes"]) == 0
    assert changed(before) == (set(), set(), {"art-1"})


def test_an_edit_of_the_schedules_restarts_the_scheduler_alone(file: Path) -> None:
    before = pids()
    file.write_text(BASE.replace("0 4 * * *", "0 5 * * *"))
    assert run(["reload", "--yes"]) == 0
    assert changed(before) == (set(), set(), {"scheduler"})


def test_a_queue_and_a_program_are_added_and_dropped_again_beside_the_others(file: Path) -> None:
    before = pids()
    more = {"scans": [name for name in REST if name.startswith("scan.")]}
    rest = {"rest": [name for name in REST if not name.startswith("scan.")]}
    program = {"walk": 'queues = ["scans"]\nprocesses = 2'}
    file.write_text(queues_toml(QUEUES | rest | more, PROGRAMS | program))
    assert run(["reload"]) == 0
    assert changed(before) == ({"walk-1", "walk-2"}, set(), set())
    file.write_text(BASE)
    assert run(["reload", "--yes"]) == 0
    assert changed(before) == (set(), set(), set())


def test_a_program_rests_where_another_consumes_its_queues(file: Path) -> None:
    file.write_text(
        queues_toml(QUEUES, PROGRAMS | {"main": 'queues = ["rest", "pictures"]\nprocesses = 1'})
    )
    assert run(["reload", "--yes"]) == 0
    before = pids()
    assert run(["scale", "art", "0", "--yes"]) == 0
    assert changed(before) == (set(), {"art-1"}, set())
    assert run(["scale", "art", "1"]) == 0
    assert changed(before)[:2] == (set(), set())


@pytest.mark.usefixtures("scheduled_picture")
def test_a_queue_that_holds_jobs_is_not_dropped(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, text = pids(), conf_file.read()
    renamed = {"images": QUEUES["pictures"], "upkeep": QUEUES["upkeep"], "rest": REST}
    file.write_text(queues_toml(renamed, PROGRAMS | {"art": 'queues = ["images"]\nprocesses = 1'}))
    assert run(["reload", "--yes"]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert f"pictures holds 1 job, and {file} does not declare it any more" in told
    assert "`fleet queue move pictures NEW`, or keep it there until it is empty" in told
    assert (pids(), conf_file.read()) == (before, text)


def test_a_faulty_queues_toml_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, text = pids(), conf_file.read()
    file.write_text(BASE.replace('queues = ["upkeep"]', 'queues = ["upkep"]'))
    assert run(["reload", "--yes"]) == ExitCode.BAD_TOPOLOGY
    told = capsys.readouterr().err
    assert "programs.care.queues: there is no queue" in told
    assert "queues.upkeep: no program consumes it" in told
    assert (pids(), conf_file.read()) == (before, text)


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, text = pids(), conf_file.read()
    file.write_text(queues_toml(QUEUES, PROGRAMS | {"art": 'queues = ["pictures"]\nprocesses = 2'}))
    assert run(["reload", "--dry-run"]) == 0
    assert capsys.readouterr().out == "start    art-2\n"
    file.write_text(BASE)
    assert run(["scale", "main", "2", "--dry-run"]) == 0
    assert capsys.readouterr().out == "start    main-2\n"
    assert (pids(), conf_file.read()) == (before, text)


def test_what_was_scaled_is_as_queues_toml_says_after_a_reload() -> None:
    before = pids()
    assert run(["scale", "art", "2"]) == 0
    assert run(["reload", "--yes"]) == 0
    assert pids() == before


def test_scaling_takes_up_no_edit_on_the_sly(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(BASE.replace('"5m"', '"6m"'))
    assert run(["scale", "art", "2"]) == ExitCode.BAD_INPUT
    refused = f"the fleet runs by an earlier version of {file} — `fleet reload` first"
    assert refused in capsys.readouterr().err


def test_other_settings_than_at_the_start_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = pids()
    other = file.with_name("other.toml")
    other.write_text(BASE)
    monkeypatch.setenv("FLEET_QUEUES", str(other))
    assert run(["reload", "--yes"]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert f"with another FLEET_QUEUES than is set now ({file}, and now {other})" in told
    assert pids() == before


def test_an_interrupted_change_is_finished_by_the_next(file: Path) -> None:
    before = pids()
    with supervisord() as rpc:
        rpc.stopProcess("art-1")
        rpc.removeProcessGroup("art-1")
    assert run(["reload"]) == 0
    assert changed(before) == (set(), set(), {"art-1"})


def test_a_fleet_that_was_started_with_another_file_is_left_alone(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control.stop()
    conf = data_dir / "own.conf"
    conf.write_text(conf_file.read())
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    assert run(["reload"]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert f"-c {conf}` — `fleet down`, then `fleet up`" in told
    control.stop()


def test_a_fleet_that_is_down_is_not_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLEET_DATA_DIR", str(tmp_path))
    for command in (["reload"], ["scale", "art", "2"], ["scale"]):
        assert run(command) == ExitCode.BAD_INPUT
        assert "the fleet is not up — `fleet up` starts it" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
