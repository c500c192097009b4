"""The recovery: supervisord reports exits to it; every five seconds it polls for what is due."""

import worker.host.light  # noqa: F401  # first: see there

import logging
import re
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import peewee
import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.utils import now, utcformat
from supervisor.childutils import listener

from db import settings
from db.errors import DatabaseError, DatabaseGoneError
from db.models import database
from db.sql.connection import close_database
from worker import dispatch
from worker.errors import WorkerError
from worker.host.lifeline import die_with_supervisord
from worker.host.locks import hold_slot, open_library
from worker.host.log import log_to_stderr
from worker.host.memory import OUT_OF_MEMORY, kernel_kills
from worker.process.requeue import Death, recover, settle_all
from worker.redis.address import note_answer
from worker.redis.connection import connect, endure
from worker.redis.entries import wrong_keys
from worker.redis.holders import (
    beat,
    beats,
    forget_place,
    holders,
    register,
    this_process,
    unregister,
)
from worker.redis.owner import claim, leave_seat
from worker.topology.slots import process_name_of, registered_name

_MOVE_DUE = """
-- KEYS: the registry, the queue. ARGV: now as a number, now as text, prefix of job keys
-- the moment after which nothing is scheduled
local function move(first, last)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], first, last, 'LIMIT', 0, 1000)) do
        redis.call('ZREM', KEYS[1], id)
        local job = ARGV[3] .. id
        local kind = redis.call('TYPE', job).ok
        if kind == 'hash' then
            redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[2])
        end
        if kind ~= 'none' then redis.call('RPUSH', KEYS[2], id) end
    end
end
move('-inf', ARGV[1])
move(ARGV[4], '+inf')
"""
_LONGEST_WAIT = 400 * 24 * 3600


def enqueue_due(connection: redis.Redis) -> None:
    """Put the jobs whose time has come at the end of their queues, and those that have no time."""
    move = connection.register_script(_MOVE_DUE)
    moment = time.time()
    arguments: list[float | str] = [moment, utcformat(now()), f"{RQ_KEY_PREFIX}:job:"]
    arguments.append(moment + _LONGEST_WAIT)
    for queue in dispatch.queues():
        move(keys=[queue.scheduled_job_registry.key, queue.key], args=arguments)


UNSEEN = "unseen"
"""How a process ended of which nothing more is known."""
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
_REDIS_STARTS = 60.0
_GONE = "host"

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
        for each in holders(self._connection):
            if each.is_alive() is False:
                cause = cause_of_exit(process_name_of(each.worker), each.pid)
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
        self.of_this_place()
        self._kills = kernel_kills()
        self._of_silent_places()
        enqueue_due(self._connection)

    def leave(self) -> None:
        """At SIGTERM. Redis may have gone before, and is not waited for."""
        endure(self._connection, 0)
        with suppress(redis.RedisError):
            unregister(self._connection, self._own)
            leave_seat(self._connection, self._seat)

    def _of_silent_places(self) -> None:
        known = holders(self._connection)
        never = dict.fromkeys((each.place for each in known), 0)
        silent = self._silence.poll(never | beats(self._connection))
        for each in known:
            if each.place in silent and each.is_alive() is not True:
                recover(self._connection, each, self._own, _GONE)
        for place in silent:
            forget_place(self._connection, place)


def main() -> None:
    """Listen until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: dispatch.reload_topology())
    die_with_supervisord()
    log_to_stderr(logging.INFO)
    try:
        with hold_slot(NAME, 1):
            open_library()
            close_database()
            connect(wait=_REDIS_STARTS).close()
            endure(dispatch.connection())  # without Redis there is nothing to put back
            _listen(Recovery(dispatch.connection()))
    except (WorkerError, DatabaseError) as error:
        sys.exit(f"{NAME}: {error}")


def _listen(recovery: Recovery) -> None:
    is_tick = True
    try:
        while True:
            _attend(recovery, is_tick)
            headers, _ = listener.wait(sys.stdin, sys.stdout)
            is_tick = headers["eventname"].startswith("TICK")
            listener.ok(sys.stdout)
    finally:
        recovery.leave()


def _attend(recovery: Recovery, is_tick: bool) -> None:
    """Do what an event asks for. What cannot be done now is done at the next tick."""
    try:
        database.connect(reuse_if_open=True)
        recovery.claim()
        if is_tick:
            recovery.poll()
        else:
            recovery.of_this_place()
    except DatabaseGoneError:
        raise
    except (redis.RedisError, peewee.PeeweeException, WorkerError, DatabaseError) as error:
        log.error("%s; again in five seconds", error)
    finally:
        close_database()


if __name__ == "__main__":
    main()
