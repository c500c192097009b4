"""The processes of a supervisord: found, and stopped in the order of their dependencies."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from xmlrpc.client import Fault

from worker.host.lifeline import is_supervisord
from worker.supervisor.conf_file import RECOVERY_STOP, REDIS_STOP
from worker.supervisor.rpc import ProcessInfo, socket_file
from worker.topology.model import program_of


class Member(NamedTuple):
    """A living process of the fleet: a program or what it forked."""

    pid: int
    parent: int
    name: str
    """What supervisord calls the program's process: metadata-2, redis."""

    @property
    def program(self) -> str:
        """metadata, redis."""
        return program_of(self.name)


def members() -> list[Member]:
    """Every living process of this data folder's fleet, supervisord aside.

    supervisord gives them all its URL. A shell below it has that too: whoever calls this, and what
    that was started from, is none.
    """
    url, callers = f"unix://{socket_file()}".encode(), set(_callers())
    return [
        Member(pid, parent, environment.get(b"SUPERVISOR_PROCESS_NAME", b"").decode())
        for pid, parent, environment in _own_processes()
        if environment.get(b"SUPERVISOR_SERVER_URL") == url and pid not in callers
    ]


def memory() -> dict[str, int]:
    """The bytes that the processes of each program have, what they share counted in parts (PSS).

    Of the fleet that this process belongs to, and with it and supervisord. Empty where the kernel
    does not say.
    """
    found: Counter[str] = Counter()
    found["supervisord"] += _pss(os.getppid())
    found[program_of(os.environ.get("SUPERVISOR_PROCESS_NAME", "other"))] += _pss(os.getpid())
    for each in members():
        found[each.program] += _pss(each.pid)
    return {name: size for name, size in sorted(found.items()) if size}


def _pss(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):  # it has ended, or is another user's
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.partition("\nPss:")[2].split(maxsplit=1)[0]) * 1024
    return 0


def _callers() -> Iterator[int]:
    """This process, and those above it."""
    pid = os.getpid()
    while pid > 1:
        yield pid
        _, pid = _state_and_parent(pid)


def end(pids: Iterable[int], patience: float) -> None:
    """Send SIGTERM to processes, after `patience` seconds once more, and then kill them.

    At the first SIGTERM a worker finishes or puts back its job; at the second it drops it.
    """
    remaining = set(pids)
    steps = ((signal.SIGTERM, patience), (signal.SIGTERM, 2), (signal.SIGKILL, 5))
    for number, seconds in steps:
        for pid in remaining:
            _send(pid, number)
        remaining = wait_for(remaining, seconds)


def end_all(patience: float) -> int:
    """End what a supervisord that is gone, or cannot be asked any more, has left; say how many.

    Redis is the last, for the others need it to put their jobs back.
    """
    found = members()
    supervisords = {each.parent for each in found if is_supervisord(each.parent)}
    for pid in supervisords:  # or they would start what is ended again, and end all when they end
        _send(pid, signal.SIGSTOP)
    last = ("recovery", "redis")
    end((each.pid for each in found if each.name not in last), patience)
    for name in last:
        end((each.pid for each in found if each.name == name), patience)
    for pid in supervisords:
        _send(pid, signal.SIGKILL)
    wait_for(supervisords, 5)
    return len(found)


def wait_for(pids: Iterable[int], seconds: float) -> set[int]:
    """Wait until the processes have ended, and return those that have not after `seconds`."""
    deadline = time.monotonic() + seconds
    remaining = set(pids)
    while remaining := {pid for pid in remaining if is_alive(pid)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return remaining


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not yet waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state_and_parent(pid)[0] not in {"Z", "X"}


def _own_processes() -> Iterator[tuple[int, int, dict[bytes, bytes]]]:
    """Process id, parent and environment of each process that this user may look into."""
    if not Path("/proc/self/environ").exists():
        return
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            pairs = Path(entry.path, "environ").read_bytes().split(b"\0")
        except OSError:  # another user's, or ended meanwhile
            continue
        state, parent = _state_and_parent(pid)
        if state not in {"Z", "X"}:
            yield pid, parent, dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)


def _state_and_parent(pid: int) -> tuple[str, int]:
    """Fields 3 and 4 of proc_pid_stat(5); "X" for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ("X", 0) if Path("/proc/self/stat").exists() else ("?", 0)
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


WARM_SECONDS = 5
"""How long workers may take to finish or put back their jobs before they are made to."""
_TALK_AFTER = 2

Say = Callable[[str], None]


def stop_processes(rpc: Any, chosen: Sequence[ProcessInfo], say: Say) -> None:  # it has no types
    """Have supervisord stop these processes, and wait until they have ended.

    Workers first: the recovery puts back the jobs of those that end badly. Then the recovery, and
    Redis last, for both need it. supervisord alone would take a second for each program that it
    finds stopped before one that is not. `say` is given a line when there is something to wait for.
    """
    workers = [each for each in chosen if each.program not in {"redis", "recovery"}]
    _signal_to_stop(rpc, workers)
    _end(workers, say)
    for program, seconds in (("recovery", RECOVERY_STOP), ("redis", REDIS_STOP)):
        last = [each for each in chosen if each.program == program]
        _signal_to_stop(rpc, last)
        wait_for([each.pid for each in last if each.pid], seconds)


def _signal_to_stop(rpc: Any, chosen: Iterable[ProcessInfo]) -> None:
    for process in chosen:
        try:
            rpc.stopProcess(process.name, False)
        except Fault:  # it has ended meanwhile, or had before
            continue


def _end(chosen: Sequence[ProcessInfo], say: Say) -> None:
    """Wait until these processes and what they forked have ended, and end what does not."""
    names = {each.name for each in chosen}
    pids = {each.pid for each in chosen if each.pid}
    pids |= {each.pid for each in members() if each.name in names}
    slow = wait_for(pids, min(_TALK_AFTER, WARM_SECONDS))
    if slow:
        say(f"Waiting for processes to put back their jobs: {len(slow)} …")
        end(wait_for(slow, WARM_SECONDS - min(_TALK_AFTER, WARM_SECONDS)), 0)
