"""Reading bytes as if they were a file of a library."""

from collections.abc import Callable
from pathlib import Path

import pytest

from db.sql import path_text
from jobs.metadata.reader import read_file
from jobs.records import FoundFile, TrackRecord

Read = Callable[..., TrackRecord]
Found = Callable[..., FoundFile]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Writes a file of a name and content, and returns what discovery finds of it."""

    def write(name: str, data: bytes) -> FoundFile:
        path = tmp_path / name
        path.write_bytes(data)
        return FoundFile(path_text.to_text(bytes(path)), len(data), path.stat().st_mtime_ns)

    return write


@pytest.fixture
def read(found: Found) -> Read:
    """The track of a file of a name and content."""
    return lambda name, data: read_file(found(name, data))
