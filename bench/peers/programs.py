"""Who scans a library in `bench.measures.scan`: ours, the bare loop, and installed music servers.

Each has a folder of its own for what it writes, is started before the first scan and stopped after
the last. Those that run as a server are measured with all processes below it.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar, NamedTuple

from bench.command import UnusableRunError
from bench.peers import cost
from worker import code_version
from worker.errors import ExitCode

_PATIENCE = 30.0
_POLL_SECONDS = 0.2


class Scan(NamedTuple):
    """What a scan took, and what is in the library after it; None where nobody counts that."""

    wall: float
    cpu: float
    memory: float
    """MiB, the most that all processes together had, what they share counted once."""
    tracks: int | None = None
    albums: int | None = None
    covers: int | None = None
    """Albums with a cover."""
    pictures: int | None = None
    """Different pictures with a thumbnail."""
    first_cover: float | None = None
    """Seconds until the first album had its cover."""
    all_tracks: float | None = None
    """Seconds until the last track was in the database."""


class Peer(ABC):
    """A program that scans one folder of music, with what it writes in another."""

    name: ClassVar[str]
    does: ClassVar[str]
    """What it does with covers, in a few words."""

    def __init__(self, music: Path, work: Path) -> None:
        self.music, self.work = music, work

    @classmethod
    @abstractmethod
    def version(cls) -> str | None:
        """Its version; None where it is not installed."""

    def start(self) -> None:  # noqa: B027  # some have nothing to start
        """Start what runs before the first scan."""

    @abstractmethod
    def scan(self, *, deep: bool = False) -> Scan:
        """Scan to the end; with `deep` all files again."""

    def stop(self) -> None:  # noqa: B027  # as above
        """Stop what was started."""


class Ours(Peer):
    """A whole fleet, up before the first scan, without audio analysis and web UI."""

    name = "musicfleet"
    does = "all, with thumbnails"
    settings: ClassVar[dict[str, str]] = {"FLEET_WEB": "off", "FLEET_ANALYSIS_SECONDS": "off"}

    @classmethod
    def version(cls) -> str:
        """Of this checkout."""
        return code_version()

    def __init__(self, music: Path, work: Path, settings: dict[str, str] | None = None) -> None:
        super().__init__(music, work)
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        self.data = work / "d"
        chosen = self.settings | (settings or {})
        self.environment = own | chosen | {"FLEET_DATA_DIR": str(self.data)}

    def fleet(self, *arguments: str) -> cost.Run:
        """Run `fleet` to its end. Raises UnusableRunError when it ends badly."""
        ran = cost.run([sys.executable, "-m", "worker.cli", *arguments], self.environment)
        if ran.code not in {ExitCode.OK, ExitCode.PROBLEMS}:
            raise UnusableRunError(
                f"`fleet {' '.join(arguments)}` ended with {ran.code}, see above"
            )
        return ran

    def start(self) -> None:
        """Start the fleet."""
        self.fleet("up")

    @property
    def supervisord(self) -> int:
        """The process that has all others of the fleet below it."""
        return int((self.data / "run/supervisord.pid").read_text())

    def scan(self, *, deep: bool = False, folder: Path | None = None) -> Scan:
        """`fleet scan`, by default of all its music; it ends when each cover is chosen."""
        options = ["--deep"] if deep else []
        top, file = self.supervisord, self.data / "library.db"
        with _watched(top) as peak, _arrivals(file) as arrivals:
            before = cost.tree_cpu(top)
            ran = self.fleet("scan", *options, "--", str(folder or self.music))
            cpu = cost.tree_cpu(top) - before + ran.cpu
        counts = _counted(file, _COUNTS)
        first = next((at for at, _, covers in arrivals if covers), ran.wall)
        full = next((at for at, tracks, _ in arrivals if tracks == counts["tracks"]), ran.wall)
        return Scan(ran.wall, cpu, max(peak), **counts, first_cover=first, all_tracks=full)

    def stop(self) -> None:
        """Stop the fleet."""
        self.fleet("down")


_COUNTS = {
    "tracks": "SELECT COUNT(*) FROM tracks WHERE missing_since IS NULL",
    "albums": "SELECT COUNT(*) FROM albums",
    "covers": "SELECT COUNT(*) FROM covers WHERE entity_type = 'album' AND role = 'front'",
    "pictures": "SELECT COUNT(*) FROM images WHERE width > 0",
}


class BareLoop(Peer):
    """`bench.bare_loop`; it has no second scan."""

    name = "bare loop"
    does = "a thumbnail of each picture"

    @classmethod
    def version(cls) -> str:
        """It comes with ours."""
        return code_version()

    def scan(self, *, deep: bool = False) -> Scan:
        """All of it."""
        out = self.work / "loop"
        shutil.rmtree(out, ignore_errors=True)
        ran = cost.run([sys.executable, "-m", "bench.peers.bare_loop", str(self.music), str(out)])
        if ran.code:
            raise UnusableRunError(f"the bare loop ended with {ran.code}, see above")
        return Scan(ran.wall, ran.cpu, 0, **json.loads(ran.output))


class Mpd(Peer):
    """mpd, driven by mpc; both are packages of Debian and others."""

    name = "mpd"
    does = "none"

    @classmethod
    def version(cls) -> str | None:
        """As mpd says it."""
        if shutil.which("mpd") is None or shutil.which("mpc") is None:
            return None
        return _first_version(["mpd", "--version"])

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.work.joinpath("playlists").mkdir()
        conf = self.work / "mpd.conf"
        conf.write_text(_MPD_CONF.format(music=self.music, work=self.work))
        quiet = subprocess.DEVNULL
        command = ["mpd", "--no-daemon", str(conf)]
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + _PATIENCE
        socket = self.work / "socket"
        while not socket.exists() or self._mpc("status", check=False).code:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise UnusableRunError(f"mpd does not answer — see {self.work}/log")
            time.sleep(_POLL_SECONDS)

    def scan(self, *, deep: bool = False) -> Scan:
        """`mpc update`, or `mpc rescan`."""
        with _watched(self.process.pid) as peak:
            before = cost.tree_cpu(self.process.pid)
            ran = self._mpc("rescan" if deep else "update", "--wait")
            cpu = cost.tree_cpu(self.process.pid) - before + ran.cpu
        said = dict(
            re.findall(r"^(Songs|Albums):\s+(\d+)", self._mpc("stats").output, re.MULTILINE)
        )
        return Scan(ran.wall, cpu, max(peak), int(said["Songs"]), int(said["Albums"]))

    def stop(self) -> None:
        """Stop the server."""
        self.process.terminate()
        self.process.wait(_PATIENCE)

    def _mpc(self, *arguments: str, check: bool = True) -> cost.Run:
        ran = cost.run(["mpc", "-h", str(self.work / "socket"), *arguments])
        if check and ran.code:
            raise UnusableRunError(f"`mpc {' '.join(arguments)}` ended with {ran.code}, see above")
        return ran


_MPD_CONF = """\
music_directory "{music}"
playlist_directory "{work}/playlists"
db_file "{work}/db"
log_file "{work}/log"
state_file "{work}/state"
bind_to_address "{work}/socket"
auto_update "no"
audio_output {{
  type "null"
  name "none"
}}
"""


class _Command(Peer):
    """A program that scans in the process of its command, and is nothing in between."""

    database: ClassVar[str]
    counts: ClassVar[dict[str, str]]

    def _scanned(self, command: list[str], environment: dict[str, str]) -> Scan:
        ran = cost.run(command, os.environ | environment)
        if ran.code:
            raise UnusableRunError(f"`{' '.join(command)}` ended with {ran.code}, see above")
        return Scan(ran.wall, ran.cpu, 0, **_counted(self.work / self.database, self.counts))


class Beets(_Command):
    """beets, importing as it is: no copies, no lookups."""

    name = "beets"
    does = "none"
    database = "beets.db"
    counts: ClassVar = {
        "tracks": "SELECT COUNT(*) FROM items",
        "albums": "SELECT COUNT(*) FROM albums",
    }

    @classmethod
    def version(cls) -> str | None:
        """As beet says it."""
        return _first_version(["beet", "version"]) if shutil.which("beet") else None

    def start(self) -> None:
        """Write its configuration."""
        (self.work / "config.yaml").write_text(
            f"directory: {self.work}/none\nlibrary: {self.work}/beets.db\n"
            "import: {copy: no, move: no, write: no, autotag: no, quiet: yes, incremental: yes, "
            "duplicate_action: keep}\n"
        )

    def scan(self, *, deep: bool = False) -> Scan:
        """`beet import`, and when it was scanned before `beet update`."""
        is_first = not (self.work / "beets.db").exists()
        verb = ["import", "-A", "-C", "-q", str(self.music)] if is_first else ["update"]
        return self._scanned(["beet", *verb], {"BEETSDIR": str(self.work)})


class Supysonic(_Command):
    """supysonic, by its command."""

    name = "supysonic"
    does = "a flag"
    database = "supysonic.db"
    counts: ClassVar = {
        "tracks": "SELECT COUNT(*) FROM track",
        "albums": "SELECT COUNT(*) FROM album",
    }

    @classmethod
    def version(cls) -> str | None:
        """Of its distribution, which its command does not say; None where it is not installed."""
        command = shutil.which("supysonic-cli")
        if command is None:
            return None
        python = Path(command).with_name("python")
        code = "import importlib.metadata as m; print(m.version('supysonic'))"
        return _first_version([str(python if python.exists() else sys.executable), "-c", code])

    def start(self) -> None:
        """Write its configuration, and name the folder."""
        self.work.joinpath(".supysonic").write_text(
            f"[base]\ndatabase_uri = sqlite:////{self.work}/{self.database}\n"
            "scanner_extensions = mp3 flac ogg opus\n"
            f"[webapp]\ncache_dir = {self.work}/cache\n[daemon]\nsocket = {self.work}/none\n"
        )
        self._cli("folder", "add", "music", str(self.music))

    def scan(self, *, deep: bool = False) -> Scan:
        """`folder scan`, with `--force` for all files."""
        force = ["--force"] if deep else []
        environment = {"HOME": str(self.work)}
        command = ["supysonic-cli", "folder", "scan", "--foreground", *force, "music"]
        return self._scanned(command, environment)

    def _cli(self, *arguments: str) -> None:
        ran = cost.run(["supysonic-cli", *arguments], os.environ | {"HOME": str(self.work)})
        if ran.code:
            raise UnusableRunError(f"`supysonic-cli {' '.join(arguments)}` ended with {ran.code}")


PEERS: dict[str, type[Peer]] = {each.name: each for each in (Ours, BareLoop, Mpd, Supysonic, Beets)}


def _first_version(command: list[str]) -> str | None:
    """The first number with a point in what a command prints."""
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(?:\.\w+)+", said)
    return found[0] if found else None


def _counted(file: Path, queries: Mapping[str, str]) -> dict[str, int]:
    """What each of these queries counts in a database of SQLite."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return {name: database.execute(query).fetchone()[0] for name, query in queries.items()}


