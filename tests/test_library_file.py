"""No process makes an empty database in place of one that is gone, or writes on into a lost one."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from peewee_migrate import Router

from db import settings
from db.errors import DatabaseGoneError, OldDatabaseError
from db.models import Genre, database
from db.settings import identity, remember
from db.sql.connection import close_database, open_database, transaction
from db.sql.schema import MIGRATIONS, applied_migrations, ensure_library_id
from jobs import maintenance
from tests.databases import PostgresServer, open_sqlite
from worker import code_version, dispatch
from worker.host.locks import hold_slot, open_library, open_migrated, running_code
from worker.process.fleet_worker import FleetWorker
from worker.topology import Execution

CLEANUP = "maintenance.cleanup_expired_tasks"


def delete(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()


def replace(file: Path) -> None:
    new = file.with_name("new.db")
    new.write_bytes(file.read_bytes())
    new.replace(file)


def move_folder(file: Path) -> None:
    file.parent.rename(f"{file.parent}-moved")


LOSSES = pytest.mark.parametrize("lose", [delete, replace, move_folder])


@pytest.fixture
def file(data_dir: Path) -> Path:
    """The database of a data folder as `fleet up` leaves it; it is open."""
    settings.prepare_data_dir()
    open_migrated()
    return data_dir / "library.db"


def left(file: Path) -> list[str]:
    """What is at the old place."""
    return sorted(each.name for each in file.parent.iterdir()) if file.parent.exists() else []


def test_opening_makes_no_file_and_says_who_does(data_dir: Path) -> None:
    with pytest.raises(DatabaseGoneError, match=rf"no database {data_dir}/library\.db — run `fl"):
        open_database()
    assert left(data_dir / "library.db") == []


@LOSSES
def test_a_transaction_after_the_loss_is_refused_and_makes_nothing(
    file: Path, lose: Callable[[Path], None]
) -> None:
    lose(file)
    before = left(file)
    with pytest.raises(DatabaseGoneError, match=str(file)) as refused, transaction():
        Genre.create(name="Lost")
    assert "\n" not in str(refused.value)
    assert "`fleet up`" in str(refused.value)
    close_database()
    with pytest.raises(DatabaseGoneError):
        database.connect()
    assert left(file) == before


@LOSSES
@pytest.mark.parametrize("execution", [Execution.IN_PROCESS, Execution.FORKED])
def test_a_worker_ends_before_its_next_job_which_waits_on(
    queues: redis.Redis, file: Path, lose: Callable[[Path], None], execution: Execution
) -> None:
    worker = FleetWorker("tests-1", ["maintenance"], queues, execution=execution)
    job_id = dispatch.enqueue(CLEANUP)
    lose(file)
    with pytest.raises(SystemExit, match=rf"^tests-1: .*{file}"):
        worker.work(burst=True, logging_level="ERROR")
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]


@pytest.mark.parametrize("execution", [Execution.IN_PROCESS, Execution.FORKED])
def test_a_job_that_meets_the_loss_has_not_failed(
    queues: redis.Redis, file: Path, monkeypatch: pytest.MonkeyPatch, execution: Execution
) -> None:
    def meet() -> None:
        delete(file)
        with transaction():
            Genre.create(name="Lost")

    monkeypatch.setattr(maintenance, "cleanup_expired_tasks", meet)
    worker = FleetWorker("tests-1", ["maintenance"], queues, execution=execution)
    job_id = dispatch.enqueue(CLEANUP)
    with pytest.raises(SystemExit, match="is gone"):
        worker.work(burst=True, logging_level="CRITICAL")
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]
    assert queues.hget(f"rq:job:{job_id}", "status") == b"queued"
    assert not file.exists()


def test_a_program_makes_a_database_only_where_there_never_was_one(data_dir: Path) -> None:
    settings.prepare_data_dir()
    open_library()
    known = identity()
    close_database()
    delete(data_dir / "library.db")
    with pytest.raises(DatabaseGoneError, match=r"copies are in .*backups.*`fleet up` makes a new"):
        open_library()
    assert not (data_dir / "library.db").exists()
    open_migrated()
    assert identity().library != known.library
    assert identity().host == known.host


def test_a_program_refuses_the_database_of_another_library(database: str, data_dir: Path) -> None:
    settings.prepare_data_dir()
    remember("f" * 32)
    ensure_library_id("")
    with pytest.raises(DatabaseGoneError, match=r"of another library .* \(ffffffff\)"):
        open_library()
    open_migrated()
    open_library()


def test_a_copy_from_before_libraries_had_names_is_the_same_library(file: Path) -> None:
    known = identity().library
    database.execute_sql("DELETE FROM library_identity")
    open_migrated()
    assert identity().library == known


OLD_WORKER = """
import sys
from worker.host import process_files, locks
process_files.code_version = lambda: "0.0.9-older"
with locks.hold_slot("insert", 1):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_nothing_is_migrated_below_a_process_of_an_older_musicfleet(data_dir: Path) -> None:
    settings.prepare_data_dir()
    open_sqlite()
    last = applied_migrations()[-1]
    Router(database, migrate_dir=MIGRATIONS, logger=logging.getLogger("tests")).rollback()
    assert last not in applied_migrations()
    with subprocess.Popen(
        [sys.executable, "-c", OLD_WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as older:
        assert older.stdout
        older.stdout.readline()
        with pytest.raises(OldDatabaseError, match="run `fleet up`"):
            open_library()
        assert running_code("insert-1", older.pid) == "0.0.9-older"
        os.kill(older.pid, signal.SIGKILL)
    open_library()
    assert applied_migrations()[-1] == last


def test_a_process_says_which_musicfleet_it_runs(data_dir: Path) -> None:
    settings.prepare_data_dir()
    with hold_slot("web", 1):
        assert running_code("web", os.getpid()) == code_version()
        assert running_code("web", os.getpid() + 1) is None


def test_a_postgresql_that_was_replaced_is_noticed_when_it_is_connected_to_again(
    queues: redis.Redis, postgres: PostgresServer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_DATABASE_URL", postgres.empty())
    settings.prepare_data_dir()
    open_migrated()
    close_database()
    database.connect()
    worker = FleetWorker("tests-1", ["maintenance"], queues)
    database.execute_sql(f"UPDATE library_identity SET library = '{'e' * 32}'")
    close_database()
    with pytest.raises(DatabaseGoneError, match="another database has taken the place of the lib"):
        database.connect()
    job_id = dispatch.enqueue(CLEANUP)
    with pytest.raises(SystemExit, match=r"^tests-1: another database has taken the place"):
        worker.work(burst=True, logging_level="ERROR")
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]
    open_migrated()
    assert identity().library == "e" * 32
