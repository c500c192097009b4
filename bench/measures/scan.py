"""Scans a library for the first time with ours, with a bare loop, and with mpd, supysonic, beets.

    python -m bench scan [--tracks N | --library DIR] [--rounds N] [--only NAMES]

All peers that are installed take turns in each round, each in an empty folder; ours is a whole
fleet that is up before, without audio analysis and web UI, and the time is that of `fleet scan`,
which ends when each cover is chosen and each thumbnail made. CPU seconds are those of all processes
of a peer. A ratio is the median of the rounds' ratios to the bare loop (`bench.bare_loop`), so that
what a machine does meanwhile touches both sides.

Exit code 0: whoever counts tracks, albums, covers and pictures has all that the library has, and
ours takes no more than twice the bare loop's CPU and wall, and 2.5 times mpd's wall; 1: not so;
2: a peer could not be run.
"""

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.libraries import music
from bench.libraries.music import Library
from bench.peers.programs import PEERS, BareLoop, Mpd, Ours, Peer, Scan
from bench.record import results
from bench.record.results import Cell, Result, Table

MOST_TIMES_LOOP = 2.0
MOST_TIMES_MPD = 2.5
Scans = dict[str, list[Scan]]
"""The rounds of each peer."""


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("scan", __doc__)
    add_options(options, list(PEERS))
    asked = options.parse_args(arguments)
    load = results.load()
    with library(asked) as found:
        scans = run(installed(asked.only), found, asked.rounds)
    print_table(scans)
    what = f"First scan of {found.tracks:,} tracks in {found.albums:,} albums, generated"
    write("scan", arguments, what, scans, load)
    return PASSED if _is_as_required(scans, found) else FAILED


def add_options(options: ArgumentParser, names: Sequence[str]) -> None:
    """The options of a bench whose peers scan a library."""
    add_library(options, 10_000)
    options.add_argument("--rounds", type=int, default=3, help="how often all run (%(default)s)")
    options.add_argument("--only", default=",".join(names), metavar="NAMES", help="(%(default)s)")


def add_library(options: ArgumentParser, tracks: int) -> None:
    """The options that name a library, or how large one is to be that is made."""
    options.add_argument("--tracks", type=int, default=tracks, help="how many (%(default)s)")
    options.add_argument("--library", type=Path, metavar="DIR", help="of `python -m bench music`")


@contextmanager
def library(asked: Namespace) -> Iterator[Library]:
    """The library that was asked for; one that is not named is made, and deleted at the end."""
    if asked.library is not None:
        yield music.open_library(asked.library)
        return
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        say(f"making a library of {asked.tracks:,} tracks in {folder}")
        yield music.make(Path(folder), asked.tracks)


def installed(names: str, known: Iterable[str] = PEERS) -> dict[str, type[Peer]]:
    """The peers of these names, with commas between them, less those that are not installed.

    Raises UnusableRunError for a name that is not `known`.
    """
    found = {}
    for name in names.split(","):
        if name not in known:
            raise UnusableRunError(f"there is no peer {name!r} — choose of {','.join(known)}")
        if PEERS[name].version() is None:
            say(f"{name} is not installed, and is left out")
        else:
            found[name] = PEERS[name]
    return found


def run(peers: dict[str, type[Peer]], found: Library, rounds: int) -> Scans:
    """Have all scan in turn, each in an empty folder."""
    scans: Scans = defaultdict(list)
    for number in range(rounds):
        for name, peer in peers.items():
            with started(peer, found.music) as one:
                scans[name].append(one.scan())
            _say_round(number, name, scans[name][-1])
    return scans


P = TypeVar("P", bound=Peer)


@contextmanager
def started(peer: Callable[[Path, Path], P], folder: Path) -> Iterator[P]:
    """A peer in an empty folder, running until it is left."""
    work = Path(tempfile.mkdtemp(prefix="mfpeer", dir="/tmp"))  # sockets: 107 bytes
    one = peer(folder, work)
    try:
        one.start()
        try:
            yield one
        finally:
            one.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _say_round(number: int, name: str, scan: Scan) -> None:
    say(f"round {number + 1} {name:12} wall {scan.wall:7.2f} s  CPU {scan.cpu:7.2f} s")


def middle(scans: Scans, name: str, quantity: str) -> float:
    """The median of a peer's rounds."""
    return float(median(getattr(each, quantity) for each in scans[name]))


def times(scans: Scans, name: str, other: str, quantity: str) -> float | None:
    """How many times as much one takes as another: the median of the rounds."""
    if name == other or not {name, other} <= scans.keys():
        return None
    pairs = zip(scans[name], scans[other], strict=True)
    return float(median(getattr(one, quantity) / getattr(two, quantity) for one, two in pairs))


def table(scans: Scans) -> Table:
    """The figures of all peers."""
    loop = BareLoop.name if BareLoop.name in scans else Mpd.name
    columns = ["wall s", "CPU s", f"wall, times {loop}", f"CPU, times {loop}", "most MiB"]
    columns += ["tracks", "albums", "covers"]
    rows: list[list[Cell]] = []
    for name, rounds in scans.items():
        wall, cpu = (_rounded(times(scans, name, loop, each), 2) for each in ("wall", "cpu"))
        last, memory = rounds[-1], round(middle(scans, name, "memory")) or None
        took = [round(middle(scans, name, each), 2) for each in ("wall", "cpu")]
        counts = (last.tracks, last.albums, last.covers)
        rows.append([name, *took, wall, cpu, memory, *counts])
    return Table(columns, rows, plotted="wall s")


def print_table(scans: Scans) -> None:
    """Print what was measured, a line a peer."""
    found = table(scans)
    for row in [["", *found.columns], *found.rows]:
        print("".join(f"{'' if cell is None else cell!s:>22}" for cell in row))


def write(bench: str, arguments: Sequence[str], what: str, scans: Scans, load: float) -> None:
    """Keep the figures."""
    versions = {name: str(PEERS[name].version()) for name in scans}
    line = command_line(bench, arguments)
    file = results.write(Result(bench, line, what, table(scans), versions, load))
    say(f"{file} written")


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def same_work(scans: Scans, found: Library) -> bool:
    """Print whether each counts what there is, as far as it counts; whether all do."""
    good = True
    for name, rounds in scans.items():
        for scan in rounds:
            wrong = [
                f"{got:,} of {truth:,} {what}"
                for what in ("tracks", "albums", "covers", "pictures")
                if (got := getattr(scan, what)) is not None
                and got != (truth := getattr(found, what))
            ]
            good &= not wrong
            if wrong:
                verdict(f"{name} has all that there is: {', '.join(wrong)}", is_well=False)
    return good and verdict("each has all tracks, albums, covers and pictures that it counts", True)


def _is_as_required(scans: Scans, found: Library) -> bool:
    good = same_work(scans, found)
    limits = (
        (BareLoop.name, "cpu", MOST_TIMES_LOOP),
        (BareLoop.name, "wall", MOST_TIMES_LOOP),
        (Mpd.name, "wall", MOST_TIMES_MPD),
    )
    for peer, quantity, most in limits:
        got = times(scans, Ours.name, peer, quantity)
        if got is not None:
            text = f"ours takes {got:.2f} times the {quantity} of {peer}; at most {most}"
            good &= verdict(text, got <= most)
    if Ours.name in scans:
        first, full = (middle(scans, Ours.name, each) for each in ("first_cover", "all_tracks"))
        print(f"ours: the first album has its cover after {first:.2f} s, all tracks {full:.2f} s")
    return good
