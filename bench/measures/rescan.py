"""Scans a library a second time with ours, mpd, supysonic and beets.

    python -m bench rescan [--changed SHARE | --deep] [--tracks N | --library DIR] [--rounds N]
                           [--only NAMES]

Nothing has changed since the first scan; with --changed 0.01 one track in a hundred has another
title, written into a copy of the library; with --deep each file is read again. All peers that are
installed take turns in each round, the first scan of each is not timed. The bare loop keeps
nothing, so ratios are to mpd, or with --deep to a first scan of the bare loop. All files of the
library are sound: mpd tries one that it could not read again at each update, so that a dozen
damaged ones of 2,000 cost it 0.5 s of CPU, and all others 0.03.

Exit code 0: ours takes no longer than mpd, 1.5 times as long with --changed, and with --deep twice
as long as the bare loop; 1: not so; 2: a peer could not be run.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.command import FAILED, PASSED, parser, say, verdict
from bench.libraries import music
from bench.libraries.music import Library
from bench.measures.scan import (
    MOST_TIMES_LOOP,
    Scans,
    add_options,
    installed,
    library,
    print_table,
    same_work,
    started,
    times,
    write,
)
from bench.peers.programs import PEERS, BareLoop, Mpd, Ours, Peer
from bench.record import results

MOST_TIMES_MPD, MOST_TIMES_MPD_CHANGED = 1.0, 1.5


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("rescan", __doc__)
    add_options(options, list(PEERS))
    kind = options.add_mutually_exclusive_group()
    kind.add_argument("--changed", type=float, default=0.0, metavar="SHARE")
    kind.add_argument("--deep", action="store_true", help="read every file again")
    asked = options.parse_args(arguments)
    load = results.load()
    peers = installed(asked.only)
    if not asked.deep:
        peers.pop(BareLoop.name, None)
    with library(asked) as found:
        scans = run(peers, found, asked.rounds, changed=asked.changed, deep=asked.deep)
    print_table(scans)
    how = "every file read again" if asked.deep else f"{asked.changed:.1%} of the tracks changed"
    what = f"Second scan of {found.tracks:,} tracks in {found.albums:,} albums, {how}"
    bench = "rescan-deep" if asked.deep else "rescan-changed" if asked.changed else "rescan"
    write(bench, arguments, what, scans, load)
    return PASSED if _is_as_required(scans, found, asked.changed, asked.deep) else FAILED


def run(
    peers: dict[str, type[Peer]], found: Library, rounds: int, *, changed: float, deep: bool
) -> Scans:
    """Have all scan twice in turn, and measure the second scan."""
    scans: Scans = defaultdict(list)
    for number in range(rounds):
        for name, peer in peers.items():
            with tempfile.TemporaryDirectory(prefix="mfbench") as folder:
                scanned = music.copied(found, Path(folder)) if changed else found
                with started(peer, scanned.music) as one:
                    one.scan()
                    if changed:
                        music.retag(scanned, changed, seed=number + 1)
                    scans[name].append(one.scan(deep=deep))
            took = scans[name][-1]
            say(f"round {number + 1} {name:12} wall {took.wall:7.2f} s  CPU {took.cpu:7.2f} s")
    return scans


def _is_as_required(scans: Scans, found: Library, changed: float, deep: bool) -> bool:
    good = same_work(scans, found)
    peer, most = Mpd.name, MOST_TIMES_MPD_CHANGED if changed else MOST_TIMES_MPD
    if deep:
        peer, most = BareLoop.name, MOST_TIMES_LOOP
    got = times(scans, Ours.name, peer, "wall")
    if got is None:
        return good
    return (
        verdict(f"ours takes {got:.2f} times as long as {peer}; at most {most}", got <= most)
        and good
    )
