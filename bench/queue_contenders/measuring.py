"""One measurement: a queue that is filled, workers that empty it, and how fast they do."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import redis

from bench.command import UnusableRunError
from bench.queue_contenders import books, trial
from bench.queue_contenders.contender import PROCESSES, Contender
from bench.queue_contenders.processes import Running, running
from bench.queue_contenders.registry import contender

PATIENCE = 60.0
"""Seconds without a job's end after which a contender is given up."""
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Measurement:
    """What one contender did with one queue full of jobs of a kind."""

    rate: float
    """Jobs a second."""
    commands: float
    """Redis commands a job, those of scripts included."""
    round_trips: float
    """Requests a job that Redis read, however many commands each held."""
    books: Counter[str]
    """What RQ's books say of the jobs; empty for those that keep others."""


class _Moment(NamedTuple):
    """How far things were at some time."""

    jobs: int
    commands: int
    reads: int


def measure(name: str, job: str, number: int, folder: Path, connection: redis.Redis) -> Measurement:
    """Fill the queue with `number` jobs, have it emptied, and record when each job ended.

    The time starts when every worker has ended its first job, so that nothing of their start is
    measured, and stops with the last job. Raises UnusableRunError when the workers end, stop
    working, or have too few jobs left by then, and ImportError for a contender that is not
    installed.
    """
    who = contender(name)
    stamps = folder / "stamps"
    stamps.write_bytes(b"")
    environment = {**who.environment, trial.STAMPS: str(stamps)}
    _empty(connection)
    fill = [sys.executable, "-m", "bench.queue_contenders", name, job, str(number)]
    if subprocess.run(fill, check=False, env=os.environ | environment).returncode:
        raise UnusableRunError(f"the queue of {name} could not be filled — see above")
    with running(who.commands, folder / f"{name}.log", environment) as workers:
        first, last = _watch(who, workers, stamps, number, connection)
        kept = books.read(connection, number) if who.has_rq_keys else Counter[str]()
    jobs = last.jobs - first.jobs
    return Measurement(
        rate=_rate(who, trial.read(stamps), number),
        commands=(last.commands - first.commands) / jobs,
        round_trips=(last.reads - first.reads) / jobs,
        books=kept,
    )


def _empty(connection: redis.Redis) -> None:
    """Give everybody an empty Valkey whose append-only file is short, so that none is rewritten."""
    connection.flushall()
    connection.bgrewriteaof()
    while any(
        connection.info("persistence")[f"aof_rewrite_{state}"]
        for state in ("scheduled", "in_progress")
    ):
        time.sleep(_POLL_SECONDS)


def _watch(
    who: Contender, workers: Running, stamps: Path, number: int, connection: redis.Redis
) -> tuple[_Moment, _Moment]:
    """Wait until all workers work, and until all jobs have ended; both moments."""
    first: _Moment | None = None
    done, last_change = 0, time.monotonic()
    while done < number:
        time.sleep(_POLL_SECONDS)
        workers.check()
        before, done = done, trial.count(stamps)
        if done > before:
            last_change = time.monotonic()
        elif time.monotonic() - last_change > PATIENCE:
            raise workers.fault(f"{done} of {number} jobs ended, and none in {PATIENCE:.0f} s")
        if first is None and len(_firsts(who, trial.read(stamps))) == PROCESSES:
            first = _moment(connection, stamps)
    if first is None or number - first.jobs < number / 2:
        raise _too_few(number)
    return first, _moment(connection, stamps)


def _firsts(who: Contender, stamps: list[trial.Stamp]) -> dict[int, float]:
    """When each worker ended its first job."""
    firsts: dict[int, float] = {}
    for each in stamps:
        firsts.setdefault(each.parent if who.forks else each.process, each.time)
    return firsts


def _moment(connection: redis.Redis, stamps: Path) -> _Moment:
    stats = connection.info("stats")
    return _Moment(
        trial.count(stamps), stats["total_commands_processed"], stats["total_reads_processed"]
    )


def _rate(who: Contender, stamps: list[trial.Stamp], number: int) -> float:
    start = max(_firsts(who, stamps).values())
    ends = [each.time for each in stamps if each.time > start]
    if len(ends) < number / 2:
        raise _too_few(number)
    return len(ends) / (max(ends) - start)


def _too_few(number: int) -> UnusableRunError:
    return UnusableRunError(
        f"half of {number} jobs had ended before all {PROCESSES} workers worked — give more --jobs"
    )