@contextmanager
def _watched(top: int) -> Iterator[list[float]]:
    """The memory that a process and all below it have meanwhile, in MiB, once a second.

    More often would slow down what is measured, for the kernel counts while the process waits.
    """
    peak = [cost.tree_pss(top)]
    with _meanwhile(1.0, lambda _: peak.append(cost.tree_pss(top))):
        yield peak


@contextmanager
def _arrivals(file: Path) -> Iterator[list[tuple[float, int, int]]]:
    """How many tracks and covers of albums there are meanwhile, with the seconds since now."""
    found: list[tuple[float, int, int]] = []
    before = _counted(file, _ARRIVALS)
    with closing(
        sqlite3.connect(f"file:{file}?mode=ro", uri=True, check_same_thread=False)
    ) as database:

        def count(seconds: float) -> None:
            tracks, covers = (database.execute(each).fetchone()[0] for each in _ARRIVALS.values())
            found.append((seconds, tracks, covers - before["covers"]))

        with _meanwhile(0.1, count):
            yield found


_ARRIVALS = {
    "tracks": "SELECT COUNT(*) FROM tracks",
    "covers": "SELECT COUNT(*) FROM covers WHERE entity_type = 'album'",
}


@contextmanager
def _meanwhile(interval: float, work: Callable[[float], object]) -> Iterator[None]:
    """Do this again and again in a thread of the bench, whose CPU seconds nobody counts."""
    begun, ended = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not ended.wait(interval):
            work(time.monotonic() - begun)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
