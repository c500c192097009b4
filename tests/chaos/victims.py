"""What is killed, with SIGKILL."""

import os
import signal
from collections.abc import Callable, Iterable

from tests.chaos.chaos_fleet import ChaosFleet
from worker.supervisor.shutdown import members


def worker(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The worker alone."""
    os.kill(fleet.pid(slot), signal.SIGKILL)


def horse(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The child that does the worker's job."""
    assert horse is not None
    os.kill(horse, signal.SIGKILL)


def both(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The child first, so that its worker has no time to see it."""
    assert horse is not None
    _kill([horse, fleet.pid(slot)])


def group(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The process group of the worker."""
    os.killpg(os.getpgid(fleet.pid(slot)), signal.SIGKILL)


def with_recovery(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The program that would put the worker's job back, and the worker."""
    _kill([fleet.pid("recovery-1"), fleet.pid(slot)])


def supervisord(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """Who would start the others again."""
    os.kill(fleet.supervisord, signal.SIGKILL)


def valkey(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """The Redis of the fleet."""
    os.kill(fleet.valkey, signal.SIGKILL)


def all_at_once(fleet: ChaosFleet, slot: str, horse: int | None) -> None:
    """Every process of the fleet, supervisord first."""
    _kill([fleet.supervisord, *(each.pid for each in members())])


Victim = Callable[[ChaosFleet, str, int | None], None]


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
