"""`fleet scan` waits for its scan to the end, though a worker dies or the fleet is stopped."""

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.chaos_fleet import ChaosFleet, about, tables
from tests.pipeline.tables import Content
from tests.waiting import PATIENCE
from worker.errors import ExitCode

SLOTS = {
    "scan.discovery": "metadata-1",
    "metadata.extract_batch": "metadata-1",
    "insert.direct_batch": "library-1",
    "covers.process_album_covers": "covers-1",
}


@pytest.mark.parametrize("job", SLOTS)
def test_a_scan_whose_worker_is_killed_ends_as_any_other(
    fleet: ChaosFleet, album: Path, known: Content, job: str
) -> None:
    order = fleet.orders.give("started", job)
    scan = fleet.command.start("scan", str(album))
    order.halted()
    os.kill(fleet.pid(SLOTS[job]), signal.SIGKILL)
    _, talk = scan.communicate(timeout=PATIENCE)
    assert scan.returncode == ExitCode.OK, talk
    assert about(album.name, tables()) == about(album.name, known)


def test_a_fleet_that_is_stopped_in_the_middle_of_a_scan_completes_it_when_it_is_up_again(
    fleet: ChaosFleet, album: Path, known: Content
) -> None:
    order = fleet.orders.give("started", "insert.direct_batch")
    scan = fleet.scan(album)
    order.halted()
    assert fleet.command("down").returncode == ExitCode.OK
    fleet.up()
    fleet.wait_until_done(scan)
    assert about(album.name, tables()) == about(album.name, known)
