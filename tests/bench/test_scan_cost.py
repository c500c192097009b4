"""What a scan costs beside the least that any scan has to do, in CPU time and in one run."""

from pathlib import Path

from bench.libraries.music import Form, make
from bench.measures.scan import started
from bench.peers.programs import BareLoop, Ours

MOST_TIMES_THE_BARE_LOOP = 6.0
"""CPU seconds of the fleet and of `fleet scan` by those of the bare loop. It was 4.7 when this was
written; a machine that is busy, and processes that have just started, add to it."""
TRACKS = 500


def test_a_scan_takes_a_few_times_the_cpu_time_of_a_bare_loop(tmp_path: Path) -> None:
    library = make(tmp_path, TRACKS, form=Form((300, 500), 0.3))
    with started(BareLoop, library.music) as loop:
        lowest = loop.scan()
    with started(Ours, library.music) as ours:
        scan = ours.scan()
    for found in (lowest, scan):
        assert (found.tracks, found.pictures) == (library.tracks, library.pictures)
    assert (scan.albums, scan.covers) == (library.albums, library.covers)
    assert scan.cpu <= MOST_TIMES_THE_BARE_LOOP * lowest.cpu
