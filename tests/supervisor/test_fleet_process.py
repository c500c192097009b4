"""A real supervisord with Valkey and workers: up, up again, crashes, down."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.waiting import PATIENCE, until
from worker.errors import FleetStartError
from worker.redis.connection import connect
from worker.redis.valkey import binary
from worker.supervisor import control, readiness, shutdown
from worker.supervisor.shutdown import is_alive, members, wait_for
from worker.topology.model import slot_name

Fleet = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("in_environment")


@pytest.fixture
def up(in_environment: None, fleet: Fleet) -> None:  # fleet stops it in the end
    """The fleet is up."""
    control.start()


@pytest.fixture
def two_workers(up: None, fleet: Fleet) -> Iterator[None]:
    """The fleet is up with two workers; the other tests, which start it often, have one."""
    assert fleet("scale", "work", "2").returncode == 0
    yield
    assert fleet("scale", "work", "1", "--yes").returncode == 0


def pids() -> dict[str, int | None]:
    return {each.name: each.pid for each in control.processes()}


@pytest.mark.usefixtures("up")
def test_up_leaves_a_worker_registered_under_the_name_of_its_slot() -> None:
    with connect() as redis:
        names = {key.decode().removeprefix("rq:worker:") for key in redis.smembers("rq:workers")}
    assert slot_name("work", 1) in names


@pytest.mark.usefixtures("up")
def test_up_twice_says_so_and_restarts_nothing(fleet: Fleet) -> None:
    before = pids()
    result = fleet("up")
    assert result.returncode == 0
    assert result.stderr.startswith("The fleet is already up: recovery, redis, scheduler, work.")
    assert pids() == before


def hold(name: str) -> int:
    """Kill a process, and stop its successor before it is ready; the pid of that."""
    killed = pids()[name]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    pid = until(lambda: pids()[name] if pids()[name] != killed else None, every=0.005)
    os.kill(pid, signal.SIGSTOP)
    return pid


@pytest.mark.usefixtures("two_workers")
def test_up_does_not_wait_for_a_moment_in_which_all_are_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "_TALK_AFTER", 0)
    first = hold("work-1")
    is_waiting = Event()
    with ThreadPoolExecutor(1) as pool:
        up = pool.submit(control.start, lambda _: is_waiting.set())
        assert is_waiting.wait(PATIENCE)
        second = hold("work-2")
        os.kill(first, signal.SIGCONT)
        assert not up.result(PATIENCE)
    os.kill(second, signal.SIGCONT)


@pytest.mark.usefixtures("up")
def test_up_starts_what_was_stopped(data_dir: Path) -> None:
    ctl = [
        sys.executable,
        "-m",
        "supervisor.supervisorctl",
        "-c",
        str(data_dir / "supervisord.conf"),
    ]
    subprocess.run([*ctl, "stop", "work-1"], check=True, capture_output=True)
    assert pids()["work-1"] is None
    assert not control.start()
    assert pids()["work-1"] is not None


@pytest.mark.usefixtures("up")
def test_supervisorctl_sees_the_fleet(data_dir: Path) -> None:
    ctl = [
        sys.executable,
        "-m",
        "supervisor.supervisorctl",
        "-c",
        str(data_dir / "supervisord.conf"),
    ]
    status = subprocess.run([*ctl, "pid", "all"], check=True, capture_output=True, text=True)
    assert {int(pid) for pid in status.stdout.split()} == set(pids().values())


@pytest.mark.usefixtures("up")
def test_an_edited_queues_toml_is_noticed(fleet: Fleet, environment: dict[str, str]) -> None:
    file = Path(environment["FLEET_QUEUES"])
    text = file.read_text()
    file.write_text(text.replace('"5m"', '"6m"'))
    told = fleet("up").stderr
    file.write_text(text)
    assert "It runs by an earlier queues.toml: `fleet reload`" in told
    assert "earlier" not in fleet("up").stderr


@pytest.mark.usefixtures("up")
def test_nothing_outlives_a_killed_supervisord_and_up_starts_anew(data_dir: Path) -> None:
    left = [each.pid for each in members()]
    assert len(left) == 4
    os.kill(int((data_dir / "run/supervisord.pid").read_text()), signal.SIGKILL)
    assert not wait_for(left, 10)
    assert not control.is_up()
    assert (data_dir / "run/supervisor.sock").exists()
    assert (data_dir / "run/supervisord.pid").exists()

    assert control.start()


@pytest.mark.usefixtures("up")
def test_a_socket_file_that_is_gone_does_not_leave_two_fleets(data_dir: Path) -> None:
    old = {each.pid for each in members()}
    supervisord = int((data_dir / "run/supervisord.pid").read_text())
    (data_dir / "run/supervisor.sock").unlink()
    assert control.start()
    assert not any(is_alive(pid) for pid in {supervisord, *old})
    assert len(members()) == 4


@pytest.mark.usefixtures("up")
def test_down_ends_every_process_and_says_when_there_was_none(fleet: Fleet, data_dir: Path) -> None:
    old = {each.pid for each in members()}
    first, second = fleet("down"), fleet("down")
    assert first.returncode == 0
    assert first.stderr.endswith("The fleet is down.\n")
    assert (second.returncode, second.stderr) == (0, "The fleet was not up.\n")
    assert not any(is_alive(pid) for pid in old)
    assert not (data_dir / "run/supervisord.pid").exists()


def test_two_ups_at_once_start_one_fleet(environment: dict[str, str]) -> None:
    control.stop()
    command = [sys.executable, "-m", "worker.cli", "up"]
    both = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = sorted(each.communicate()[1].splitlines()[-1].split(":")[0] for each in both)
    assert told == ["The fleet is already up", "The fleet is up"]


@pytest.mark.usefixtures("up")
def test_down_does_not_wait_for_a_worker_that_does_not_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutdown, "WARM_SECONDS", 0.5)
    worker = next(each.pid for each in members() if each.program == "work")
    os.kill(worker, signal.SIGSTOP)
    told: list[str] = []
    assert control.stop(told.append)
    assert told[0].startswith("Waiting for processes to put back their jobs")
    assert not is_alive(worker)


def test_up_ends_what_an_earlier_fleet_left_behind(data_dir: Path) -> None:
    control.stop()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"],
        env=os.environ | {"SUPERVISOR_SERVER_URL": f"unix://{data_dir}/run/supervisor.sock"},
        stdout=subprocess.PIPE,
    )
    with left:
        assert left.stdout is not None
        left.stdout.readline()
        assert control.start()
        assert not is_alive(left.pid)


@pytest.mark.usefixtures("up")
def test_redis_keeps_what_it_acknowledged_when_it_is_killed() -> None:
    with connect() as redis:
        redis.lpush("test:list", "kept")
        redis.execute_command("WAITAOF", 1, 0, 5000)
    server = pids()["redis"]
    assert server is not None
    os.kill(server, signal.SIGKILL)
    wait_for([server], 5)
    with connect(wait=PATIENCE) as redis:
        assert redis.lpop("test:list") == b"kept"


@pytest.mark.usefixtures("up")
def test_an_append_only_file_that_was_cut_short_costs_only_its_end(data_dir: Path) -> None:
    with connect() as redis:
        redis.rpush("test:cut", "kept", "kept too")
        redis.rpush("test:cut", "cut short")
    control.stop()
    log = max((data_dir / "redis/appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes()[: log.read_bytes().rindex(b"cut short") + 3])
    control.start()
    with connect() as redis:
        assert redis.lrange("test:cut", 0, -1) == [b"kept", b"kept too"]


@pytest.mark.usefixtures("up")
def test_redis_never_drops_a_job_for_want_of_memory() -> None:
    with connect() as redis:
        policy = redis.config_get("maxmemory-policy") | redis.config_get("append*")
        assert policy["maxmemory-policy"] == "noeviction"
        assert (policy["appendonly"], policy["appendfsync"]) == ("yes", "everysec")


@pytest.mark.usefixtures("up")
def test_sockets_and_logs_are_for_their_owner_alone(data_dir: Path) -> None:
    assert (data_dir / "run").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "run/redis.sock").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "run/supervisor.sock").stat().st_mode & 0o777 == 0o700


def test_a_program_that_does_not_start_is_named_with_the_end_of_its_log(data_dir: Path) -> None:
    control.stop()
    folder = (data_dir / "redis").rename(data_dir / "away")
    (data_dir / "redis").write_text("no folder")
    with pytest.raises(FleetStartError) as caught:
        control.start()
    (data_dir / "redis").unlink()
    folder.rename(data_dir / "redis")
    first, *log = str(caught.value).splitlines()
    assert first.startswith("redis does not start: ")
    assert first.endswith("see `fleet logs redis`, which ends:")
    assert any("File exists" in line for line in log)
    assert members() == []


def test_in_the_foreground_fleet_is_supervisord(environment: dict[str, str], fleet: Fleet) -> None:
    control.stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.cli", "up", "--foreground"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    until(lambda: len(pids()) == 4)
    assert fleet("up", "--foreground").stderr.startswith("fleet: the fleet is already up")
    assert fleet("down").returncode == 0
    assert process.wait(PATIENCE) == 0


def test_a_redis_of_ones_own_is_used_and_left_running(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    control.stop()
    socket = data_dir / "own.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(data_dir)]
    own = subprocess.Popen([binary(), *options], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("FLEET_REDIS_URL", f"unix://{socket}")
    connect(wait=PATIENCE).close()
    control.start()
    assert sorted(pids()) == ["recovery", "scheduler", "work-1"]
    control.stop()
    connect().close()
    own.terminate()
    assert own.wait(PATIENCE) == 0
