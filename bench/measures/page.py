"""Measures how long pages of the web UI take in a library of any size.

    python -m bench page [--tracks N | --library DIR | --rows N] [--runs N]

A library of --tracks tracks is scanned; or the rows of one that was never there are written, of any
size (see `bench.libraries.rows`). Each page is asked for --runs times over one connection, in turn
with the others, each time another album, artist and track.

Exit code 0: the median of each is below 100 ms; 1: not so; 2: the pages could not be asked for.
"""

import http.client
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlsplit

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.libraries import rows
from bench.libraries.shape import Shape
from bench.measures.scan import add_library, library, started
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Cell, Result, Table

MOST_SECONDS = 0.1
Ask = Callable[[], str]
"""Draws the path of a page."""


class WithPages(Ours):
    """A fleet with its web UI, on a free port."""

    settings = Ours.settings | {"FLEET_WEB": "127.0.0.1:0"}

    @property
    def url(self) -> str:
        """Where the pages are."""
        return self.fleet("web", "--where").output.strip()


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("page", __doc__)
    add_library(options, 1000)
    options.add_argument("--rows", type=int, default=0, metavar="N", help="tracks, and no file")
    options.add_argument("--runs", type=int, default=50, help="of each page (%(default)s)")
    asked = options.parse_args(arguments)
    load = results.load()
    with nullcontext() if asked.rows else library(asked) as found:
        tracks = asked.rows or (found.tracks if found else 0)
        with started(WithPages, found.music if found else Path("/")) as one:
            assert isinstance(one, WithPages)  # noqa: S101  # for the type checker
            if found:
                one.scan()
            else:
                with rows.of_fleet(one.data):
                    rows.fill(Shape(tracks), report=say)
            taken = _taken(one.url, _pages(one.data / "library.db"), asked.runs)
    table = Table(
        ("median ms", "95 % below, ms"),
        [[name, *_in_ms(seconds)] for name, seconds in taken.items()],
        plotted="median ms",
    )
    for name, *cells in table.rows:
        print(f"{name:20}", *(f"{cell!s:>10} ms" for cell in cells))
    what = f"Pages of the web UI in a library of {tracks:,} tracks"
    versions = {Ours.name: Ours.version()}
    result = Result("page", command_line("page", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    good = [
        verdict(f"{name}: {median(each) * 1000:.0f} ms", median(each) < MOST_SECONDS)
        for name, each in taken.items()
    ]
    return PASSED if all(good) else FAILED


def _pages(file: Path) -> dict[str, Ask]:
    """The pages, each with what draws one of its kind."""
    draw = random.Random(1)  # noqa: S311  # no secret
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        ids = {
            kind: [row[0] for row in database.execute(_DRAWN.format(table=kind))]
            for kind in ("albums", "artists", "tracks")
        }
        words = [row[0].split()[0] for row in database.execute(_TITLES)]
    return {
        "front page": lambda: "/",
        "album": lambda: f"/albums/{draw.choice(ids['albums'])}",
        "artist": lambda: f"/artists/{draw.choice(ids['artists'])}",
        "track": lambda: f"/tracks/{draw.choice(ids['tracks'])}",
        "search": lambda: f"/search?q={quote(draw.choice(words))}",
        "health": lambda: "/health",
    }


_DRAWN = "SELECT id FROM {table} ORDER BY id LIMIT 500"
_TITLES = "SELECT title FROM tracks WHERE title IS NOT NULL ORDER BY id LIMIT 500"


def _taken(url: str, pages: dict[str, Ask], runs: int) -> dict[str, list[float]]:
    """The seconds until each page was there whole."""
    taken: dict[str, list[float]] = defaultdict(list)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    with closing(connection):
        for number in range(runs + 1):
            for name, ask in pages.items():
                path, begun = ask(), time.perf_counter()
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                if answer.status != http.client.OK:
                    raise UnusableRunError(f"{path} answers {answer.status} {answer.reason}")
                if number:  # the first time it is compiled
                    taken[name].append(time.perf_counter() - begun)
    return taken


def _in_ms(seconds: Sequence[float]) -> list[Cell]:
    ordered = sorted(seconds)
    return [round(median(seconds) * 1000, 1), round(ordered[int(len(ordered) * 0.95)] * 1000, 1)]
