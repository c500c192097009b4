"""`fleet scan` goes on waiting while supervisord has a program restarted, or Redis back."""

import threading
import time

import pytest
import redis

from db.scanning import scans
from db.sql.connection import open_database
from tests.databases import PostgresServer
from tests.doctor.supervised import WORKS, Supervise
from worker import dispatch
from worker.cli import scan as command
from worker.errors import FleetStoppedShortError
from worker.redis.connection import endure
from worker.status.scan_progress import Follower


@pytest.fixture
def follower(server: redis.Redis) -> Follower:
    """A follower of a scan whose discovery waits in its queue, which no worker consumes."""
    scan_id = scans.start("/music", deep=False)
    dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    return Follower([scan_id])


def wait_long(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow for as long as patience lasts, and longer."""
    monkeypatch.setattr(command, "_PATIENCE", 0.1)
    patience = command._Patience(follower)
    time.sleep(0.2)
    patience.note(follower.poll())


def test_a_queue_without_a_program_that_comes_back_ends_it(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FleetStoppedShortError, match="no live worker consumes it"):
        wait_long(follower, monkeypatch)


def test_a_program_that_supervisord_restarts_is_waited_for_and_named(
    follower: Follower,
    supervise: Supervise,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (program,) = dispatch.topology().consumers("scan")
    supervise({f"{program.name}-1": WORKS}, f"{program.name}-1", "RUNNING")
    wait_long(follower, monkeypatch)
    assert f"supervisord restarts {program.name}" in capsys.readouterr().err


def test_a_redis_that_refuses_is_waited_for_while_the_fleet_is_up(
    server: redis.Redis, supervise: Supervise, capsys: pytest.CaptureFixture[str]
) -> None:
    supervise({"redis": WORKS}, "redis", "RUNNING")
    endure(server, 1)
    server.config_set("maxmemory", 1)
    later = threading.Timer(3, lambda: server.config_set("maxmemory", 0))
    later.start()
    job_id = command._patiently(lambda: dispatch.enqueue(scans.DISCOVERY, root="/music"))
    later.join()
    assert dispatch.queue("scan").get_job_ids() == [job_id]
    assert "this waits until it does" in capsys.readouterr().err


def test_a_database_that_is_away_is_waited_for_while_the_fleet_is_up(
    server: redis.Redis,
    postgres: PostgresServer,
    supervise: Supervise,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervise({"redis": WORKS}, "redis", "RUNNING")
    monkeypatch.setenv("FLEET_DATABASE_URL", postgres.empty())
    open_database()
    scan_id = scans.start("/music", deep=False)
    with postgres.refusing():
        later = threading.Timer(0.7, postgres.let_in)
        later.start()
        assert command._patiently(lambda: scans.get(scan_id)) is not None
        later.join()
    assert "The database does not answer" in capsys.readouterr().err


def test_a_redis_that_refuses_ends_it_when_no_fleet_is_up(server: redis.Redis) -> None:
    endure(server, 1)
    server.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError, match="refuses"):
            command._patiently(lambda: dispatch.enqueue(scans.DISCOVERY, root="/music"))
    finally:
        server.config_set("maxmemory", 0)
