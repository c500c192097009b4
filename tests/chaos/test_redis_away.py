"""Redis away for half a minute in the middle of a scan: the fleet goes on by itself."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from db.connection import open_database
from tests.chaos.chaos_fleet import ChaosFleet, about, at_home, chaos_fleet, tables
from tests.pipeline.tables import Content
from worker.locks import hold

AWAY_SECONDS = 30
FROZEN, GONE = "frozen", "gone"


class Disturbed(NamedTuple):
    """A fleet, and the scan in whose middle its Redis went away."""

    fleet: ChaosFleet
    scan: int


@pytest.fixture(scope="module")
def disturbed(music: Path, known: Content) -> Iterator[dict[str, Disturbed]]:
    """Two fleets whose Redis was away, one's frozen and one's gone, both at the same time."""
    with chaos_fleet() as one:
        first = in_the_middle(one, music / "away")
        with chaos_fleet() as other:
            second = in_the_middle(other, music / "away")
            with frozen(one), gone(other):
                time.sleep(AWAY_SECONDS)
            yield {FROZEN: first, GONE: second}


def in_the_middle(fleet: ChaosFleet, music: Path) -> Disturbed:
    """Have a fleet scan; some chunks are written and some jobs run when this returns."""
    fleet.up()
    order = fleet.orders.give("committed", "insert.direct_batch")
    scan = fleet.scan(music)
    order.halted()
    order.release()
    return Disturbed(fleet, scan)


@contextmanager
def frozen(fleet: ChaosFleet) -> Iterator[None]:
    """Its Redis takes connections and does not answer."""
    valkey = fleet.valkey
    os.kill(valkey, signal.SIGSTOP)
    yield
    os.kill(valkey, signal.SIGCONT)


@contextmanager
def gone(fleet: ChaosFleet) -> Iterator[None]:
    """Its Redis is killed, and does not come up while this test has its folder."""
    os.kill(fleet.valkey, signal.SIGKILL)
    with hold(fleet.run_dir / "redis.lock", 5):
        yield


@pytest.mark.parametrize("outage", [FROZEN, GONE])
def test_a_scan_goes_on_when_redis_is_back(
    disturbed: dict[str, Disturbed], known: Content, outage: str
) -> None:
    fleet, scan = disturbed[outage]
    with at_home(fleet.command):
        open_database()
        fleet.wait_until_done(scan)
        assert tables() == about("away", known)
