"""A whole fleet for a test: `fleet` as its user runs it, real supervisord, real workers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import COMPILED
from tests.fleet.forking import REPOSITORY, forking_server
from tests.music import picture, write_track
from worker.topology import load

Fleet = Callable[..., subprocess.CompletedProcess[str]]


_FEW_PROGRAMS = """
[programs.library]
queues = ["insert", "batch"]
processes = 1

[programs.covers]
queues = ["thumbnails", "deferred_covers"]
processes = 1
execution = "forked"
"""
_REST = """
[programs.metadata]
queues = ["scan", "extract", {}]
processes = 1
"""


_WITHOUT_POSTGRESQL = Path(__file__).parent / "without_postgresql"


class FleetCommand:
    """Runs `fleet` on a data folder of its own."""

    def __init__(self, data_dir: Path, home: Path) -> None:
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        self.data_dir = data_dir
        self.environment = own | {
            "FLEET_DATA_DIR": str(data_dir),
            "FLEET_WEB": "off",  # or all fleets would want one port
            "FLEET_ANALYSIS_SECONDS": "off",  # it takes longer than most tests
            "HOME": str(home),
            "PYTHONPATH": str(_WITHOUT_POSTGRESQL),
        }

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with these settings beside."""
        return forking_server().run(arguments, self.environment | settings, timeout=180)

    def start(self, *arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
        """Run it beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "worker.cli", *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def fleet() -> Iterator[FleetCommand]:
    """A fleet for one test."""
    yield from new_fleet()


def queues_toml(programs: str) -> str:
    """The queues and schedules of the repository's queues.toml, with these programs."""
    text = (REPOSITORY / "queues.toml").read_text(encoding="utf-8")
    before, _, rest = text.partition("\n[programs.")
    _, mark, schedules = rest.partition("\n[schedules.")
    return "".join([before, "\n", programs, mark, schedules])


def names_of_queues() -> list[str]:
    """All queues of the repository's queues.toml."""
    return list(load(REPOSITORY / "queues.toml").queues)


def new_fleet(queues: str | None = None) -> Iterator[FleetCommand]:
    """`fleet` with an empty data folder; whatever it starts is killed at the end.

    `queues` is the text of its queues.toml; by default one with few programs, which start in a
    third of the time.
    """
    folder = Path(tempfile.mkdtemp(prefix="mf", dir="/tmp"))  # sockets: 107 bytes
    (folder / "home").mkdir()
    (folder / "data").mkdir(mode=0o700)
    COMPILED.mkdir(mode=0o700, exist_ok=True)
    (folder / "data" / "numba").symlink_to(COMPILED)
    command = FleetCommand(folder / "data", folder / "home")
    (folder / "queues.toml").write_text(queues or few_programs())
    command.environment["FLEET_QUEUES"] = str(folder / "queues.toml")
    yield command
    while pids := _processes_of(folder / "data"):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def few_programs() -> str:
    """A queues.toml with a program for insertion, one that forks, and one for all else."""
    rest = [name for name in names_of_queues() if f'"{name}"' not in _FEW_PROGRAMS + _REST]
    return queues_toml(_FEW_PROGRAMS + _REST.format(", ".join(f'"{name}"' for name in rest)))


def _processes_of(data_dir: Path) -> list[int]:
    """The processes of a fleet; zombies have no environment."""
    own = f"FLEET_DATA_DIR={data_dir}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if own in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 40 albums and 400 tracks in four formats, half of the albums with a cover."""
    root = tmp_path_factory.mktemp("library") / "music"
    formats = ("mp3", "flac", "ogg", "opus")
    for album in range(40):
        cover = [picture(f"#{album * 5:02x}40{255 - album * 5:02x}")] if album % 2 else []
        for number in range(10):
            write_track(
                root / f"Artist {album % 7}" / f"Album {album}" / f"{number}.{formats[album % 4]}",
                cover,
                pitch=220 + 10 * number,
                title=f"Song {album}.{number}",
                artist=f"Artist {album % 7}",
                album=f"Album {album}",
                tracknumber=number + 1,
                genre=["Rock", "Jazz"][album % 2],
            )
    (root / "Artist 0" / "Album 0" / "broken.mp3").write_bytes(b"This is not audio.")
    return root
