"""Waiting until a fleet that was just started can work: Redis answers, every worker is registered.

supervisord calls a process running only after it has lived for some seconds, and knows nothing of
what it does meanwhile.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import redis

from worker.errors import FleetStartError, RedisUnreachableError
from worker.redis import connect
from worker.slots import registered_name
from worker.supervisor.logs import last_lines, log_file
from worker.supervisor.rpc import ProcessInfo, processes

READY_SECONDS = 90
"""How long a fleet may take to be ready; Valkey reads a large append-only file in that time."""
TRIES = 3
"""How often a process may exit at its start before it counts as failed."""
_TALK_AFTER = 5
_LOG_LINES = 5
_NO_WORKERS = ("redis", "scheduler")


def wait_until_ready(say: Callable[[str], None]) -> list[ProcessInfo]:
    """Wait for all processes, and return them.

    Raises FleetStartError with the end of the log of the first process that does not start.
    """
    started = time.monotonic()
    silent = True
    exits: Counter[tuple[str, float | None]] = Counter()
    while True:
        present = processes()
        _check(present, exits)
        waiting = not_ready(present)
        if present and not waiting:
            return present
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


def _is_ready(process: ProcessInfo, connection: redis.Redis) -> bool:
    if process.pid is None:
        return False
    if process.program in _NO_WORKERS:
        return True
    pid = connection.hget(f"rq:worker:{registered_name(process.name)}", "pid")
    return pid == str(process.pid).encode()  # an entry of a predecessor does not count


def _check(present: Sequence[ProcessInfo], exits: Counter[tuple[str, float | None]]) -> None:
    """Raise FleetStartError for a process that has exited too often."""
    for process in present:
        if process.state == "BACKOFF":
            exits[process.name, process.since] = 1
        tries = sum(1 for name, _ in exits if name == process.name)
        if process.state == "FATAL" or tries >= TRIES:
            raise _failed(process.name, f"does not start: {process.reason}")


def _failed(name: str, reason: str) -> FleetStartError:
    lines = "".join(f"\n  {line}" for line in last_lines(log_file(name), _LOG_LINES))
    return FleetStartError(f"{name} {reason} — see `fleet logs {name}`, which ends:{lines}")
