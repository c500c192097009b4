"""Which processes are to be moved, and why: a matter of numbers alone.

A process goes to a program whose jobs have waited for a while, from one that has nothing to do, or
that has borrowed it. When nobody is in need it goes back. What was moved stays for some minutes, so
that no process goes to and fro with each album; only its owner, when in need, has it back at once,
and one that is borrowed and idle goes to whoever is in need.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from worker.doctor.findings import time_span
from worker.topology import Program

PATIENCE = 30.0
"""Seconds that the first job of a program must have waited before it gets a process."""
DWELL = 180.0
"""Seconds that a process stays where it was started: three looks. Its start costs a second."""
SPARED = 10.0
"""Seconds of work that may be lost: a stopping worker puts its job back, which then restarts."""
OLDER = 2.0
"""How many times as long jobs of another program must have waited to get back a busy process."""


class Worker(NamedTuple):
    """The process in a slot. Times are seconds."""

    age: float
    """Since it was started."""
    busy: float | None = None
    """Since its job began; None when it is idle."""


@dataclass
class Load:
    """A program that may lend or borrow, and what it has to do."""

    program: Program
    workers: list[Worker]
    """In the order of their slots: the last one is the one that goes."""
    waiting: int
    """Jobs in those of its queues that are not paused."""
    oldest: float
    """Seconds that the first of them has waited."""
    has_room: bool = True
    """Whether there is memory for one more."""

    @property
    def count(self) -> int:
        """How many processes it has."""
        return len(self.workers)

    @property
    def borrowed(self) -> int:
        """How many it has beyond those at rest; negative for what it has lent."""
        return self.count - self.program.processes

    @property
    def is_in_need(self) -> bool:
        """Whether its jobs wait for too long, and it may have one more process."""
        may_grow = self.count < self.program.most and (self.has_room or self.borrowed < 0)
        return may_grow and self.waiting > 0 and self.oldest >= PATIENCE

    @property
    def is_quiet(self) -> bool:
        """Whether the last process has nothing to do, and nothing waits for it."""
        return self.waiting == 0 and self.workers[-1].busy is None

    @property
    def can_spare(self) -> bool:
        """Whether the last process may end now without much being lost."""
        busy = self.workers[-1].busy
        return self.count > self.program.least and (busy is None or busy <= SPARED)


class Move(NamedTuple):
    """One process that goes from a program to another."""

    giver: str
    taker: str
    explained: str


def decide(loads: Sequence[Load]) -> list[Move]:
    """What is to be moved. The loads become what they are after it."""
    moves = []
    while move := _next(loads):
        by_name = {load.program.name: load for load in loads}
        by_name[move.giver].workers.pop()
        by_name[move.taker].workers.append(Worker(age=0.0))
        moves.append(move)
    return moves


def _next(loads: Sequence[Load]) -> Move | None:
    in_need = [load for load in loads if load.is_in_need]
    for taker in sorted(in_need, key=lambda each: (each.borrowed >= 0, -_pressure(each))):
        for giver in _givers(loads, taker):
            if reason := _reason(giver, taker):
                return _move(giver, taker, f"{_need(taker)}, and {reason}")
    for owner in sorted(loads, key=lambda each: each.borrowed):
        for giver in _givers(loads, owner):
            if owner.borrowed < 0 < giver.borrowed and giver.is_quiet and _has_stayed(giver):
                return _move(giver, owner, f"{giver.program.name} has nothing more to do")
    return None


def _givers(loads: Iterable[Load], taker: Load) -> list[Load]:
    """Who could give, those first who need it least."""
    givers = [load for load in loads if load is not taker and load.can_spare]
    return sorted(givers, key=lambda each: (not each.is_quiet, -each.borrowed, _pressure(each)))


def _reason(giver: Load, taker: Load) -> str:
    """Why this one gives a process to that one, which is in need; empty when it does not."""
    name = giver.program.name
    if taker.borrowed < 0 < giver.borrowed:
        return f"{name} has more processes than queues.toml says"
    if giver.is_quiet and (giver.borrowed > 0 or _has_stayed(giver)):
        return f"{name} has nothing to do"
    if (
        giver.borrowed > 0
        and _has_stayed(giver)
        and _pressure(taker) >= OLDER * giver.oldest / (giver.count - 1)
    ):
        return f"those of {name} for {time_span(giver.oldest)}"
    return ""


def _has_stayed(giver: Load) -> bool:
    return giver.workers[-1].age >= DWELL


def _pressure(load: Load) -> float:
    """How long jobs have waited, for each process that there is for them."""
    return load.oldest / load.count


def _need(load: Load) -> str:
    jobs = "1 job waits" if load.waiting == 1 else f"{load.waiting:,} jobs wait"
    return f"{jobs} for {load.program.name}, the first for {time_span(load.oldest)}"


def _move(giver: Load, taker: Load, why: str) -> Move:
    gone = f"{giver.program.name}-{giver.count}"
    come = f"{taker.program.name}-{taker.count + 1}"
    return Move(giver.program.name, taker.program.name, f"{come} in place of {gone}: {why}")
