"""How many jobs were done, failed and put back, and how long they took: what /metrics reports.

Redis keys, each a hash JOB -> number, kept for good:
    fleet:done       jobs that were done
    fleet:failed     attempts that failed
    fleet:seconds    seconds that both took
    fleet:cpu        CPU seconds that both took, in whichever process
and QUEUE -> number:
    fleet:recovered  jobs that were put back after their process died
"""

import os
import resource
import time
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NamedTuple, Protocol

import redis
from redis.client import Pipeline

from db import settings
from worker import dispatch
from worker.redis.entries import as_number, as_shown

DONE, _FAILED, SECONDS = map(settings.redis_key, ("fleet:done", "fleet:failed", "fleet:seconds"))
CPU = settings.redis_key("fleet:cpu")
RECOVERED = settings.redis_key("fleet:recovered")
_UNROUTED = "other"
"""Stands for every name that queues.toml does not route: there may be any number of them."""


class _Counted(Protocol):
    """A job, for those who count it: who only reads the counts imports nothing that runs one."""

    @property
    def job_name(self) -> str:
        """Its name in queues.toml."""

    @property
    def seconds(self) -> float:
        """How long it ran."""

    cpu: float
    """How much CPU time it took, in seconds."""


class JobCount(NamedTuple):
    """What the jobs of one name came to."""

    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    cpu: float = 0.0


class CpuClock:
    """Measures the CPU time of jobs, in this process and in all that it has started."""

    def __init__(self) -> None:
        self._own = self._others = 0.0

    def start(self) -> None:
        """A job begins. Other processes have worked for nobody since the last one ended."""
        self._own = time.process_time()

    def stop(self, seconds: float = inf) -> float:
        """The CPU seconds of the job, which ran for so many seconds.

        What a very short job had another process do counts for the next that is longer.
        """
        own = time.process_time() - self._own
        if seconds < _SHORT:
            return own
        before, self._others = self._others, _of_children()
        return own + max(0.0, self._others - before)


_SHORT = 0.02
"""Seconds: reading what other processes took is worth it from there on."""
_TICK = os.sysconf("SC_CLK_TCK")


def _of_children() -> float:
    """CPU seconds of all processes that this one has started, and those started since."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(map(_of_process, _children("self")))


def _of_process(pid: str) -> float:
    with suppress(OSError):  # it ends just now
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        times = stat.rpartition(")")[2].split()[11:15]  # proc(5): utime, stime, cutime, cstime
        return sum(map(int, times)) / _TICK + sum(map(_of_process, _children(pid)))
    return 0.0


def _children(pid: str) -> list[str]:
    """The processes that one has started; none where the kernel does not say so."""
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [child for task in tasks for child in (task / "children").read_text().split()]
    return []


def counted_as(job: _Counted) -> str:
    """The name that a job counts as."""
    return job.job_name if job.job_name in dispatch.topology().routes else _UNROUTED


def count_failure(pipeline: Pipeline, job: _Counted) -> None:
    """Count an attempt that failed. The end of one that was done is counted by `take.lua`."""
    pipeline.hincrby(_FAILED, counted_as(job), 1)
    pipeline.hincrbyfloat(SECONDS, counted_as(job), job.seconds)
    pipeline.hincrbyfloat(CPU, counted_as(job), job.cpu)


def job_counts(connection: redis.Redis) -> dict[str, JobCount]:
    """What came of the jobs of each name since this Redis was empty."""
    with connection.pipeline(transaction=False) as pipeline:
        for key in (DONE, _FAILED, SECONDS, CPU):
            pipeline.hgetall(key)
        done, failed, seconds, cpu = pipeline.execute()
    return {
        as_shown(name): JobCount(
            int(as_number(done.get(name))),
            int(as_number(failed.get(name))),
            as_number(seconds.get(name)),
            as_number(cpu.get(name)),
        )
        for name in sorted({*done, *failed})
    }
