"""Compares what `fleet simulate` says of a large library with the scan of it.

    python -m bench simulation [--tracks SMALL LARGE] [--analysis]

A fleet scans a small library; by what its jobs took, the large one is simulated, and then another
fleet scans that. With --analysis both are waited for until the last track is analysed.

Exit code 0: the simulation is within 20 % of the scan; 1: not so; 2: it could not be measured.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.command import FAILED, PASSED, command_line, parser, say
from bench.libraries import music
from bench.libraries.music import SMALL
from bench.measures.scan import started
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Result, Table

MOST_OFF = 0.2
_TO_DO = "SELECT COUNT(*) FROM ledger WHERE kind = 'analysis' AND state IN ('todo', 'leased')"


class Analysing(Ours):
    """A fleet that analyses too."""

    settings = {"FLEET_WEB": "off"}  # noqa: RUF012  # as its parent has it


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("simulation", __doc__)
    options.add_argument("--tracks", type=int, nargs=2, default=[2_000, 10_000], metavar="N")
    options.add_argument("--analysis", action="store_true")
    asked = options.parse_args(arguments)
    load, kind = results.load(), Analysing if asked.analysis else Ours
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        times = Path(folder) / "times.json"
        _scanned(kind, Path(folder), asked.tracks[0], times)
        said = _simulated(times, asked.tracks[1], kind)
        taken = _scanned(kind, Path(folder), asked.tracks[1], times)
    off = said / taken - 1
    table = Table(
        ("simulated s", "scanned s", "off by %"),
        [[f"{asked.tracks[1]:,} tracks", round(said, 1), round(taken, 1), round(100 * off, 1)]],
        plotted="scanned s",
    )
    what = f"What jobs of {asked.tracks[0]:,} tracks say of a larger library"
    versions = {Ours.name: Ours.version()}
    command = command_line("simulation", arguments)
    say(f"{results.write(Result('simulation', command, what, table, versions, load))} written")
    say(f"simulated {said:.1f} s, scanned in {taken:.1f} s: {off:+.0%}")
    return PASSED if abs(off) <= MOST_OFF else FAILED


def _scanned(kind: type[Ours], folder: Path, tracks: int, times: Path) -> float:
    """Seconds until a library of so many tracks is done; what its jobs took is written."""
    say(f"making a library of {tracks:,} tracks")
    found = music.make(folder / str(tracks), tracks, form=SMALL)
    with started(kind, found.music) as one:
        assert isinstance(one, Ours)  # noqa: S101  # for the type checker
        begun = time.monotonic()
        one.scan()
        while kind is Analysing and _count(one.data / "library.db", _TO_DO):
            time.sleep(0.5)
        taken = time.monotonic() - begun
        one.fleet("simulate", "--save-times", str(times))
    return taken


def _count(file: Path, sql: str) -> int:
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        return int(connection.execute(sql).fetchone()[0])


def _simulated(times: Path, tracks: int, kind: type[Ours]) -> float:
    one = kind(Path("/"), times.parent / "none")
    words = ["simulate", "--times", str(times), "--tracks", str(tracks), "--no-best", "--json"]
    ran = one.fleet(*words)
    return float(json.loads(ran.output)["result"]["seconds"])
