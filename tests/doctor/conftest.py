"""Real surroundings for the doctor: a data folder, databases, servers, a supervisord."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db import settings
from db.models import Scan
from tests.covers.library import Library
from tests.databases import open_sqlite
from tests.doctor.supervised import Supervise, start, wait_for
from tests.waiting import PATIENCE
from worker import dispatch


@pytest.fixture
def prepared(data_dir: Path) -> Path:
    """A data folder as `fleet up` leaves it, with an empty database."""
    settings.prepare_data_dir()
    open_sqlite()
    return data_dir


@pytest.fixture
def server(queues: redis.Redis, prepared: Path) -> redis.Redis:
    """A data folder, and a Redis that is somebody else's; what a test sets there is set back."""
    return queues


@pytest.fixture
def own_server(
    valkey: str, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[redis.Redis]:
    """A data folder, and a Valkey that is the fleet's own."""
    socket = settings.run_dir() / "redis.sock"
    socket.symlink_to(valkey.removeprefix("unix://"))
    monkeypatch.delenv("FLEET_REDIS_URL", raising=False)
    dispatch.connection.cache_clear()
    yield dispatch.connection()
    dispatch.connection().close()
    dispatch.connection.cache_clear()


@pytest.fixture
def library(tmp_path: Path, database: str) -> Library:
    """An empty library below a root of its own, over each database in turn."""
    settings.prepare_data_dir()
    root = tmp_path / "music"
    root.mkdir()
    Scan.create(root=str(root))
    return Library(root)


@pytest.fixture
def supervise(prepared: Path) -> Iterator[Supervise]:
    """Have a supervisord of the data folder run programs."""
    started: list[subprocess.Popen[bytes]] = []

    def run(programs: dict[str, str], name: str, state: str) -> None:
        started.append(start(prepared, programs))
        wait_for(name, state)

    yield run
    for process in started:
        process.kill()  # a graceful end would take seconds
        process.wait(PATIENCE)
