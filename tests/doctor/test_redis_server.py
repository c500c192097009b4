"""Redis: what it would lose, who can talk to it, how full it is."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis

from db.settings import remember
from tests.doctor.complaints import complaint, complaints
from tests.waiting import PATIENCE
from worker import dispatch
from worker.doctor import Severity
from worker.doctor.examination import examine, repair
from worker.doctor.redis_server import started_by
from worker.errors import BadInputError
from worker.process.fleet_worker import FleetWorker
from worker.redis.connection import connect
from worker.redis.holders import register, this_process
from worker.redis.owner import LIBRARY
from worker.redis.valkey import binary

Start = Callable[..., None]

LOCAL = "redis://127.0.0.1:{}"
EVERYWHERE = ("--bind", "0.0.0.0")  # noqa: S104  # what must be noticed
ANYBODY = (
    *("--user", "default", "on", "nopass", "~*"),
    *("-@all", "+@connection", "+@read", "+info", "+time", "+config|get", "+acl|getuser"),
)
"""Whoever comes may look, and change nothing while the test runs."""


@pytest.fixture
def changing(valkey: str) -> Iterator[redis.Redis]:
    """A way to change the settings of the session's server for one test."""
    with redis.Redis.from_url(valkey) as client:
        names = ("maxmemory-policy", "appendonly", "maxmemory")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


TRIES = 5
"""How many pairs of ports are tried: another process may take one before the server has it."""
READY = b"Ready to accept connections"


def free_ports() -> tuple[int, int]:
    """Two ports of this machine that nobody has."""
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


