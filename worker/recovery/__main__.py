"""The recovery: supervisord reports exits to it; every five seconds it polls for what is due.

Each second it looks whether a program that runs on demand has something to do.
"""

import worker.host.light  # noqa: F401  # first: see there

import logging
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from select import select
from typing import Any
from xmlrpc.client import Fault

import peewee
import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import now, utcformat

from db import settings
from db.errors import DatabaseError, DatabaseGoneError
from db.sql.connection import check_file, close_database
from worker import dispatch
from worker.dispatch.places import seen_here
from worker.errors import WorkerError
from worker.host.lifeline import die_with_supervisord
from worker.host.locks import hold_slot, open_library
from worker.host.log import end_with, log_to_stderr
from worker.host.memory import OUT_OF_MEMORY, give_back_memory, kernel_kills
from worker.process.requeue import FLEET, HOST, UNSEEN, Death, recover, settle_all
from worker.process.take import PAUSED
from worker.queues import keep_hours
from worker.redis.address import is_embedded, note_answer
from worker.redis.connection import connect, endure
from worker.redis.entries import utf8, wrong_keys
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
from worker.redis.hosts import SEES, are_several, forget_host, publish, sees_key
from worker.redis.owner import claim, leave_seat
from worker.supervisor.rpc import processes, supervisord
from worker.topology.hosts import this_host
from worker.topology.model import process_name_of, registered_name

_MOVE_DUE = """
-- KEYS: for each queue its registry of scheduled jobs, and its list. ARGV: now as a number, now as
-- text, prefix of job keys, the moment after which nothing is scheduled
local function move(registry, queue, first, last)
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', registry, first, last, 'LIMIT', 0, 1000)) do
        redis.call('ZREM', registry, id)
        local job = ARGV[3] .. id
        local kind = redis.call('TYPE', job).ok
        if kind == 'hash' then
            redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[2])
        end
        if kind ~= 'none' then redis.call('RPUSH', queue, id) end
    end
end
for i = 1, #KEYS, 2 do
    move(KEYS[i], KEYS[i + 1], '-inf', ARGV[1])
    move(KEYS[i], KEYS[i + 1], ARGV[4], '+inf')
end
"""
_LONGEST_WAIT = 400 * 24 * 3600


def enqueue_due(connection: redis.Redis) -> None:
    """Put the jobs whose time has come at the end of their queues, and those that have no time."""
    moment = time.time()
    arguments: list[float | str] = [moment, utcformat(now()), f"{RQ_KEY_PREFIX}:job:"]
    arguments.append(moment + _LONGEST_WAIT)
    queues = dispatch.queues()
    keys = [key for each in queues for key in (each.scheduled_job_registry.key, each.key)]
    connection.register_script(_MOVE_DUE)(keys=keys, args=arguments)


_DEMANDED = f"""{SEES}
-- KEYS: the paused set, the flag of `rq suspend`; of each queue its list and its registry of
-- scheduled jobs; the roots that this host has. ARGV: now, the name of each queue, the prefix of
-- RQ's keys
-- Answers 1 when some jobs have to be moved, and the names of the queues whose jobs may be taken.
local function count(...)
    local found = redis.pcall(...)
    return type(found) == 'number' and found or 0
end
local answer = {{0}}
if redis.call('EXISTS', KEYS[2]) == 1 then return answer end
for i = 2, #ARGV - 1 do
    local due = count('ZCOUNT', KEYS[2 * i], '-inf', ARGV[1])
    local waits = due > 0 or count('LLEN', KEYS[2 * i - 1]) > 0
        and first_seen(KEYS[#KEYS], KEYS[2 * i - 1], ARGV[#ARGV])
    if waits and count('SISMEMBER', KEYS[1], ARGV[i]) == 0 then
        answer[#answer + 1] = ARGV[i]
        if due > 0 then answer[1] = 1 end
    end
end
return answer
"""
_ALREADY_STARTED = 60
"""As supervisor.xmlrpc.Faults has it, which takes 2 MiB."""
DEMAND_SECONDS = 1.0
"""Seconds between two checks of the queues of programs that run on demand."""


class Demand:
    """Starts the processes of programs that run on demand. They end by themselves.

    So nothing is stopped that has just taken a job.
    """

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection
        self._script = connection.register_script(_DEMANDED)
        self._awake: set[str] = set()

    def meet(self) -> None:
        """Start what has something to do. supervisord is asked only for what may not run."""
        topology = dispatch.topology()
        here = this_host(topology).programs
        programs = [topology.programs[name] for name in here if name in topology.programs]
        programs = [each for each in programs if each.is_on_demand]
        queues = self._demanded(sorted({name for each in programs for name in each.queues}))
        needed = {each.name for each in programs if not queues.isdisjoint(each.queues)}
        if needed <= self._awake:
            return
        self._awake |= needed  # what cannot be started is not tried again each second
        resting = [each for each in processes() if each.program in needed and each.rests]
        with supervisord() as rpc:
            for process in resting:
                self._start(rpc, process.name)

    def forget(self) -> None:
        """Have supervisord asked again: a process has ended, or may have."""
        self._awake.clear()

    def _demanded(self, names: Sequence[str]) -> set[str]:
        """Which of these queues hold jobs that may be taken. Those that are due are moved there."""
        if not names:
            return set()
        keys = [PAUSED, WORKERS_SUSPENDED]
        for each in map(dispatch.queue, names):
            keys += [each.key, each.scheduled_job_registry.key]
        arguments: list[float | str] = [time.time(), *names, f"{RQ_KEY_PREFIX}:"]
        due, *found = self._script(keys=[*keys, sees_key()], args=arguments)
        if due:
            enqueue_due(self._connection)
        return set(utf8(found))

    def _start(self, rpc: Any, name: str) -> None:
        try:
            rpc.startProcess(name, False)
            log.info("%s is started: a queue of it holds jobs", name)
        except Fault as fault:  # supervisord goes on trying what it cannot start
            if fault.faultCode != _ALREADY_STARTED:
                log.error("%s does not start: %s", name, fault.faultString)


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
            give_back_memory()
            _listen(Recovery(dispatch.connection()))
    except (WorkerError, DatabaseError) as error:
        end_with(error)


def _listen(recovery: Recovery) -> None:
    demand = Demand(dispatch.connection())
    is_tick = True
    try:
        while True:
            demand.forget()
            _attend(recovery, is_tick)
            is_tick = _next_event(demand).startswith("TICK")
            _say("RESULT 2\nOK")
    finally:
        recovery.leave()


def _next_event(demand: Demand) -> str:
    """The name of the next event; until it comes the demand is met."""
    _say("READY\n")
    while True:
        _patiently(demand.meet)
        if select([sys.stdin], [], [], DEMAND_SECONDS)[0]:
            break
    headers = dict(each.split(":", 1) for each in sys.stdin.readline().split())
    sys.stdin.read(int(headers["len"]))
    return headers["eventname"]


def _say(text: str) -> None:
    """Answer supervisord, as its event listener protocol has it."""
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
