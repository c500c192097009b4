"""A scanned library, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.music import picture, write_track
from tests.pipeline.in_process import work_off
from worker import dispatch

Scan = Callable[[], None]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Two albums of two artists, three tracks each; the first album has a cover."""
    root = tmp_path / "music"
    for artist, genre in (("One", "Rock"), ("Two", "Jazz")):
        for number in range(1, 4):
            tags = {"title": f"{artist} {number}", "artist": artist, "album": f"Album {artist}"}
            path = root / artist / f"{number}.flac"
            write_track(path, pitch=200 + number * 50, genre=genre, tracknumber=number, **tags)
    (root / "One" / "cover.jpg").write_bytes(picture("teal"))
    return root


@pytest.fixture
def scan(database: str, queues: redis.Redis, music: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Scans the music, and works off all that follows; nothing is analysed."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")

    def run() -> None:
        dispatch.enqueue("scan.discovery", root=str(music.resolve()))
        work_off(queues)

    return run