@pytest.fixture
def server_with(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a Valkey with options, which FLEET_REDIS_URL names: a URL with a place for the port."""
    started: list[subprocess.Popen[bytes]] = []

    def is_ready(port: int, bus: int, options: Sequence[str]) -> bool:
        # Without a port of its own, the bus of a cluster has that of the server plus 10000.
        command = [str(binary()), "--port", str(port), "--cluster-port", str(bus)]
        command += ["--dir", str(tmp_path), "--save", "", "--appendonly", "yes", *options]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return any(READY in line for line in started[-1].stdout or ())

    def start(url: str, *options: str) -> None:
        pairs = (free_ports() for _ in range(TRIES))
        port = next((port for port, bus in pairs if is_ready(port, bus, options)), None)
        assert port is not None, f"no server with {options} starts"
        monkeypatch.setenv("FLEET_REDIS_URL", url.format(port))
        dispatch.connection.cache_clear()
        connect(wait=PATIENCE).close()

    yield start
    dispatch.connection.cache_clear()
    for process in started:
        process.terminate()
        process.communicate()


def test_a_redis_that_evicts_jobs_is_an_error(server: redis.Redis, changing: redis.Redis) -> None:
    changing.config_set("maxmemory-policy", "allkeys-lru")
    found = complaint("redis")
    assert found.severity is Severity.ERROR
    assert found.says.startswith("maxmemory-policy is allkeys-lru")
    assert found.remedy == "set maxmemory-policy noeviction in its configuration"
    assert found.fix is None  # it is somebody else's


def test_a_redis_without_an_append_only_file_is_a_warning(
    server: redis.Redis, changing: redis.Redis
) -> None:
    changing.config_set("appendonly", "no")
    found = complaint("redis")
    assert found.severity is Severity.WARNING
    assert found.says.startswith("appendonly is no")
    assert found.fix is None


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [("maxmemory-policy", "volatile-ttl", "noeviction"), ("appendonly", "no", "yes")],
)
def test_the_fleets_own_redis_is_set_right(
    own_server: redis.Redis, changing: redis.Redis, name: str, wrong: str, right: str
) -> None:
    changing.config_set(name, wrong)
    repaired = repair(complaint("redis"))
    assert (repaired.done, repaired.says) == (True, f"{name} is {right} now")
    assert complaints("redis") == []


@pytest.mark.parametrize(("factor", "severity"), [(1.1, Severity.WARNING), (1.0, Severity.ERROR)])
def test_a_redis_that_is_nearly_full_is_named(
    server: redis.Redis, changing: redis.Redis, factor: float, severity: Severity
) -> None:
    used = changing.info("memory")["used_memory"]
    changing.config_set("maxmemory", int(used * factor))
    found = complaint("redis")
    assert found.severity is severity
    assert "MiB in use (" in found.says


@pytest.mark.parametrize(
    ("options", "is_open"),
    [
        ([*EVERYWHERE, *ANYBODY, "--protected-mode", "no"], True),
        ([*EVERYWHERE, *ANYBODY, "--protected-mode", "yes"], False),
        ([*EVERYWHERE, "--requirepass", "secret", "--protected-mode", "no"], False),
        (["--bind", "127.0.0.1 -::1", *ANYBODY, "--protected-mode", "no"], False),
    ],
)
def test_a_redis_that_lets_strangers_in_is_an_error(
    server_with: Start, options: list[str], is_open: bool
) -> None:
    server_with("redis://:secret@127.0.0.1:{}" if "secret" in options else LOCAL, *options)
    found = complaints("redis")
    assert [each.severity for each in found] == [Severity.ERROR] * is_open
    for each in found:
        assert each.says.startswith("it listens at 0.0.0.0, port ")
        assert "set a password" in each.remedy


def test_a_redis_of_another_host_without_a_password_is_an_error(server_with: Start) -> None:
    nothing_asked = [*ANYBODY, "-config|get", "-acl|getuser", "--protected-mode", "no"]
    server_with(f"redis://{own_address()}:{{}}", *EVERYWHERE, *nothing_asked)
    found = complaint("redis")
    assert found.severity is Severity.ERROR
    assert found.says.endswith("is reached over the network without a password")


def test_what_may_not_be_asked_is_no_complaint(server_with: Start) -> None:
    server_with(LOCAL, *ANYBODY, "-config|get", "-acl|getuser")
    assert complaints("redis") == []
    assert any("does not show who can reach it" in each.says for each in examine(quick=True))


def test_a_clock_that_differs_from_that_of_redis_is_named(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    found = complaint("clock")
    assert (found.severity, found.says) == (
        Severity.WARNING,
        "the time of Redis is 60 s behind",
    )


def own_address() -> str:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


RESTRICTED = ("--user", "fleet", "on", ">secret", "~*", "&*", "+@all", "-@admin", "-@dangerous")
"""As servers are let: neither INFO nor CONFIG, nor what lists clients and users."""


def test_a_fleet_needs_neither_info_nor_config(server_with: Start) -> None:
    server_with("redis://fleet:secret@127.0.0.1:{}", *RESTRICTED)
    assert complaints("redis") == []
    job_id = dispatch.enqueue("maintenance.cleanup_expired_tasks")
    worker = FleetWorker("tests-1", ["maintenance"], dispatch.connection())
    worker.work(burst=True, logging_level="ERROR")
    assert dispatch.connection().hget(f"rq:job:{job_id}", "status") == b"finished"


def test_a_cluster_is_refused_in_one_line(server_with: Start) -> None:
    with pytest.raises(BadInputError, match=r"^Redis at redis://127\S+ is a cluster, .* — set "):
        server_with(LOCAL, "--cluster-enabled", "yes")


def test_a_redis_of_another_library_is_named_with_the_remedy(server: redis.Redis) -> None:
    remember("a" * 32)
    server.set(LIBRARY, "b" * 32 + " sqlite:////other/library.db on elsewhere")
    dispatch.connection.cache_clear()
    found = complaint("redis")
    assert found.severity is Severity.ERROR
    assert (
        "belongs to the library bbbbbbbb (sqlite:////other/library.db on elsewhere)" in found.says
    )
    assert "another database number in FLEET_REDIS_URL" in found.remedy


def test_of_programs_that_another_supervisor_starts_redis_knows_which_there_are(
    queues: redis.Redis,
) -> None:
    absent = started_by("compose", "jobs wait")
    assert (absent.severity, absent.says) == (Severity.ERROR, "no recovery runs: jobs wait")
    register(queues, this_process("recovery.host"))
    register(queues, this_process("metadata-1.host"))
    present = started_by("compose", "jobs wait")
    assert (present.severity, present.count) == (Severity.OK, 2)
