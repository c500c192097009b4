"""A worker that is killed in the middle of a scan costs nothing but a moment."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import redis

from db.sql.connection import close_database, open_database
from db.sql.path_text import to_text
from tests.fleet.conftest import FleetCommand
from tests.pipeline.tables import Content, content
from worker.errors import ExitCode
from worker.redis.holders import holders
from worker.topology.slots import registered_name


@pytest.fixture(scope="session")
def undisturbed(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What the tables say after a scan that nobody disturbed."""
    home = tmp_path_factory.mktemp("home")
    folder = Path(f"/tmp/mf{os.getpid()}")  # noqa: S108  # sockets: 107 bytes
    command = FleetCommand(folder, home)
    try:
        ended = command("scan", "--stop", str(music))
        assert ended.returncode == ExitCode.PROBLEMS, ended.stderr
        return tables(command)
    finally:
        command("down")


def tables(fleet: FleetCommand) -> Content:
    """What the fleet's database says."""
    open_database(f"sqlite:///{fleet.data_dir}/library.db")
    try:
        return content()
    finally:
        close_database()


@pytest.mark.parametrize("program", ["scan", "metadata", "library", "covers"])
def test_killing_a_worker_of_any_program_loses_nothing(
    fleet: FleetCommand, music: Path, undisturbed: Content, program: str
) -> None:
    assert fleet("up").returncode == ExitCode.OK
    scan = fleet.start("scan", str(music))
    wait_until_busy(fleet, f"{program}-1")
    kill(fleet, f"{program}-1")
    _, talk = scan.communicate(timeout=120)
    assert scan.returncode == ExitCode.PROBLEMS, talk
    assert tables(fleet) == undisturbed
    assert to_text(bytes(music)) in fleet("problems").stdout


def test_a_fleet_that_is_stopped_in_the_middle_goes_on_when_it_is_started_again(
    fleet: FleetCommand, music: Path, undisturbed: Content
) -> None:
    assert fleet("up").returncode == ExitCode.OK
    scan = fleet.start("scan", str(music))
    wait_until_busy(fleet, "library-1")
    assert fleet("down").returncode == ExitCode.OK
    scan.communicate(timeout=60)
    assert fleet("up").returncode == ExitCode.OK
    deadline = time.monotonic() + 60
    while unsettled(fleet):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert tables(fleet) == undisturbed


def unsettled(fleet: FleetCommand) -> int:
    """How much is left to do."""
    status = json.loads(fleet("status", "--json").stdout)
    return len(status["scans"]) + sum(each["to_do"] for each in status["work"])


def wait_until_busy(fleet: FleetCommand, slot: str) -> None:
    """Wait until the worker in this slot holds a job."""
    connection = redis.Redis(unix_socket_path=str(fleet.data_dir / "run" / "redis.sock"))
    deadline = time.monotonic() + 30
    with connection:
        while not any(
            connection.llen(each.taken_key)
            for each in holders(connection)
            if each.worker == registered_name(slot)
        ):
            assert time.monotonic() < deadline, f"{slot} was never seen at work"


def kill(fleet: FleetCommand, slot: str) -> None:
    """End the worker in this slot with SIGKILL."""
    lock = fleet.data_dir / "run" / "slots" / f"{slot}.lock"
    os.kill(int(lock.read_text()), signal.SIGKILL)
