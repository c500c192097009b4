"""Scans a folder on one host, and on four that share the work while they fail; equal tables.

    python -m bench hosts FOLDER [--pause 30] [--analysis 400]

Each host has a network, processes and mounts of its own (namespaces of Linux, as root), and
all share a Valkey, a PostgreSQL and an S3 (moto) on another machine. Three of the four
have the music, one of them at another path; the third has not, and must take no job of its files.
The fourth is at the end of a slow link (100 ms there and back, one frame in a hundred lost,
10 Mbit/s). During their scan Valkey and then PostgreSQL are gone for `--pause` seconds, the second
host is cut off for as long, and then switched off and on again. A last `fleet scan` follows.

The analysis is off then: it takes hours, and its numbers are not those of another run to the last
digit. At last `--analysis` tracks of the folder are analysed by a host that has a quarter of a
core, and again by that one and another like it.

Exit code 0: the tables are equal, the third host took none of the jobs and the others did,
`fleet doctor` finds nothing, and the second host made the analysis shorter by a third at least; 1:
not so; 2: the bench could not be run.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.command import FAILED, PASSED, UnusableRunError, parser, say, verdict
from bench.hosts.network import Host, Servers, network
from bench.storm.tables import Snapshot, differences, snapshot
from db import ledger
from db.models import Track
from db.sql.connection import close_database, open_database

_TOPOLOGY = Path(__file__).parents[2] / "queues.toml"
_ALL = "scan metadata library covers providers enrichment analysis vectors publishing maintenance"
_SHORTER = 2 / 3
_CORES = 0.25
"""Of each host that analyses: so the machine has enough for both, whatever else it does."""
_SECONDS = 900.0
"""How long a scan may take, troubles included."""


def main(arguments: Sequence[str]) -> int:
    """Run the bench; its exit code."""
    command = parser("hosts", __doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--pause", type=float, default=30.0, metavar="SECONDS")
    command.add_argument("--analysis", type=int, default=400, metavar="TRACKS")
    given = command.parse_args(arguments)
    with _work() as work, network() as servers:
        expected = _on_one_host(servers, work / "one", given.folder)
        found = _on_several(servers, work / "several", given.folder, given.pause)
        is_shared = _is_shared(expected, found)
        ratio = _analysed(servers, work / "analysis", given.folder, given.analysis)
    says = f"with one more host the analysis takes {ratio:.2f} of the time"
    return PASSED if verdict(says, ratio < _SHORTER) and is_shared else FAILED


def _is_shared(expected: Snapshot, found: "_Found") -> bool:
    """Whether the hosts that shared a scan did what the one did; all that speaks against it."""
    wrong = list(differences(expected, found.tables))
    for line in wrong[:40]:
        print(line)
    for line in found.errors:
        print(f"doctor: {line}")
    rows = sum(each.total() for each in expected.values())
    others = {name: jobs for name, jobs in found.taken.items() if name != "third"}
    began = ", ".join(f"{name} {jobs:,}" for name, jobs in others.items())
    without = found.taken["third"]
    verdicts = {
        f"the tables are equal: {rows:,} rows, {len(wrong):,} differ": not wrong,
        f"the host without the music took {without:,} of the jobs that read it": not without,
        f"the others took jobs: {began}": all(others.values()),
        f"the doctor finds {len(found.errors):,} faults": not found.errors,
    }
    return sum(verdict(*each) for each in verdicts.items()) == len(verdicts)


@contextmanager
def _work() -> Iterator[Path]:
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="mf-work", dir="/tmp"))  # sockets: 107 bytes
    try:
        yield folder
    finally:
        close_database()
        shutil.rmtree(folder, ignore_errors=True)


class _Fleet:
    """The hosts of one round, on an empty Redis and a database of their own."""

    def __init__(
        self, servers: Servers, work: Path, tables: str, settings: Mapping[str, str]
    ) -> None:
        self._name = work.name
        self.music = work.with_name("music")
        self._work, self._servers = work, servers
        work.mkdir()
        topology = work / "queues.toml"
        topology.write_text(f"{_TOPOLOGY.read_text()}\n{tables}")
        open_database(servers.own_database_url)
        _execute(f"DROP DATABASE IF EXISTS {self._name}")
        _execute(f"CREATE DATABASE {self._name}")
        close_database()
        with servers.valkey() as client:
            client.flushall()
        self._environment = {
            "FLEET_DATABASE_URL": servers.database_url.replace(
                "/postgres", f"/{self._name}", 2
            ).replace(f"//{self._name}@", "//postgres@"),
            "FLEET_REDIS_URL": servers.redis_url,
            "FLEET_QUEUES": str(topology),
            "FLEET_ANALYSIS_SECONDS": "off",
            "FLEET_WEB": "off",
            **settings,
        }

    def host(self, name: str, number: int) -> Host:
        """A host of it, which is off."""
        folder = self._work / name
        return Host(name, number, folder, {**self._environment, "FLEET_HOST": name})

    def open(self) -> None:
        """Open its database in this process."""
        open_database(self._servers.own_database_url.replace("/postgres?", f"/{self._name}?"))

    def written(self) -> int:
        """How many tracks it has written."""
        self.open()
        try:
            return Track.select().count()
        finally:
            close_database()

    def tables(self) -> Snapshot:
        """What is in it once nothing is left to be done."""
        deadline = time.monotonic() + _SECONDS
        self.open()
        while (left := _left()) and time.monotonic() < deadline:
            time.sleep(1)
        if left:
            raise UnusableRunError(f"{left} needs are not settled")
        found = {name: _comparable(rows) for name, rows in snapshot().items() if name != "samples"}
        close_database()
        return found


def _comparable(rows: Counter[str]) -> Counter[str]:
    """Rows but those that say that vectors wait for the first analysis.

    Which artists have one already depends on the order in which chunks were written.
    """
    return Counter({row: count for row, count in rows.items() if ledger.NO_MODEL not in row})


def _execute(statement: str) -> None:
    from db.models import database  # noqa: PLC0415  # opened meanwhile

    database.connection().autocommit = True
    database.execute_sql(statement)


def _left() -> int:
    from db.models import LedgerRow, State  # noqa: PLC0415  # as above

    return LedgerRow.select().where(LedgerRow.state.in_([State.TODO, State.LEASED])).count()


def _on_one_host(servers: Servers, work: Path, music: Path) -> Snapshot:
    fleet = _Fleet(servers, work, "[hosts.alone]\n", {})
    host = fleet.host("alone", 0)
    try:
        host.start(music, fleet.music)
        host.fleet("up")
        began = time.monotonic()
        host.fleet("scan", str(fleet.music))
        say(f"one host: {time.monotonic() - began:.0f} s")
        found = fleet.tables()
        host.fleet("down")
        return found
    finally:
        host.kill()


_SHARED = """
[hosts.first]
programs = {all}
[hosts.second]
programs = ["metadata", "library", "covers"]
roots = {{ "{music}" = "{elsewhere}" }}
[hosts.third]
programs = ["scan", "metadata", "library", "covers"]
[hosts.distant]
programs = ["metadata", "library", "covers"]
"""


class _Found(NamedTuple):
    """What became of the scan that the hosts shared."""

    tables: Snapshot
    errors: list[str]
    """Of the doctor."""
    taken: dict[str, int]
    """How many jobs each host began."""


def _on_several(servers: Servers, work: Path, music: Path, pause: float) -> _Found:
    elsewhere = work / "mnt" / "nas"
    every = [*_ALL.split(), "scheduler"]
    tables = _SHARED.format(all=every, music=work.with_name("music"), elsewhere=elsewhere)
    fleet = _Fleet(servers, work, tables.replace("'", '"'), servers.start_objects())
    names = ("first", "second", "third", "distant")
    first, second, third, distant = hosts = [
        fleet.host(name, number) for number, name in enumerate(names, 1)
    ]
    try:
        first.start(music, fleet.music)
        second.start(music, elsewhere)
        third.start(None, fleet.music)
        distant.start(music, fleet.music, slow=True)
        for host in hosts:
            host.fleet("up")
        began = time.monotonic()
        scan = first.fleet("scan", str(fleet.music), wait=False)
        _troubles(fleet, servers, second, lambda: second.start(music, elsewhere), scan, pause)
        scan.communicate(timeout=_SECONDS)
        first.fleet("scan", str(fleet.music))
        say(f"several hosts, with troubles: {time.monotonic() - began:.0f} s")
        found = fleet.tables()
        doctor = first.fleet("doctor", wait=False)
        said, _ = doctor.communicate()
        errors = [line for line in said.splitlines() if line.startswith("ERROR")]
        return _Found(found, errors, {name: _taken(work / name) for name in names})
    finally:
        for host in hosts:
            with suppress(UnusableRunError):
                host.fleet("down")
            host.kill()


def _troubles(  # noqa: PLR0913, PLR0917  # the parts of one story
    fleet: _Fleet,
    servers: Servers,
    second: Host,
    start_second: Callable[[], None],
    scan: "subprocess.Popen[str]",
    pause: float,
) -> None:
    """Have everything go wrong, one after the other, each while there is something to do."""

    def away(stop: Callable[[], None], start: Callable[[], None], what: str) -> None:
        say(
            f"{what}; {fleet.written():,} tracks are written, the scan "
            f"{'goes on' if scan.poll() is None else 'has ended'}"
        )
        stop()
        time.sleep(pause)
        start()

    _wait_for(fleet, 100)
    away(servers.stop_valkey, servers.start_valkey, "Valkey is gone")
    _wait_for(fleet, 400)
    away(servers.stop_postgres, servers.start_postgres, "PostgreSQL is gone")
    _wait_for(fleet, 700)
    away(lambda: second.cut(off=True), lambda: second.cut(off=False), "the second host is cut off")
    _wait_for(fleet, 1_000)
    away(second.kill, start_second, "the second host is switched off")
    second.fleet("up")


def _wait_for(fleet: _Fleet, tracks: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while fleet.written() < tracks:
        if time.monotonic() > deadline:
            raise UnusableRunError(f"the scan stands at {fleet.written():,} tracks")
        time.sleep(0.2)


def _taken(data_folder: Path) -> int:
    """How many jobs workers of a host began."""
    logs = (data_folder / "run").glob("*-[0-9]*.log")
    return sum(" started" in line for log in logs for line in log.read_text().splitlines())


_ANALYSTS = """
[hosts.first]
programs = {all}
[hosts.more]
programs = ["analysis"]
"""


def _analysed(servers: Servers, work: Path, music: Path, tracks: int) -> float:
    """How long the analysis takes with one more host, as a share of what it takes without."""
    few = work.with_name("few")
    for file in sorted(each for each in music.rglob("*") if each.suffix in _SOUNDS)[:tracks]:
        copy = few / file.relative_to(music)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    every = str([*_ALL.split(), "scheduler"]).replace("'", '"')
    settings = {"FLEET_ANALYSIS_SECONDS": "120"}
    fleet = _Fleet(servers, work, _ANALYSTS.format(all=every), settings)
    first, more = hosts = [fleet.host(name, number) for number, name in ((1, "first"), (2, "more"))]
    try:
        for host in hosts:
            host.start(few, fleet.music)
        first.fleet("up")
        first.fleet("queue", "pause", "audio_analysis", "--yes")
        first.fleet("scan", str(fleet.music))
        first.limit(_CORES)
        more.limit(_CORES)
        alone = _analysis_seconds(fleet, first)
        more.fleet("up")
        first.fleet("enqueue", "analysis", "--all")
        shared = _analysis_seconds(fleet, first)
        say(f"analysis of {tracks} tracks: one host {alone:.0f} s, two hosts {shared:.0f} s")
        return shared / alone
    finally:
        for host in hosts:
            with suppress(UnusableRunError):
                host.fleet("down")
            host.kill()


_SOUNDS = {".mp3", ".flac", ".ogg", ".opus"}


def _analysis_seconds(fleet: _Fleet, host: Host) -> float:
    began = time.monotonic()
    host.fleet("queue", "resume", "audio_analysis", "--yes")
    fleet.tables()
    took = time.monotonic() - began
    host.fleet("queue", "pause", "audio_analysis", "--yes")
    return took
