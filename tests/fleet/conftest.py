"""A whole fleet for a test: `fleet` as its user runs it, real supervisord, real workers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import COMPILED
from tests.music import picture, write_track

REPOSITORY = Path(__file__).parents[2]
Fleet = Callable[..., subprocess.CompletedProcess[str]]


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
        }

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with these settings beside."""
        return subprocess.run(
            self._command(arguments),
            env=self.environment | settings,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def start(self, *arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
        """Run it beside the test."""
        return subprocess.Popen(
            self._command(arguments),
            env=self.environment,
            cwd=REPOSITORY,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _command(arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "worker.cli", *arguments]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Have Ctrl-C reach what a test starts, though pytest runs in the background of a script.

    Such a shell has SIGINT ignored, and whatever is started inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fleet() -> Iterator[FleetCommand]:
    """A fleet for one test."""
    yield from new_fleet()


def new_fleet(queues: str | None = None) -> Iterator[FleetCommand]:
    """`fleet` with an empty data folder; whatever it starts is stopped at the end.

    `queues` is the text of a queues.toml for it, instead of the repository's.
    """
    folder = Path(tempfile.mkdtemp(prefix="mf", dir="/tmp"))  # sockets: 107 bytes
    (folder / "home").mkdir()
    (folder / "data").mkdir(mode=0o700)
    COMPILED.mkdir(mode=0o700, exist_ok=True)
    (folder / "data" / "numba").symlink_to(COMPILED)
    command = FleetCommand(folder / "data", folder / "home")
    if queues is not None:
        (folder / "queues.toml").write_text(queues)
        command.environment["FLEET_QUEUES"] = str(folder / "queues.toml")
    yield command
    command("down")
    shutil.rmtree(folder, ignore_errors=True)


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
