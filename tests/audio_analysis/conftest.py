"""A library whose tracks have sound, and the rows that a scan of it would have written."""

from pathlib import Path
from typing import Any

import pytest
import redis
import soundfile

from db import ledger
from db.library import tracks
from db.models import EntityType, Kind, LedgerRow, Track
from db.sql.connection import transaction
from db.sql.path_text import to_text
from demo.sounds import RATE, Wave


@pytest.fixture(scope="session", autouse=True)
def librosa_compiled() -> None:
    """Import librosa, when the first test here begins: not every process has one."""
    import tests.librosa_compiled  # noqa: F401, PLC0415


class Library:
    """Music in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def sound(self, name: str, samples: Wave, rate: int = RATE, **tags: Any) -> int:
        """The id of a track that sounds like this; its analysis is needed from now on."""
        soundfile.write(self.root / name, samples, rate)
        return self.track(name, duration=len(samples) / rate, **tags)

    def raw(self, name: str, data: bytes) -> int:
        """The id of a track whose file holds these bytes."""
        (self.root / name).write_bytes(data)
        return self.track(name)

    def track(self, name: str, **tags: Any) -> int:
        """The id of the track of a file; its analysis is needed from now on."""
        path = self.root / name
        row = {
            "path": to_text(bytes(path)),
            "folder": str(self.root),
            "group_folder": str(self.root),
            "codec": "flac",
            "container": "flac",
            "part": 0,
            "size": 0,
            "mtime_ns": 0,
            "content_id": str(hash(path.read_bytes())) if path.exists() else "none",
            "missing_since": None,
            **tags,
        }
        with transaction():
            track_id = tracks.upsert([row])[row["path"], row["part"]]
            ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track_id])
        return int(track_id)

    @staticmethod
    def need(track_id: int) -> LedgerRow:
        """The ledger row of a track's analysis."""
        return LedgerRow.get(
            LedgerRow.kind == Kind.ANALYSIS,
            LedgerRow.entity_type == EntityType.TRACK,
            LedgerRow.entity_id == track_id,
        )

    @staticmethod
    def path(track_id: int) -> str:
        """The path of a track."""
        return str(Track.get_by_id(track_id).path)


@pytest.fixture
def library(database: str, queues: redis.Redis, tmp_path: Path) -> Library:
    """An empty library in an open database, on SQLite and PostgreSQL, and empty queues."""
    folder = tmp_path / "music"
    folder.mkdir()
    return Library(folder)
