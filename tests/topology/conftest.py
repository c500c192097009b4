"""A small jobs package and a queues.toml that suits it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from worker.errors import TopologyError
from worker.topology import Topology, load

JOBS = {
    "scan.py": """
        from worker.dispatch import job

        @job
        def discovery(root, deep=False):
            pass
        """,
    "metadata/__init__.py": """
        from worker.dispatch import job

        @job
        def extract_batch(*, chunk_id):
            pass

        def no_job():
            pass
        """,
    "covers/__init__.py": """
        from worker import dispatch

        @dispatch.job
        def extract_embedded(track_ids):
            pass

        @dispatch.job
        def process_album_covers(album_ids):
            pass
        """,
    "maintenance.py": """
        from worker.dispatch import job

        @job
        def cleanup(days=30):
            pass
        """,
}

SOUND = """\
# A small fleet.
[queues.scan]
use = "discovery"
jobs = ["scan.discovery"]
timeout = "1h"
retries = 3

[queues.extract]
use = "extraction"
jobs = ["metadata.extract_batch"]
timeout = "30m"
retries = 3
keep = "30s"
wait_limit = "2h"

[queues.covers]
use = "covers"
jobs = ["covers.*"]
timeout = "90s"
retries = 0

[queues.upkeep]
use = "upkeep"
jobs = ["maintenance.*"]
timeout = "10m"
retries = 1

[programs.reading]
queues = ["scan", "extract"]
processes = 2

[programs.rest]
queues = ["covers", "upkeep"]
processes = 1
stop = "20m"

[schedules.cleanup]
job = "maintenance.cleanup"
cron = "0 */4 * * *"
arguments = { days = 7 }
"""

WriteJob = Callable[[str, str], None]
Load = Callable[[str], Topology]
FaultsOf = Callable[[str], str]


def _dedented(text: str) -> str:
    return "\n".join(line.removeprefix(" " * 8) for line in text.splitlines()) + "\n"


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """The folder of a jobs package whose modules must not be imported."""
    folder = tmp_path / "jobs"
    for name, text in JOBS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise AssertionError('imported')\n" + _dedented(text))
    return folder


@pytest.fixture
def write_job(jobs: Path) -> WriteJob:
    """Write a module of the jobs package."""

    def write(name: str, text: str) -> None:
        file = jobs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_dedented(text))

    return write


@pytest.fixture
def load_text(tmp_path: Path, jobs: Path) -> Load:
    """Load a queues.toml of this text."""

    def load_(text: str) -> Topology:
        file = tmp_path / "queues.toml"
        file.write_text(text)
        return load(file, jobs)

    return load_


@pytest.fixture
def faults_of(load_text: Load) -> FaultsOf:
    """What is said of a queues.toml of this text, which must not be sound."""

    def faults_of_(text: str) -> str:
        with pytest.raises(TopologyError) as caught:
            load_text(text)
        return str(caught.value)

    return faults_of_


@pytest.fixture
def sound() -> str:
    """The text of a sound queues.toml."""
    return SOUND
