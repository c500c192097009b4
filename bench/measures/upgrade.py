"""Upgrades a fleet that is at work, and downgrades it again.

    python -m bench upgrade [--from COMMIT] [--library DIR] [--tracks N] [--server URL]

The musicfleet of a commit, by default the last release, begins to scan a library. With jobs that
wait and jobs at work it is replaced by the musicfleet of this checkout, as an installer does, and
`fleet up` is called. When the scan has ended, another one reads what the new version reads better.
The tables are then compared with those of a first scan by the new version. At last the old one
comes back, which is to refuse the database. That is SQLite, or with --server two databases that are
made on a PostgreSQL.

Exit code 0: the scan that was interrupted ended by itself, nothing failed, the doctor finds no
error, the tables are equal, and the old version changed nothing; 1: not so; 2: nothing could be
measured.
"""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench.command import FAILED, PASSED, UnusableRunError, parser, say, verdict
from bench.libraries import music
from bench.storm.tables import Snapshot, differences, snapshot
from db.sql.connection import close_database, open_database

CHECKOUT = Path(__file__).parents[2]
LAST_RELEASE = "f31b40b"
"""What was handed out last; a tag, once there is one."""
_TRACKS = 600
_OPEN_CHUNKS, _INSERTED = 3, 50
"""In the middle of the scan: so many chunks have jobs, and so many tracks are in the database."""
_PATIENCE = 900.0
_REFUSED = 8
"""How `fleet` ends when the database has another version."""


class Installation:
    """A folder that holds one musicfleet or another, and the fleet of one data folder."""

    def __init__(self, work: Path, data: str, server: str = "") -> None:
        self.folder, self.data = work / "installed", work / data
        self.data.mkdir(mode=0o700)
        self.database = f"sqlite:///{self.data}/library.db"
        if server:
            name = f"upgrade_{data}"
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {name}")
            self.database = urlsplit(server)._replace(path=f"/{name}").geturl()
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        self.environment = own | {
            "PYTHONPATH": str(self.folder),
            "FLEET_DATA_DIR": str(self.data),
            "FLEET_DATABASE_URL": self.database,
            "FLEET_WEB": "off",
            "FLEET_ANALYSIS_SECONDS": "off",
            "HOME": str(work),
        }

    def install(self, commit: str) -> None:
        """Have the folder hold the musicfleet of a commit, and nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        archive = subprocess.run(
            ["git", "-C", str(CHECKOUT), "archive", commit],  # noqa: S607  # of the PATH
            capture_output=True,
            check=False,
        )
        if archive.returncode:
            raise UnusableRunError(f"there is no commit {commit} here: {archive.stderr.decode()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(self.folder, filter="data")

    def fleet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `fleet` to its end."""
        return subprocess.run(
            self._command(*arguments),
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Run `fleet` beside."""
        return subprocess.Popen(
            self._command(*arguments),
            env=self.environment,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "worker.cli", *arguments]

    def ask(self, query: str) -> int:
        """The number that a query of the database gives; 0 where it has no such table yet."""
        if self.database.startswith("postgres"):
            with suppress(psycopg.Error), psycopg.connect(self.database) as connection:
                row = connection.execute(query.encode()).fetchone()
                return int(row[0] or 0) if row else 0
            return 0
        file = f"file:{self.data}/library.db?mode=ro"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file, uri=True)) as db:
            return int(db.execute(query).fetchone()[0] or 0)
        return 0

    def wait(self, what: str, query: str, least: int) -> None:
        """Wait until a query gives so much."""
        deadline = time.monotonic() + _PATIENCE
        while self.ask(query) < least:
            if time.monotonic() > deadline:
                raise UnusableRunError(f"{what} did not come in {_PATIENCE:.0f} s")
            time.sleep(0.1)

    def failed_jobs(self) -> int:
        """How many jobs of all queues have failed."""
        queues = json.loads(self.fleet("status", "--json").stdout)["queues"]
        return sum(each["failed"] for each in queues)


_AT_WORK = "SELECT COUNT(*) FROM scan_chunks WHERE done_at IS NULL"
_ENDED = "SELECT COUNT(*) FROM scans WHERE finished_at IS NOT NULL AND fault IS NULL"


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("upgrade", __doc__)
    options.add_argument("--from", dest="old", default=LAST_RELEASE, metavar="COMMIT")
    options.add_argument("--library", type=Path, metavar="DIR")
    options.add_argument("--tracks", type=int, default=_TRACKS, metavar="N")
    options.add_argument("--server", default="", metavar="URL")
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mfup", dir="/tmp") as folder:
        work = Path(folder)
        found = asked.library or music.make(work / "music", asked.tracks).music
        return PASSED if _is_well(work, found.resolve(), asked) else FAILED


def _is_well(work: Path, library: Path, asked: Namespace) -> bool:
    fleet = Installation(work, "a", asked.server)
    fleet.install(asked.old)
    begun = fleet.begin("scan", str(library))
    try:
        fleet.wait("work in the middle of the scan", _AT_WORK, _OPEN_CHUNKS)
        fleet.wait("tracks", "SELECT COUNT(*) FROM tracks", _INSERTED)
        chunks, tracks = fleet.ask(_AT_WORK), fleet.ask("SELECT COUNT(*) FROM tracks")
        say(f"{tracks} tracks are there and {chunks} chunks at work: the upgrade comes")
        begun.kill()
        begun.wait()
        fleet.install("HEAD")
        up = fleet.fleet("up")
        say(up.stderr.strip())
        is_up = verdict("`fleet up` starts the new version", up.returncode == 0)
        fleet.wait("the end of the scan", _ENDED, 1)
        failed = fleet.failed_jobs()
        is_told = verdict(f"no job of the old version failed ({failed} did)", failed == 0)
        scanned = fleet.fleet("scan", "--stop", str(library))
        say(scanned.stdout.strip())
        is_sound = _is_sound(fleet)
        is_same = _is_same(fleet, Installation(work, "b", asked.server), library)
        return all([is_up, is_told, is_sound, is_same, _is_refused(fleet, asked.old)])
    finally:
        begun.kill()
        fleet.fleet("down")


def _is_sound(fleet: Installation) -> bool:
    fleet.fleet("up")
    doctor = fleet.fleet("doctor")
    fleet.fleet("down")
    for line in doctor.stdout.splitlines():
        if not line.startswith("ok"):
            say(f"  {line}")
    return verdict("the doctor finds no error", doctor.returncode in {0, 3})


def _is_same(fleet: Installation, first: Installation, library: Path) -> bool:
    first.fleet("scan", "--stop", str(library))
    expected, found = _tables(first), _tables(fleet)
    differing = list(differences(expected, found))
    for line in differing[:_MOST_SHOWN]:
        say(f"  {line}")
    return verdict("the tables are those of a first scan", not differing)


_MOST_SHOWN = 20


def _tables(fleet: Installation) -> Snapshot:
    """What a database holds, but for vectors: an older version had more artists wait for them."""
    open_database(fleet.database)
    try:
        found = snapshot()
        found["ledger"] = Counter(row for row in found["ledger"] if "'vector'" not in row)
        return found
    finally:
        close_database()


def _is_refused(fleet: Installation, old: str) -> bool:
    before = _tables(fleet)
    fleet.install(old)
    up = fleet.fleet("up")
    say(up.stderr.strip())
    is_refused = up.returncode == _REFUSED and _tables(fleet) == before
    return verdict("the old version refuses the database and changes nothing", is_refused)
