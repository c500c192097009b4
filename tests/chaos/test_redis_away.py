"""Redis away in the middle of a scan, for longer than an answer may take: the fleet goes on.

Frozen and then gone, and behind a network that is frozen and then cut.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from db.sql.connection import open_database
from tests.chaos.albums import write_albums
from tests.chaos.chaos_fleet import ChaosFleet, at_home, chaos_fleet, tables
from tests.chaos.relay import Relay
from tests.pipeline.in_process import scanned_into
from tests.pipeline.tables import Content
from tests.sums import check_sums
from worker.host.process_files import hold

FROZEN_SECONDS, CUT_SECONDS = 13, 6
"""More than the ten seconds that an answer may take, and than the two that a client tries again."""
OWN, NETWORK = "own", "network"


class Disturbed(NamedTuple):
    """A fleet, and the scan in whose middle its Redis went away."""

    fleet: ChaosFleet
    scan: int


@pytest.fixture(scope="module")
def relay(valkey: str) -> Iterator[Relay]:
    """The network to a Redis elsewhere."""
    with closing(Relay(valkey.removeprefix("unix://"))) as started:
        yield started


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty albums."""
    return write_albums(tmp_path_factory.mktemp("music"), "away", 20, 4)


@pytest.fixture(scope="module")
def known(away: Path, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What the tables say after an undisturbed scan of them."""
    with scanned_into(tmp_path_factory.mktemp("data"), away, valkey):
        return tables()


@pytest.fixture(scope="module")
def disturbed(away: Path, known: Content, relay: Relay) -> Iterator[dict[str, Disturbed]]:
    """Two fleets without Redis at the same time: their own, and one out of reach."""
    with chaos_fleet() as near, chaos_fleet(FLEET_REDIS_URL=relay.url) as far:
        orders = []
        scans = {}
        for name, fleet in ((OWN, near), (NETWORK, far)):
            with at_home(fleet.command):
                fleet.up()
                orders.append(fleet.orders.give("committed", "insert.direct_batch"))
                scans[name] = Disturbed(fleet, fleet.scan(away))
                orders[-1].halted()
        with frozen(near), relay.frozen():
            for order in orders:
                order.release()
            time.sleep(FROZEN_SECONDS)
        with gone(near), relay.cut():
            time.sleep(CUT_SECONDS)
        yield scans


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


@pytest.mark.parametrize("outage", [OWN, NETWORK])
def test_a_scan_goes_on_when_redis_is_back(
    disturbed: dict[str, Disturbed], known: Content, outage: str
) -> None:
    fleet, scan = disturbed[outage]
    with at_home(fleet.command):
        open_database()
        fleet.wait_until_done(scan)
        assert tables() == known
        check_sums()
