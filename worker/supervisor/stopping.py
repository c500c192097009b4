"""Stopping processes of a fleet that is up, in the order in which they need each other."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xmlrpc.client import Fault

from worker.supervisor.config import RECOVERY_STOP, REDIS_STOP
from worker.supervisor.members import end, members, wait_for
from worker.supervisor.rpc import ProcessInfo

WARM_SECONDS = 5
"""How long workers may take to finish or put back their jobs before they are made to."""
_TALK_AFTER = 2

Say = Callable[[str], None]


def stop_processes(rpc: Any, chosen: Sequence[ProcessInfo], say: Say) -> None:  # it has no types
    """Have supervisord stop these processes, and wait until they have ended.

    Workers first: the recovery sees to the jobs of those that end badly. Then the recovery, and
    Redis last, for both need it. supervisord alone would take a second for each program that it
    finds stopped before one that is not. `say` is given a line when there is something to wait for.
    """
    workers = [each for each in chosen if each.program not in {"redis", "recovery"}]
    _tell_to_stop(rpc, workers)
    _end(workers, say)
    for program, seconds in (("recovery", RECOVERY_STOP), ("redis", REDIS_STOP)):
        last = [each for each in chosen if each.program == program]
        _tell_to_stop(rpc, last)
        wait_for([each.pid for each in last if each.pid], seconds)


def _tell_to_stop(rpc: Any, chosen: Iterable[ProcessInfo]) -> None:
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
