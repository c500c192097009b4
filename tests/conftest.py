"""What every test may use: a data folder of its own, a real Valkey, both databases."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from db.sql.connection import close_database
from tests import distribution
from tests.chaos import recovery_times
from tests.databases import PostgresServer, open_empty, postgres_server
from tests.mission import table
from tests.waiting import PATIENCE
from worker import dispatch

gc.disable()  # until the tests are collected: that makes half a million objects, all of which stay
SHIPPED = Path(__file__).parents[1] / "queues.toml"
COMPILED = Path(tempfile.gettempdir()) / f"musicfleet-tests-numba-{os.getuid()}"
"""What librosa has compiled, for all tests and their fleets: it takes a quarter of a minute."""
os.environ["NUMBA_CACHE_DIR"] = str(COMPILED)  # numba reads it when it is imported
os.environ["NUMBA_OPT"] = "0"  # compiles in two thirds of the time, and sounds are short here
# A fleet starts a dozen processes, and none is to compile anew what the one before has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Six processes share two cores: that an example takes long says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather what is printed at the end, whichever process ran the test."""
    recovery_times.gather(report)
    table.gather(report)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: object
) -> distribution.LoadTogether | None:
    """Keep together what shares a fleet."""
    return distribution.make_scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=distribution.place)


def pytest_collection_finish() -> None:
    """Have the collector of garbage, and what a child copies, leave out the tests themselves."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was gathered."""
    recovery_times.show(terminalreporter)
    table.show(terminalreporter)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Have Ctrl-C reach what a test starts, though pytest runs in the background of a script.

    Such a shell has SIGINT ignored, and whatever is started inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_topology() -> Iterator[None]:
    """Leave the next test no topology but that of the repository's queues.toml."""
    yield
    if dispatch.topology.cache_info().currsize and dispatch.topology().path != SHIPPED:
        dispatch.topology.cache_clear()


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
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An open database with the schema, once SQLite and once PostgreSQL; its kind."""
    return open_empty(request, monkeypatch)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a Valkey of the fleet's own kind, for the whole session."""
    folder = Path(tempfile.mkdtemp(prefix="mfvk", dir="/tmp"))  # sockets: 107 bytes
    environment = {**os.environ, "FLEET_DATA_DIR": str(folder), "FLEET_REDIS_URL": ""}
    process = subprocess.Popen([sys.executable, "-m", "worker.redis.valkey"], env=environment)
    url = f"unix://{folder}/run/redis.sock"
    _wait_for(url)
    yield url
    process.terminate()
    process.wait(PATIENCE)
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
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
                return
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
