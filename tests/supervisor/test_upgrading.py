"""`fleet up` on a fleet that runs: what is old, damaged, gone or replaced is mended by it alone."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from peewee_migrate import Router

from db.settings import identity
from db.sql.schema import MIGRATIONS, known_migrations
from tests.doctor.complaints import complaints
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.supervisor.conftest import QUEUES
from tests.supervisor.test_fleet_process import pids
from tests.waiting import until
from worker import dispatch
from worker.errors import ExitCode
from worker.redis.connection import connect
from worker.supervisor import control

pytestmark = pytest.mark.usefixtures("in_environment")

LAST = known_migrations()[-1]


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    """A fleet of one worker, which starts in nearly each test."""
    yield from new_fleet(QUEUES)


@pytest.fixture
def up(in_environment: None, fleet: FleetCommand) -> None:
    """The fleet is up."""
    control.start()


def sql(data_dir: Path, *statements: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(data_dir / "library.db") as connection:
        rows = [connection.execute(each).fetchall() for each in statements]
    connection.close()
    return rows[-1]


def behind(data_dir: Path) -> None:
    """Have the database lack a migration that the code has."""
    logger = logging.getLogger("musicfleet.tests")
    logger.setLevel(logging.WARNING)
    with SqliteDatabase(data_dir / "library.db", timeout=60) as former:
        Router(former, migrate_dir=MIGRATIONS, logger=logger).rollback()


def started_by_another(data_dir: Path) -> None:
    """Have a worker say that it is of another version."""
    (data_dir / "run/slots/work-1.lock").write_text(f"{pids()['work-1']} 0.0.9-older\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (behind, f"lacks the migration {LAST}"),
        (started_by_another, "1 process runs another musicfleet than is installed (work-1)"),
    ],
)
@pytest.mark.usefixtures("up")
def test_up_starts_an_old_fleet_again_and_says_why(
    fleet: FleetCommand, data_dir: Path, change: Callable[[Path], None], reason: str
) -> None:
    for each in pids():
        wait_until_running(each)
    before, known = pids(), identity()
    change(data_dir)
    result = fleet("up")
    assert result.returncode == ExitCode.OK, result.stderr
    assert reason in result.stderr.splitlines()[0]
    assert "The fleet is up" in result.stderr
    assert not {*before.values()} & {*pids().values()}
    assert identity() == known
    assert sql(data_dir, f"SELECT count(*) FROM migratehistory WHERE name = '{LAST}'") == [(1,)]
    assert fleet("up").stderr.startswith("The fleet is already up")


def wait_until_running(name: str) -> None:
    """Supervisord calls it so when it has lived for some seconds."""
    until(lambda: (name, "RUNNING") in {(each.name, each.state) for each in control.processes()})


@pytest.mark.usefixtures("up")
def test_the_doctor_migrates_nothing_below_a_fleet_that_runs(
    fleet: FleetCommand, data_dir: Path
) -> None:
    behind(data_dir)
    found = fleet("doctor", "--quick", "--fix")
    assert f"lacks the migration {LAST} — run `fleet up`" in found.stdout
    assert sql(data_dir, f"SELECT count(*) FROM migratehistory WHERE name = '{LAST}'") == [(0,)]
    assert fleet("up").returncode == ExitCode.OK


@pytest.mark.usefixtures("up")
def test_a_database_that_was_deleted_ends_the_workers_and_up_makes_a_new_one(
    fleet: FleetCommand, data_dir: Path
) -> None:
    known = identity()
    dispatch.connection.cache_clear()
    with connect() as redis:
        redis.rpush("rq:queue:all", "of the library before")
    for file in data_dir.glob("library.db*"):
        file.unlink()
    until(lambda: "is gone" in (data_dir / "run/work-1.log").read_text())
    assert not (data_dir / "library.db").exists()
    result = fleet("up")
    assert result.returncode == ExitCode.OK, result.stderr
    assert "library.db is gone" in result.stderr
    assert identity().library != known.library
    with connect() as redis:
        assert not redis.exists("rq:queue:all")


@pytest.mark.parametrize("damage", ["garbage", "newer"])
def test_a_file_of_redis_that_cannot_be_loaded_is_kept_aside(
    fleet: FleetCommand, data_dir: Path, damage: str
) -> None:
    control.start()
    assert fleet("down").returncode == ExitCode.OK
    if damage == "newer":
        (base,) = (data_dir / "redis/appendonlydir").glob("*.base.rdb")
        base.write_bytes(base.read_bytes().replace(b"VALKEY0", b"VALKEY9", 1))
    else:
        (log,) = (data_dir / "redis/appendonlydir").glob("*.incr.aof")
        log.write_bytes(log.read_bytes() + b"\0garbage\r\n")
    result = fleet("up")
    assert result.returncode == ExitCode.OK, result.stderr
    (kept,) = data_dir.glob("redis.unreadable-*")
    assert f"The former data of Redis is kept as {kept}" in result.stderr
    assert any(str(kept) in each.says for each in complaints("redis"))
    for file in sorted(kept.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    kept.rmdir()


@pytest.mark.usefixtures("up")
def test_a_data_folder_that_was_moved_is_gone_on_with_at_its_new_place(
    fleet: FleetCommand, data_dir: Path
) -> None:
    moved = data_dir.rename(data_dir.with_name("moved"))
    result = fleet("up", FLEET_DATA_DIR=str(moved))
    assert result.returncode == ExitCode.OK, result.stderr
    assert f"Its data folder was moved to {moved}" in result.stderr
    assert fleet("down", FLEET_DATA_DIR=str(moved)).returncode == ExitCode.OK
    assert not data_dir.exists()
    moved.rename(data_dir)
