"""How long it takes until a killed process is made up for."""

import time
from collections.abc import Iterable
from pathlib import Path

import redis
from rq.utils import as_text

from bench.storm.victims import Kind, Victim
from db import settings
from worker.redis.entries import ids
from worker.redis.holders import Holder, holders
from worker.supervisor.shutdown import is_alive

_ENDED = {"finished", "failed", "stopped", "canceled"}
Jobs = dict[str, int]
"""How often each job was begun, by id."""


def held_by(connection: redis.Redis, pid: int) -> Jobs:
    """The jobs that a process holds. Raises redis.RedisError."""
    held = [
        job_id
        for holder in _of(connection, pid)
        for job_id in ids(connection.lrange(holder.taken_key, 0, -1))  # odd entries are none
    ]
    return {job_id: _attempts(connection, job_id) for job_id in held}


class Recovery:
    """One kill, and what of it is made up for.

    A worker's jobs wait in their queues again or are begun again, and its slot has a living process
    that Redis knows. A horse's job likewise. For a child that reads files there is another, or its
    job has ended. Valkey answers again.
    """

    def __init__(self, victim: Victim, jobs: Jobs, weather: str) -> None:
        self.victim = victim
        self.jobs = jobs
        self.weather = weather
        """What else happened then, or before it was made up for; empty: nothing."""
        self.jobs_back: float | None = None
        """Seconds from the kill until every job was back; None as long as one is not."""
        self.filled: float | None = None
        """Seconds until there was a process in the place of the killed one."""
        self._killed = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it is all made up for."""
        return self.jobs_back is not None and self.filled is not None

    @property
    def seconds(self) -> float:
        """The time that it took, or has taken so far."""
        so_far = time.monotonic() - self._killed
        parts = (self.jobs_back, self.filled)
        return max(so_far if part is None else part for part in parts)

    def poll(self, connection: redis.Redis) -> None:
        """Take note of what is made up for. Raises redis.RedisError."""
        if self.jobs_back is None and self._are_back(connection):
            self.jobs_back = time.monotonic() - self._killed
        if self.filled is None and self._is_filled(connection):
            self.filled = time.monotonic() - self._killed

    def _are_back(self, connection: redis.Redis) -> bool:
        return all(_is_back(connection, *each) for each in self.jobs.items())

    def _is_filled(self, connection: redis.Redis) -> bool:
        match self.victim.kind:
            case Kind.VALKEY:
                return bool(connection.ping())
            case Kind.HORSE:
                return True
            case Kind.CHILD:
                return bool(_children(self.victim.parent)) or self._are_over(connection)
        pid = _pid_in(self.victim.process)
        return pid != self.victim.pid and is_alive(pid) and bool(list(_of(connection, pid)))

    def _are_over(self, connection: redis.Redis) -> bool:
        """Whether the parent does something else by now, or has ended itself."""
        if not is_alive(self.victim.parent):
            return True
        return not self.jobs.keys() & held_by(connection, self.victim.parent).keys()


def _is_back(connection: redis.Redis, job_id: str, attempts: int) -> bool:
    key = f"rq:job:{job_id}"
    status, queue = (as_text(each or b"") for each in connection.hmget(key, "status", "origin"))
    if not queue or status in _ENDED or _attempts(connection, job_id) > attempts:
        return True
    return connection.lpos(f"rq:queue:{queue}", job_id) is not None


def _attempts(connection: redis.Redis, job_id: str) -> int:
    return int(connection.hget(f"rq:job:{job_id}", "attempt") or 0)


def _of(connection: redis.Redis, pid: int) -> Iterable[Holder]:
    return (each for each in holders(connection) if each.pid == pid)


def _pid_in(process: str) -> int:
    """The process that has the lock of a slot, or had it last; 0 where none has begun yet."""
    number = "" if "-" in process else "-1"
    file = settings.run_dir() / "slots" / f"{process}{number}.lock"
    try:
        return int((file.read_text().split() or ["0"])[0])
    except FileNotFoundError:
        return 0


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return []
