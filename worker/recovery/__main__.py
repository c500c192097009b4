"""The recovery: supervisord reports exits to it; every five seconds it polls for what is due.

Each second it looks whether a program that runs on demand has something to do. Where another
supervisor has started it (FLEET_SUPERVISOR), nobody reports exits, and it polls all the same: what
it starts under supervisord, it asks for there by a file for each program, in `run/demand`.
"""

import worker.host.light  # noqa: F401  # first: see there

import logging
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from select import select

import peewee
import redis

from db import settings
from db.errors import DatabaseError, DatabaseGoneError
from db.sql.connection import check_file, close_database
from worker import dispatch
from worker.dispatch.places import seen_here
from worker.errors import WorkerError
from worker.host.lifeline import SCHEDULES, die_with_supervisord, is_watched, show_life
from worker.host.locks import hold_slot, open_library
from worker.host.log import end_with, log_to_stderr
from worker.host.memory import OUT_OF_MEMORY, give_back_memory, kernel_kills
from worker.process.requeue import FLEET, HOST, UNSEEN, Death, recover, settle_all
from worker.queues import keep_hours
from worker.recovery.demand import DEMAND_SECONDS, Demand, enqueue_due
from worker.redis import is_embedded, note_answer
from worker.redis.connection import connect, endure
from worker.redis.entries import wrong_keys
from worker.redis.holders import (
    Holder,
    beat,
    beats,
    forget_place,
    holders,
    register,
    this_place,
    this_process,
    unregister,
)
from worker.redis.hosts import are_several, forget_host, publish
from worker.redis.owner import claim, leave_seat
from worker.supervisor.rpc import is_up
from worker.topology.hosts import this_host
from worker.topology.model import process_name_of, registered_name

_TAIL = 64 * 1024
_LOG_SECONDS = 0.2
"""Seconds. The event of an exit is sent a moment before its line is written."""


def cause_of_exit(process: str, pid: int) -> str:
    """How the process of that name and id ended: SIGKILL, exit 1; UNSEEN when nothing shows it."""
    deadline = time.monotonic() + _LOG_SECONDS
    while True:
        found = _last_end(process, pid)
        if found or time.monotonic() > deadline:
            return found or UNSEEN
        time.sleep(0.01)


def _last_end(process: str, pid: int) -> str | None:
    try:
        with (settings.run_dir() / "supervisord.log").open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return None
    name = re.escape(process)
    _, spawned, since = text.rpartition(f"spawned: '{process}' with pid {pid}\n")
    if not spawned:
        return None
    ended = re.search(rf"(?:exited|stopped): {name} \((?:terminated by|exit status) (\w+)", since)
    if ended is None:
        return None
    return f"exit {ended[1]}" if ended[1].isdigit() else ended[1]


POLLS = 12
"""Polls, one every five seconds, without a heartbeat."""
_REGULAR = 15.0
"""Seconds between two polls that follow each other."""


class Silence:
    """Remembers the heartbeats of each place."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._polled_at = float("-inf")

    def poll(self, beats: Mapping[str, int]) -> set[str]:
        """Take note of the heartbeats so far, and return the places that are silent."""
        if time.monotonic() - self._polled_at > _REGULAR:
            self.forget()
        self._polled_at = time.monotonic()
        for place, count in beats.items():
            before, polls = self._seen.get(place, (count, 0))
            self._seen[place] = (count, polls + 1 if before == count else 0)
        return {place for place in beats if self._seen[place][1] >= POLLS}

    def forget(self) -> None:
        """Start over: earlier polls do not count."""
        self._seen.clear()


NAME = "recovery"
_LIFE = 30.0
"""Seconds between two questions whether supervisord answers."""
_TICK = 5
"""Seconds between two polls."""
_REDIS_STARTS = 60.0

log = logging.getLogger("fleet")


class Recovery:
    """Puts back what dead processes hold, here and, when they are silent, elsewhere."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection
        self._own = this_process(registered_name(NAME))
        self._seat = ""
        self._silence = Silence()
        self._kills = kernel_kills()

    def claim(self) -> None:
        """Have Redis be this library's, also after it was wiped. Raises ForeignRedisError."""
        self._seat = claim(self._connection, dispatch.topology().queues)

    def of_this_place(self) -> None:
        """Put back what the dead of this place hold, and nothing of who lives."""
        self._of_dead(holders(self._connection))

    def _of_dead(self, known: Sequence[Holder]) -> None:
        for each in known:
            if each.is_alive() is False:
                cause = cause_of_exit(process_name_of(each.worker), each.pid)
                if cause == UNSEEN and each.went_with_all():
                    cause = FLEET
                if cause == signal.SIGKILL.name and kernel_kills() > self._kills:
                    cause = OUT_OF_MEMORY
                recover(self._connection, each, self._own, cause)

    def poll(self) -> None:
        """Every few seconds: who is dead, which places are silent, which jobs are due."""
        for key in wrong_keys(self._connection, dispatch.topology().queues, set_aside=True):
            log.error("%s is of another type than it should be: set aside", key)
        register(self._connection, self._own)
        beat(self._connection)
        note_answer()
        # What this process has claimed and could not finish.
        settle_all(self._connection, self._own, Death(self._own.worker, UNSEEN))
        known = holders(self._connection)
        self._of_dead(known)
        self._kills = kernel_kills()
        self._of_silent_places(known)
        enqueue_due(self._connection)
        keep_hours(datetime.now().time())  # local, as the schedules
        self._publish_host()

    def _publish_host(self) -> None:
        """Say what this host runs and sees, where there may be others."""
        if is_embedded():
            return
        topology = dispatch.topology()
        roots = seen_here() if are_several(self._connection, topology) else None
        publish(self._connection, this_host(topology), roots)

    def leave(self) -> None:
        """At SIGTERM. Redis may have gone before, and is not waited for."""
        endure(self._connection, 0)
        with suppress(redis.RedisError):
            forget_host(self._connection, this_place())
            unregister(self._connection, self._own)
            leave_seat(self._connection, self._seat)

    def _of_silent_places(self, known: Sequence[Holder]) -> None:
        never = dict.fromkeys((each.place for each in known), 0)
        silent = self._silence.poll(never | beats(self._connection))
        for each in known:
            if each.place in silent and each.is_alive() is not True:
                recover(self._connection, each, self._own, HOST)
        for place in silent:
            forget_host(self._connection, place)
            forget_place(self._connection, place)


