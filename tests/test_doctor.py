"""The doctor names what is wrong, with its remedy, and is silent about what is well."""

from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from db import scans
from db.connection import open_database
from db.schema import migrate
from worker import dispatch
from worker.doctor import examine


@pytest.fixture
def examined(queues: redis.Redis, data_dir: Path) -> redis.Redis:
    """A data folder with a database, and Redis, but no fleet."""
    open_database()
    migrate()
    return queues


def complaints() -> dict[str, str]:
    """What the doctor finds wrong: what it says with the remedy, by check."""
    return {each.check: f"{each.says} — {each.remedy}" for each in examine() if not each.well}


def test_a_redis_that_evicts_jobs_is_named(examined: redis.Redis) -> None:
    examined.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "allkeys-lru" in complaints()["redis"]
    finally:
        examined.config_set("maxmemory-policy", "noeviction")
    assert "redis" not in complaints()


def test_a_redis_without_an_append_only_file_is_named(examined: redis.Redis) -> None:
    examined.config_set("appendonly", "no")
    try:
        assert "appendonly is no" in complaints()["redis"]
    finally:
        examined.config_set("appendonly", "yes")


def test_jobs_that_no_live_worker_consumes_are_named_with_their_age(examined: redis.Redis) -> None:
    dispatch.enqueue("covers.extract_embedded", track_ids=[1])
    assert "deferred_covers holds 1 job that no live worker consumes" in complaints()["queues"]


def test_a_queue_that_the_topology_does_not_know_is_named(examined: redis.Redis) -> None:
    Queue("old_covers", connection=examined, serializer=JSONSerializer).enqueue("jobs.covers.old")
    assert "old_covers holds 1 job, and queues.toml does not know it" in complaints()["queues"]


def test_a_library_that_is_not_there_is_named(examined: redis.Redis, tmp_path: Path) -> None:
    scans.start(str(tmp_path / "music"), deep=False)
    assert f"{tmp_path}/music is not there" in complaints()["library"]


def test_a_socket_that_is_open_to_others_is_named(examined: redis.Redis, data_dir: Path) -> None:
    run = data_dir / "run"
    run.mkdir(mode=0o700)
    (run / "redis.sock").touch(mode=0o777)
    (run / "redis.sock").chmod(0o777)
    assert f"chmod 700 {run}/redis.sock" in complaints()["permissions"]


def test_a_redis_that_does_not_answer_is_named_once(
    examined: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_REDIS_URL", "redis://localhost:1")
    dispatch.connection.cache_clear()
    found = complaints()
    assert "redis://localhost:1 does not answer" in found["redis"]
    assert "queues" not in found


def test_a_broken_topology_is_named(
    examined: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queues.toml").write_text("[queues.a]\n")
    monkeypatch.setenv("FLEET_QUEUES", str(tmp_path / "queues.toml"))
    dispatch.topology.cache_clear()
    try:
        assert "queues.a" in complaints()["topology"]
    finally:
        dispatch.topology.cache_clear()


def test_a_fleet_that_is_down_is_named(examined: redis.Redis) -> None:
    assert complaints()["supervisord"] == "the fleet is not up — run `fleet up`"
