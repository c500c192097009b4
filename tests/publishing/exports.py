"""Exports of a library, the tree that they leave, and their ends at any point."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import redis

from db.models import ExportRun
from db.publishing import export_runs
from db.publishing.written_files import Kind
from db.sql.connection import close_database, open_database
from jobs import publishing
from tests.pipeline.in_process import work_off
from worker import dispatch

Tree = dict[str, str]
"""The digest of each file by its path; "" of each folder."""
_ENDED = 41
_IN = f"{os.sep}jobs{os.sep}publishing{os.sep}"


def tree(folder: Path) -> Tree:
    """All that lies in a folder, hidden files too."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
    }


def times(folder: Path) -> dict[Path, tuple[int, int]]:
    """The inode and the time of all that lies in a folder."""
    return {each: (each.stat().st_ino, each.stat().st_mtime_ns) for each in folder.rglob("*")}


@dataclass
class Exports:
    """What exports do to a library."""

    queues: redis.Redis
    library: Path
    scan: Callable[..., None]

    def run(self, kind: Kind, *, undo: bool = False, **options: Any) -> dict[str, int]:
        """Do an export as a worker does, and say how many files ended in which way."""
        run_id = export_runs.start(kind, options, undo=undo)
        dispatch.enqueue(export_runs.JOB, run_id=run_id)
        work_off(self.queues)
        self.last = ExportRun.get_by_id(run_id)
        assert (self.last.fault, self.last.done) == (None, self.last.total)
        return dict(self.last.counts)

    def work_off(self) -> None:
        """Do what queues hold, as a worker does."""
        work_off(self.queues)

    def plan(self, kind: Kind, *, undo: bool = False, **options: Any) -> list[dict[str, Any]]:
        """What an export would do."""
        found = publishing.export(dry_run=True, kind=kind, options=options, undo=undo)
        assert found is not None
        return found

    def tree(self) -> Tree:
        """All that lies in the library."""
        return tree(self.library)

    def ended_at(self, step: int, kind: Kind, *, undo: bool = False, **options: Any) -> bool:
        """Begin an export that a kill ends at its so-manieth step; False when it has fewer."""
        run_id = export_runs.start(kind, options, undo=undo)
        close_database()
        child = os.fork()
        if not child:
            _die_at(step)
            open_database()
            publishing.export(run_id)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        open_database()
        assert os.waitstatus_to_exitcode(status) in (0, _ENDED)
        return os.waitstatus_to_exitcode(status) == _ENDED


def _die_at(step: int) -> None:
    """End this process without a word at the so-manieth call out of the code that publishes."""
    left, own = step, os.getpid()

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal left
        if event == "c_call" and _IN in frame.f_code.co_filename and os.getpid() == own:
            left -= 1
            if left < 0:
                os._exit(_ENDED)

    sys.setprofile(count)


@pytest.fixture
def exports(queues: redis.Redis, library: Path, scan: Callable[..., None]) -> Exports:
    """Exports of an empty library."""
    return Exports(queues, library, scan)
