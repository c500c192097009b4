"""Programs on demand, and jobs whose time has come: what is started and moved, and when."""

import logging
import os
import time
from collections.abc import Sequence
from typing import Any
from xmlrpc.client import Fault

import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import now, utcformat

from db import settings
from worker import dispatch
from worker.process.take import PAUSED
from worker.redis.entries import utf8
from worker.redis.hosts import SEES, sees_key
from worker.supervisor.rpc import processes, supervisord
from worker.topology.hosts import this_host

log = logging.getLogger("fleet")

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
        if settings.supervisor():
            _ask_for(needed)
            return
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


def _ask_for(needed: set[str]) -> None:
    """Have a file for each of these programs, and for no other: path units of systemd follow."""
    folder = settings.run_dir() / "demand"
    folder.mkdir(mode=0o700, exist_ok=True)
    present = set(os.listdir(folder))
    for name in needed - present:
        (folder / name).touch()
    for name in present - needed:
        (folder / name).unlink(missing_ok=True)
