"""`python -m bench NAME …` runs a bench; without a name it lists them."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from bench.command import PASSED, UNUSABLE, run
from worker.phrases import did_you_mean


class Bench(NamedTuple):
    """Where a bench is, and what it measures."""

    module: str
    """Has `main`, which takes the arguments and returns the exit code."""
    what: str


BENCHES = {
    "scan": Bench("measures.scan", "First scan: ours, a bare loop, mpd, supysonic, beets"),
    "rescan": Bench(
        "measures.rescan", "Second scan, of what did not change, of 1 %, or of all again"
    ),
    "covers": Bench("measures.covers", "Thumbnails of covers: ours, Pillow, pyvips"),
    "idle": Bench("measures.idle", "Memory, CPU and writes at rest, by program"),
    "growth": Bench(
        "measures.growth", "What grows with the library: a track, a change, a minute at rest"
    ),
    "simulation": Bench(
        "measures.simulation", "What `fleet simulate` says, against the scan itself"
    ),
    "page": Bench("measures.page", "Pages of the web UI in a library of any size"),
    "statements": Bench(
        "measures.statements", "Each statement of PostgreSQL, in libraries of two sizes"
    ),
    "api": Bench("measures.api", "Requests that the document of the API allows, and others"),
    "calls": Bench("measures.calls", "CPU of calls of players and programs in a large library"),
    "queue": Bench("measures.queue", "Jobs a second: ours, RQ, celery, dramatiq, saq"),
    "backlog": Bench("measures.backlog", "What waiting jobs take in Redis, by kind"),
    "audio": Bench(
        "quality.audio", "Tempo, key, speed and memory of audio analysis: ours, essentia, librosa"
    ),
    "start": Bench("measures.start", "The start of `fleet --help` and `fleet status`"),
    "profile": Bench("measures.profile", "Where the time of a scan goes, by program and function"),
    "tags": Bench(
        "quality.corpus", "Tags of real files, against what independent readers say of them"
    ),
    "library": Bench(
        "quality.library", "Tags, albums and covers of a generated library, against its manifest"
    ),
    "similarity": Bench("quality.similarity", "Similar tracks in real music: ours, MFCC, bliss"),
    "clusters": Bench("quality.clusters", "Clusters: speed, memory, agreement with the truth"),
    "enrichment": Bench("enrichment.__main__", "Enrichment against a MusicBrainz of known answers"),
    "rebalance": Bench("rebalance.__main__", "Backlogs with worker rebalancing, and without"),
    "storm": Bench("storm.__main__", "Scans while the fleet is killed and its surroundings fail"),
    "hosts": Bench("hosts.__main__", "Scans by hosts that fail, against one host's tables"),
    "upgrade": Bench("measures.upgrade", "A fleet at work is upgraded, and downgraded again"),
    "structure": Bench("structure", "Modules, functions, who imports whom"),
    "rows": Bench("libraries.rows", "Writes the rows of a large library, to measure on"),
    "music": Bench("libraries.music", "Makes a library to measure on"),
}
"""Every bench, in the order of the list."""


def main(arguments: Sequence[str]) -> int:
    """Run the bench that is named; its exit code."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("python -m bench NAME …; `python -m bench NAME --help` says what it measures\n")
        for name, bench in BENCHES.items():
            print(f"  {name:12} {bench.what}")
        return PASSED
    name, *others = arguments
    if name not in BENCHES:
        print(f"there is no bench {name!r}: {did_you_mean(name, BENCHES)}", file=sys.stderr)
        return UNUSABLE
    return run(import_module(f"bench.{BENCHES[name].module}").main, others)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
