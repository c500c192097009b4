"""Where no events can be received, a root is scanned from time to time."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db.models import Scan
from db.scanning import scans
from db.sql.path_text import to_text
from tests.waiting import PATIENCE, until
from watch.root_watcher import RootWatcher


@pytest.fixture
def caretaker(
    database: str, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RootWatcher]:
    """Watches a root that watchfiles cannot watch, each 0.6 seconds."""
    monkeypatch.setenv("FLEET_WATCH_MINUTES", "0.01")
    root = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(root), "Album").mkdir(parents=True)
    caretaker = RootWatcher(to_text(root))
    caretaker.start()
    yield caretaker
    caretaker.stop()
    caretaker.join(PATIENCE)  # or its connection would outlive the database


def test_it_is_scanned_again_and_again_but_not_twice_at_a_time(
    caretaker: RootWatcher, queues: redis.Redis
) -> None:
    for number in (1, 2):
        until(lambda number=number: Scan.select().count() == number)  # type: ignore[misc]
        time.sleep(1.0)
        assert Scan.select().count() == number
        (running,) = scans.all_unfinished()
        assert (running.scope, running.deep) == (None, False)
        scans.record_walk(running.id, found=1, unchanged=1, missing=0)
    assert caretaker.state.how == "timed"
    assert queues.llen("rq:queue:scan") == 2
    assert caretaker.fault is None
