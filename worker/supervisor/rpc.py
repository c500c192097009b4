"""XML-RPC calls to the supervisord of this data folder, over its unix socket."""

import http.client
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from xmlrpc.client import Fault, ServerProxy, Transport

from db import settings
from worker import dispatch
from worker.errors import BadInputError, SupervisordError, TopologyError, WorkerError
from worker.topology import Program
from worker.topology.model import program_of

T = TypeVar("T")
SOCKET_PATH_LIMIT = 107
"""Bytes in `sun_path` of unix(7), without the closing zero."""
_TEMPORARY_SUFFIX = len(".4194304")  # supervisord first binds SOCKET.PID


def socket_file() -> Path:
    """The unix socket of this data folder's supervisord.

    Raises BadInputError when the data folder's path is too long for one.
    """
    file = settings.run_dir() / "supervisor.sock"
    excess = len(bytes(file)) + _TEMPORARY_SUFFIX - SOCKET_PATH_LIMIT
    if excess > 0:
        raise BadInputError(
            f"the data folder's path is too long for a unix socket by {excess} bytes ({file}) — "
            "set FLEET_DATA_DIR to a shorter one"
        )
    return file


TIMEOUT = 10
"""Seconds that supervisord has for an answer."""


@dataclass(frozen=True)
class ProcessInfo:
    """A process as supervisord sees it."""

    name: str
    """metadata-2, redis, recovery, scheduler. It is the name of its group too."""
    state: str
    """STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED or FATAL."""
    pid: int | None
    since: float | None
    """When it was last started, in seconds since 1970."""
    reason: str
    """Why it does not start, as far as supervisord knows."""
    is_on_demand: bool = False
    """Whether it runs on demand."""

    @property
    def program(self) -> str:
        """metadata, redis, recovery, scheduler."""
        return program_of(self.name)

    @property
    def is_down(self) -> bool:
        """Whether it does not run and supervisord will not start it again by itself."""
        return self.state in {"STOPPED", "EXITED", "FATAL"}

    @property
    def rests(self) -> bool:
        """Whether it does not run because there is nothing to do, and the recovery will start it.

        What somebody has stopped stays so.
        """
        was_stopped = self.state == "STOPPED" and self.since is not None
        return self.is_on_demand and self.state in {"STOPPED", "EXITED"} and not was_stopped


@contextmanager
def supervisord() -> Iterator[Any]:
    """The `supervisor` namespace of its XML-RPC interface.

    Calls raise OSError when supervisord does not answer and xmlrpc.client.Fault when it refuses.
    """
    with ServerProxy("http://localhost", transport=_UnixTransport(socket_file())) as proxy:
        yield proxy.supervisor


def is_up() -> bool:
    """Whether a supervisord of this data folder answers and is not about to end.

    Where others start the programs (FLEET_SUPERVISOR): whether any of them is known to Redis.
    Raises SupervisordError when there is one that may not be asked, or hangs, and BadInputError for
    a data folder that can have none.
    """
    if settings.supervisor():
        return _is_anybody_there()
    return _asked(lambda rpc: rpc.getState()["statename"] == "RUNNING") or False


def _is_anybody_there() -> bool:
    import redis  # noqa: PLC0415  # few fleets are started by others

    from worker.redis.holders import holders  # noqa: PLC0415  # as above

    with suppress(redis.RedisError, WorkerError):
        return bool(holders(dispatch.connection()))
    return False


def refuse_others() -> None:
    """Raise BadInputError where others than supervisord start and stop the programs."""
    if name := settings.supervisor():
        raise BadInputError(
            f"the programs of this fleet are started and stopped by {name}, as FLEET_SUPERVISOR "
            f"says — use `{_COMMANDS[name]}`"
        )


_COMMANDS = {
    "compose": "docker compose up, stop, restart or up --scale PROGRAM=N",
    "systemd": "systemctl start, stop or restart",
    "kubernetes": "kubectl rollout restart, scale or apply",
}
"""What does what `fleet` does elsewhere."""


def _asked(question: Callable[[Any], T]) -> T | None:
    """What it answers; None when it is not up, or about to end. Raises SupervisordError."""
    try:
        with supervisord() as rpc:
            return question(rpc)
    except (FileNotFoundError, ConnectionError, http.client.HTTPException, Fault):
        return None  # a Fault: it is about to end and answers nothing else
    except OSError as error:
        raise SupervisordError(
            f"supervisord at {socket_file()} does not answer: {error.strerror or error} — see "
            "supervisord.log beside it, and check its owner"
        ) from error


def processes() -> list[ProcessInfo]:
    """Every process of the fleet; none when supervisord is not up."""
    found = _asked(lambda rpc: rpc.getAllProcessInfo()) or []
    on_demand = _on_demand() if found else {}
    return [_described(each, on_demand) for each in found]


def _on_demand() -> dict[str, Program]:
    """The programs that run on demand; none where queues.toml has faults, which others report."""
    with suppress(TopologyError):
        programs = dispatch.topology().programs
        return {name: each for name, each in programs.items() if each.is_on_demand}
    return {}


def _described(info: dict[str, Any], on_demand: Mapping[str, Program]) -> ProcessInfo:
    program, _, number = info["name"].partition("-")
    return ProcessInfo(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"] or None,
        since=info["start"] or None,
        reason=info["spawnerr"],
        is_on_demand=program in on_demand and on_demand[program].idle_of(int(number)) is not None,
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


class _UnixTransport(Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._connection_to_socket = _UnixConnection(path)

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return self._connection_to_socket

    def close(self) -> None:
        self._connection_to_socket.close()
