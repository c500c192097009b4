"""A Redis behind sentinels: the fleet follows the primary, and no job is lost to a failover."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import trustme

from tests.databases import open_sqlite
from tests.waiting import PATIENCE
from worker import dispatch
from worker.errors import RedisUnreachableError
from worker.process.fleet_worker import FleetWorker
from worker.redis import valkey
from worker.redis.connection import connect, endure

CLEANUP = "maintenance.cleanup_expired_tasks"
PASSWORD = "p@ss/word"
Start = Callable[..., "subprocess.Popen[bytes]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Valkey, or a sentinel, that ends with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start_(*options: str, program: str = "") -> "subprocess.Popen[bytes]":
        command = [program or str(valkey.binary()), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        running.append(process)
        return process

    yield start_
    for each in running:
        each.kill()
        each.wait()


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if is_so():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)


def client(port: int, db: int = 0) -> redis.Redis:
    return redis.Redis(port=port, password=PASSWORD, db=db)


def fail_over(sentinel: int, to: int) -> None:
    """Have the sentinel make another server the primary, however often it has to be asked."""

    def is_done() -> bool:
        with redis.Redis(port=sentinel, decode_responses=True) as asked:
            if asked.sentinel_get_master_addr_by_name("fleet") == ("127.0.0.1", to):
                return bool(client(to).info("replication")["role"] == "master")
            asked.sentinel_failover("fleet")  # refused while one is under way
        return False

    wait_until(is_done)


def test_the_fleet_goes_on_with_the_primary_that_the_sentinels_name(
    start: Start, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, sentinel = free_port(), free_port(), free_port()
    servers: dict[int, subprocess.Popen[bytes]] = {}
    for port, more in ((first, ()), (second, ("--replicaof", "127.0.0.1", str(first)))):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        access = ["--requirepass", PASSWORD, "--primaryauth", PASSWORD, "--bind", "127.0.0.1"]
        options = ["--port", str(port), "--dir", str(folder), "--save", "", *access, *more]
        servers[port] = start(*options, "--repl-diskless-sync-delay", "0")
    file = tmp_path / "sentinel.conf"
    file.write_text(
        f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor fleet 127.0.0.1 {first} 1\n"
        f"sentinel auth-pass fleet {PASSWORD}\nsentinel down-after-milliseconds fleet 60000\n"
        "sentinel failover-timeout fleet 2000\n"
    )
    wait_until(lambda: client(second).info("replication")["master_link_status"] == "up")
    start(str(file), "--sentinel")
    wait_until(lambda: redis.Redis(port=sentinel).sentinel_slaves("fleet"))
    url = f"redis+sentinel://default:p%40ss%2Fword@127.0.0.1:{sentinel}/fleet/1"
    monkeypatch.setenv("FLEET_REDIS_URL", url)
    dispatch.connection.cache_clear()
    open_sqlite()
    connection = connect(wait=60)
    endure(connection)
    worker = FleetWorker("maintenance-1.tests", ["maintenance"], connection)
    job_id = dispatch.enqueue(CLEANUP)
    assert client(first).lrange("rq:queue:maintenance", 0, -1) == []
    wait_until(lambda: client(second, db=1).llen("rq:queue:maintenance"))
    fail_over(sentinel, to=second)
    servers[first].kill()
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    assert taken[0].id == job_id
    dispatch.connection.cache_clear()


def test_sentinels_and_servers_by_tls_are_known_by_an_authority_of_ones_own(
    start: Start, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valkey's wheel has no TLS; Debian's Redis has."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    authority, port, sentinel = trustme.CA(), free_port(), free_port()
    ca, key, cert = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "cert.pem"))
    authority.cert_pem.write_to_path(ca)
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(cert)
    common = f"port 0\nbind 127.0.0.1\ntls-cert-file {cert}\ntls-key-file {key}\n"
    common += f"tls-ca-cert-file {ca}\ntls-auth-clients no\ntls-replication yes\n"
    server, watching = tmp_path / "redis.conf", tmp_path / "sentinel.conf"
    server.write_text(f"{common}tls-port {port}\nrequirepass {PASSWORD}\n")
    watching.write_text(
        f"{common}tls-port {sentinel}\nsentinel monitor fleet 127.0.0.1 {port} 1\n"
        f"sentinel auth-pass fleet {PASSWORD}\n"
    )
    start(str(server), program=program)
    start(str(watching), "--sentinel", program=program)
    url = f"rediss+sentinel://:p%40ss%2Fword@127.0.0.1:{sentinel}/fleet"
    monkeypatch.setenv("FLEET_REDIS_URL", f"{url}?ssl_ca_certs={ca}")
    assert connect(wait=PATIENCE).ping()
    monkeypatch.setenv("FLEET_REDIS_URL", url)
    with pytest.raises(RedisUnreachableError, match="certificate verify failed"):
        connect()


@pytest.mark.parametrize(
    "url", ["redis+sentinel://h:1", "redis+sentinel://h/s/x", "redis+sentinel:///s"]
)
def test_an_address_of_sentinels_without_a_service_is_refused(
    url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_REDIS_URL", url)
    with pytest.raises(RedisUnreachableError, match=r"HOST:PORT/SERVICE/NUMBER"):
        connect()
