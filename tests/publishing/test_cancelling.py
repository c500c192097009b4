"""A cancelled export leaves whole files, and may be gone on with or undone."""

import os
import sys
from types import FrameType
from typing import Any

import pytest

from db.models import ExportRun
from db.publishing import export_runs
from db.publishing.written_files import Kind
from tests.music import picture, write_track
from tests.publishing.exports import Exports, Tree
from worker.errors import BadInputError
from worker.maintenance import exports as asked

_IN = f"{os.sep}jobs{os.sep}publishing{os.sep}"


@pytest.fixture
def albums(exports: Exports) -> Exports:
    """Four albums with pictures in their tracks."""
    for name in ("Ann", "Bob", "Cid", "Dan"):
        place = exports.library / name / "Album/1.flac"
        pictures = [picture("red"), picture("blue")]
        write_track(place, pictures, title="1", artist=name, album=f"Of {name}")
    exports.scan()
    return exports


def whole(albums: Exports) -> Tree:
    """The tree with an export, which is undone again."""
    albums.run(Kind.ART)
    tree = albums.tree()
    albums.run(Kind.ART, undo=True)
    return tree


def cancelled_at(step: int, albums: Exports) -> ExportRun:
    """An export that somebody cancels at the so-manieth step of its job."""
    run_id = asked.begin(Kind.ART, {})
    left = step

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        if event == "c_call" and _IN in frame.f_code.co_filename:
            left -= 1
            if left < 0:
                sys.setprofile(None)
                asked.cancel(run_id)

    sys.setprofile(count)
    try:
        albums.work_off()
    finally:
        sys.setprofile(None)
    return ExportRun.get_by_id(run_id)


def test_one_that_works_ends_after_its_item_and_leaves_whole_files(albums: Exports) -> None:
    before, after = albums.tree(), whole(albums)
    found = set()
    for step in (0, 40, 80, 120):
        run = cancelled_at(step, albums)
        tree = albums.tree()
        assert (run.fault, run.done < (run.total or 4)) == (export_runs.CANCELLED, True)
        assert before.items() <= tree.items() <= after.items()
        found.add(len(tree))
        albums.run(Kind.ART, undo=True)
        assert albums.tree() == before
    assert len(found) > 1


def test_asked_for_again_it_goes_on(albums: Exports) -> None:
    after = whole(albums)
    cancelled_at(60, albums)
    assert albums.tree() != after
    counts = albums.run(Kind.ART)
    assert counts["unchanged"] > 0 < counts["written"]
    assert albums.tree() == after


def test_one_that_waits_writes_nothing(albums: Exports) -> None:
    before = albums.tree()
    run_id = asked.begin(Kind.ART, {})
    assert asked.cancel(run_id)
    assert not asked.cancel(run_id)
    albums.work_off()
    assert albums.tree() == before
    assert export_runs.due() == []
    with pytest.raises(BadInputError, match="there is no export 99"):
        asked.cancel(99)
