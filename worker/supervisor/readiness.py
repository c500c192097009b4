"""Waiting until a fleet that was just started can work: Redis answers, every worker is registered.

The web UI publishes its address, or why it cannot listen yet: the fleet works without it.

supervisord calls a process running only after it has lived for some seconds, and knows nothing of
what it does meanwhile.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Container, Sequence

import redis
from rq import Worker

from worker.errors import FleetStartError, RedisUnreachableError
from worker.host.locks import running_code
from worker.redis.connection import connect
from worker.supervisor import web_address
from worker.supervisor.logs import last_lines, log_file
from worker.supervisor.rpc import ProcessInfo, processes
from worker.topology.model import registered_name

READY_SECONDS = 90
"""How long a fleet may take to be ready; Valkey reads a large append-only file in that time."""
TRIES = 3
"""How often a process may exit at its start before it counts as failed."""
_TALK_AFTER = 5
_LOG_LINES = 5
_NO_WORKERS = ("recovery", "scheduler", "watch")
_PAGE = "web"


def wait_until_ready(say: Callable[[str], None], names: Container[str] | None = None) -> None:
    """Wait until each process has been ready once, or each of these names.

    One that is killed afterwards is restarted, and need not be waited for. Raises FleetStartError
    with the end of the log of the first process that does not start.
    """
    started = time.monotonic()
    silent = True
    tries = _Tries()
    ready: set[str] = set()
    while True:
        present = [each for each in processes() if names is None or each.name in names]
        ready |= _ready(present)
        tries.record([each for each in present if each.name not in ready])
        waiting = [each.name for each in present if each.name not in ready]
        if present and not waiting:
            return
        elapsed = time.monotonic() - started
        if elapsed > READY_SECONDS:
            raise _failed(
                waiting[0] if waiting else "supervisord", f"is not ready after {elapsed:.0f} s"
            )
        if silent and elapsed > _TALK_AFTER:
            silent = False
            say(f"Waiting for {', '.join(waiting)} …")
        time.sleep(0.1)


def not_ready(present: Sequence[ProcessInfo]) -> list[str]:
    """The names of those processes that cannot work yet; `redis` when nothing can."""
    try:
        connection = connect()
    except RedisUnreachableError:
        return ["redis"]
    with connection:
        return [each.name for each in present if not _is_ready(each, connection)]


def _ready(present: Sequence[ProcessInfo]) -> set[str]:
    """The names of those that can work; none while Redis does not answer."""
    waiting = not_ready(present)
    return set() if waiting == ["redis"] else {each.name for each in present} - {*waiting}


def _is_ready(process: ProcessInfo, connection: redis.Redis) -> bool:
    if process.rests:
        return True
    if process.pid is None:
        return False
    if process.name == "redis":
        return True
    if process.program in _NO_WORKERS:
        return running_code(process.name, process.pid) is not None
    if process.program == _PAGE:
        page = web_address.published()
        return page is not None and page.pid == process.pid
    pid = connection.hget(
        Worker.redis_worker_namespace_prefix + registered_name(process.name), "pid"
    )
    return pid == str(process.pid).encode()  # an entry of a predecessor does not count


class _Tries:
    """How often each process started, and ended early, as far as polling shows."""

    def __init__(self) -> None:
        self._pids: defaultdict[str, set[int]] = defaultdict(set)
        self._ends: defaultdict[str, set[float | None]] = defaultdict(set)
        self._reasons: dict[str, str] = {}

    def record(self, present: Sequence[ProcessInfo]) -> None:
        """Raise FleetStartError for a process that has exited too often."""
        for process in present:
            if process.pid:
                self._pids[process.name].add(process.pid)
            if process.state == "BACKOFF":  # briefly, as long as it is started again at once
                self._ends[process.name].add(process.since)
            if process.reason:  # gone while the next one starts
                self._reasons[process.name] = process.reason
            lives = process.pid is not None
            ends = max(len(self._pids[process.name]) - lives, len(self._ends[process.name]))
            if process.state == "FATAL" or ends >= TRIES:
                reason = self._reasons.get(process.name, "it ends again and again")
                raise _failed(process.name, f"does not start: {reason}")


def _failed(name: str, reason: str) -> FleetStartError:
    lines = "".join(f"\n  {line}" for line in last_lines(log_file(name), _LOG_LINES))
    return FleetStartError(f"{name} {reason} — see `fleet logs {name}`, which ends:{lines}")
