"""Measures what grows with the library that should not: the cost of a track, a change, a minute.

    python -m bench growth [--tracks N …] [--rows N]

For each size, with small pictures and short sounds: the CPU time of the first scan by track, the
most memory that the fleet had, a scan of one changed album, `fleet status`, and a minute in which
nothing happens. With --rows N status and minute are measured on the rows of N tracks that were
never there, too (see `bench.libraries.rows`): a million take minutes, and 4 GB.

Exit code 0: CPU by track is flat within 20 %, the fleet never had more than 700 MiB, a changed
album took less than a second of CPU more than in the smallest library, and with --rows a minute at
rest takes less than 200 ms of CPU and the status less than a second; 1: not so; 2: it could not be
measured.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.command import FAILED, PASSED, command_line, parser, say, verdict
from bench.libraries import music, rows
from bench.libraries.music import SMALL, Library
from bench.libraries.shape import Shape
from bench.measures.scan import started
from bench.peers import cost
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Result, Table

FLAT = 1.2
MOST_MIB = 700
MOST_CHANGE_SECONDS = 1.0
MOST_MINUTE_SECONDS = 0.2
MOST_STATUS_SECONDS = 1.0
_MINUTE = 60.0


class Size(NamedTuple):
    """What a library of one size costs."""

    tracks: int
    scan: float | None
    """CPU milliseconds of the first scan by track."""
    memory: float | None
    """MiB, at the most."""
    change: float | None
    """CPU seconds of the scan of one album with a changed track."""
    status: float
    """Seconds of `fleet status`."""
    minute: float
    """CPU seconds of a minute at rest."""


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("growth", __doc__)
    options.add_argument("--tracks", type=int, nargs="+", default=[1000, 10_000], metavar="N")
    options.add_argument("--rows", type=int, default=0, metavar="N")
    asked = options.parse_args(arguments)
    load, sizes = results.load(), []
    for tracks in sorted(asked.tracks):
        with _library(tracks) as found, started(Ours, found.music) as one:
            assert isinstance(one, Ours)  # noqa: S101  # for the type checker
            sizes.append(_measured(one, found))
            say(str(sizes[-1]))
    if asked.rows:
        with started(Ours, Path("/")) as one:
            assert isinstance(one, Ours)  # noqa: S101  # for the type checker
            sizes.append(_filled(one, asked.rows))
    table = Table(
        ("CPU ms a track", "most MiB", "CPU s a changed album", "status s", "CPU s a minute"),
        [
            [f"{each.tracks:,} tracks", *(None if f is None else round(f, 2) for f in each[1:])]
            for each in sizes
        ],
        plotted="CPU ms a track",
    )
    what = "Libraries of several sizes, small pictures"
    versions = {Ours.name: Ours.version()}
    result = Result("growth", command_line("growth", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    return PASSED if _is_flat(sizes) else FAILED


@contextmanager
def _library(tracks: int) -> Iterator[Library]:
    with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
        say(f"making a library of {tracks:,} tracks")
        yield music.make(Path(folder), tracks, form=SMALL)


def _measured(one: Ours, found: Library) -> Size:
    first = one.scan()
    change = one.scan(folder=music.retag(found, share=0)[0].parent)
    return Size(
        first.tracks or 0,
        first.cpu / found.tracks * 1000,
        first.memory,
        change.cpu,
        _status(one),
        _minute(one),
    )


def _filled(one: Ours, tracks: int) -> Size:
    with rows.of_fleet(one.data):
        rows.fill(Shape(tracks), report=say)
    return Size(tracks, None, None, None, _status(one), _minute(one))


def _status(one: Ours) -> float:
    """The fastest of three: what else the machine does is no part of it."""
    return min(one.fleet("status").wall for _ in range(3))


def _minute(one: Ours) -> float:
    """From a while after the last work on, when the jobs that follow it have ended."""
    time.sleep(_MINUTE)
    before = cost.tree_cpu(one.supervisord)
    time.sleep(_MINUTE)
    return cost.tree_cpu(one.supervisord) - before


def _is_flat(sizes: Sequence[Size]) -> bool:
    scanned = [each for each in sizes if each.scan is not None]
    a_track = [each.scan or 0 for each in scanned]
    memory = max(each.memory or 0 for each in scanned)
    change = max((each.change or 0) - (scanned[0].change or 0) for each in scanned)
    good = verdict(f"CPU by track: {a_track}", max(a_track) <= FLAT * a_track[0])
    good &= verdict(f"{memory:.0f} MiB; at most {MOST_MIB}", memory <= MOST_MIB)
    text = f"a changed album takes {change:.2f} s more than in the smallest library"
    good &= verdict(text, change <= MOST_CHANGE_SECONDS)
    if (last := sizes[-1]).scan is None:
        good &= verdict(f"the status takes {last.status:.2f} s", last.status < MOST_STATUS_SECONDS)
        text = f"a minute at rest takes {last.minute:.2f} s of CPU"
        good &= verdict(text, last.minute < MOST_MINUTE_SECONDS)
    return good
