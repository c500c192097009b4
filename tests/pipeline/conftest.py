"""The pipeline as it runs: real jobs, a real Valkey, a real worker, both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.pipeline.in_process import work_off
from worker import dispatch

Scan = Callable[..., None]


@pytest.fixture(autouse=True)
def nothing_is_analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysis is off, for it would take longer than all else."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """An empty folder for music."""
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def scan(database: str, queues: redis.Redis, library: Path) -> Scan:
    """Scans the library: enqueues the discovery and works off every queue until all are empty."""

    def run(root: Path = library, *, deep: bool = False) -> None:
        dispatch.enqueue("scan.discovery", root=str(root.resolve()), deep=deep)
        work_off(queues)

    return run


@pytest.fixture
def scan_and_analyse(
    scan: Scan, nothing_is_analysed: None, monkeypatch: pytest.MonkeyPatch
) -> Scan:
    """As `scan`, and what it takes in is analysed."""
    import tests.librosa_compiled  # noqa: F401, PLC0415  # for the children that analyse

    monkeypatch.delenv("FLEET_ANALYSIS_SECONDS")
    return scan