def main() -> None:
    """Listen until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: dispatch.reload_topology())
    die_with_supervisord()
    log_to_stderr(NAME, logging.INFO)
    try:
        with hold_slot(NAME, 1):
            open_library()
            close_database()
            connect(wait=_REDIS_STARTS).close()
            endure(dispatch.connection())  # without Redis there is nothing to put back
            with _schedules() as check:
                give_back_memory()
                _listen(Recovery(dispatch.connection()), check)
    except (WorkerError, DatabaseError) as error:
        end_with(error)


@contextmanager
def _schedules() -> Iterator[Callable[[], None]]:
    """Meet the schedules beside all else, where this process is to; yields what finds a fault."""
    if SCHEDULES not in sys.argv:
        yield lambda: None
        return
    from worker.schedule.scheduler import fleet_scheduler  # noqa: PLC0415  # 2 MiB

    with hold_slot("scheduler", 1):
        scheduler = fleet_scheduler()
        scheduler.start_beside()
        try:
            yield scheduler.check_beside
        finally:
            scheduler.end_beside()


def _listen(recovery: Recovery, check: Callable[[], None]) -> None:
    if is_watched() and not settings.supervisor():
        threading.Thread(target=_show_that_supervisord_answers, daemon=True).start()
    demand = Demand(dispatch.connection())
    is_tick = True
    try:
        while True:
            demand.forget()
            check()
            _attend(recovery, is_tick)
            is_tick = _next_event(demand).startswith("TICK")
            _say("RESULT 2\nOK")
    finally:
        recovery.leave()


def _show_that_supervisord_answers() -> None:
    """Whoever runs supervisord starts it again when it hangs, and not while Redis is away."""
    while True:
        with suppress(WorkerError):
            if is_up():
                show_life()
        time.sleep(_LIFE)


def _next_event(demand: Demand) -> str:
    """The name of the next event; until it comes the demand is met."""
    if settings.supervisor():
        return _next_tick(demand)
    _say("READY\n")
    while True:
        _patiently(demand.meet)
        if select([sys.stdin], [], [], DEMAND_SECONDS)[0]:
            break
    headers = dict(each.split(":", 1) for each in sys.stdin.readline().split())
    sys.stdin.read(int(headers["len"]))
    return headers["eventname"]


def _next_tick(demand: Demand) -> str:
    """The event of a tick, where no supervisord sends any."""
    show_life()
    for _ in range(_TICK):
        _patiently(demand.meet)
        time.sleep(DEMAND_SECONDS)
    return f"TICK_{_TICK}"


def _say(text: str) -> None:
    """Answer supervisord, as its event listener protocol has it."""
    if settings.supervisor():
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def _attend(recovery: Recovery, is_tick: bool) -> None:
    """Do what an event asks for."""

    def do() -> None:
        check_file()  # the database is opened by the first question, which at rest there is none of
        recovery.claim()
        if is_tick:
            recovery.poll()
        else:
            recovery.of_this_place()

    try:
        _patiently(do)
    finally:
        close_database()


def _patiently(do: Callable[[], None]) -> None:
    """Do something. What cannot be done now is done later."""
    try:
        do()
    except DatabaseGoneError:
        raise
    except (redis.RedisError, peewee.PeeweeException, WorkerError, DatabaseError, OSError) as error:
        log.error("%s; again in some seconds", error)


if __name__ == "__main__":
    main()
