"""Enriches 500 albums of known answers by four workers, against a MusicBrainz on loopback.

    python -m bench enrichment [--seed N] [--interval SECONDS] [--wrong]

The answers are known from an invented discography, whose albums become a library with misspellings,
wrong lengths, homonyms and other troubles. The service bans who comes faster than one request an
interval (shorter than MusicBrainz's second, so that it ends in a minute or two), and stumbles.

Exit code 0: precision at least 0.98 and recall at least 0.9 of albums, tracks and artists, never
more than the allowed rate over any window, and nothing asked twice; 1: not so.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.command import FAILED, PASSED, parser
from bench.enrichment.albums import library
from bench.enrichment.discography import Discography
from bench.enrichment.tables import (
    Answer,
    album_answers,
    artist_answers,
    edition_answers,
    fill,
    score,
    track_answers,
)
from bench.enrichment.web import WINDOW, MusicBrainz
from db import enrichment
from db.models import State
from db.sql.connection import open_database
from db.sql.schema import migrate
from worker import dispatch
from worker.recovery.demand import enqueue_due
from worker.redis.connection import connect

PRECISION, RECALL = 0.98, 0.9
WORKERS = 4
_MOST_SECONDS = 900
_PICK, _ENRICH = "worker_deferred_enrichment.process_enrichment_batch", "metadata.enrich_batch"
_OPEN = (State.TODO, State.LEASED)
_TOLERANCE = 0.001
"""Seconds that the clocks of Redis and of the service may differ by in an interval."""


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("enrichment", __doc__)
    options.add_argument("--seed", type=int, default=1, help="of the discography (%(default)s)")
    options.add_argument("--interval", type=float, default=0.04, help="in seconds (%(default)s)")
    options.add_argument("--wrong", action="store_true", help="list every wrong answer")
    asked = options.parse_args(arguments)
    discography = Discography(asked.seed)
    albums = library(discography)
    with _service(discography, asked.interval) as service, _workers():
        fill(albums)
        seconds = _enrich()
        answers = {
            "albums": album_answers(albums),
            "tracks": track_answers(albums),
            "artists": artist_answers(albums, discography),
        }
        _print_kinds(answers["albums"])
        is_good = _print_scores(answers, edition_answers(albums))
        is_polite = _print_requests(service, seconds)
    if asked.wrong:
        _print_wrong(answers)
    print("all as required" if is_good and is_polite else "NOT as required")
    return PASSED if is_good and is_polite else FAILED


@contextmanager
def _service(discography: Discography, interval: float) -> Iterator[MusicBrainz]:
    service = MusicBrainz(discography, interval)
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ["FLEET_PROVIDERS"] = "musicbrainz"
    os.environ["FLEET_CONTACT"] = "bench@example.org"
    os.environ["FLEET_PROVIDER_URLS"] = f"musicbrainz={service.url}"
    os.environ["FLEET_PROVIDER_PACES"] = f"musicbrainz={interval}"
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def _workers() -> Iterator[None]:
    """A Valkey, a migrated database, and four workers of the queue, in a folder of their own."""
    folder = tempfile.mkdtemp(prefix="mfenrich", dir="/tmp")  # sockets: 107 bytes
    os.environ["FLEET_DATA_DIR"] = folder
    started = [_start("worker.redis.valkey")]
    try:
        connect(wait=30).close()
        open_database(create=True)
        migrate()
        queue = dispatch.topology().route(_ENRICH).name
        for number in range(1, WORKERS + 1):
            started.append(_start("worker.process", "enrichment", str(number), "--queues", queue))
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _start(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _enrich() -> float:
    """Have all enriched, as the scheduler would; how many seconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < _MOST_SECONDS:
        enqueue_due(dispatch.connection())
        if not any(dispatch.held_jobs(_ENRICH)) and not any(dispatch.held_jobs(_PICK)):
            if not _is_left():
                break
            dispatch.enqueue(_PICK)
        time.sleep(0.5)
    return time.monotonic() - begun


def _is_left() -> bool:
    return any(
        standing.never_asked or any(standing.states[state] for state in _OPEN)
        for standing in enrichment.enrichment_progress().values()
    )


def _print_kinds(answers: Sequence[Answer]) -> None:
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        kinds[answer.kind].append(answer)
    print(f"{'albums':42} {'all':>5} {'known':>6} {'taken':>6} {'right':>6}")
    for kind, each in sorted(kinds.items()):
        found = score(each)
        print(f"{kind:42} {len(each):5} {found.there:6} {found.given:6} {found.right:6}")


def _print_scores(answers: dict[str, list[Answer]], editions: Sequence[Answer]) -> bool:
    """Print precision and recall; whether they are as required."""
    is_good = True
    print(f"\n{'':10} {'all':>6} {'known':>6} {'taken':>6} {'right':>6} {'precision':>10} recall")
    for what, each in answers.items():
        found = score(each)
        is_good &= found.precision >= PRECISION and found.recall >= RECALL
        counts = f"{len(each):6} {found.there:6} {found.given:6} {found.right:6}"
        print(f"{what:10} {counts} {found.precision:10.4f} {found.recall:.4f}")
    found = score(editions)
    is_good &= found.precision >= PRECISION
    counts = f"{len(editions):6} {found.there:6} {found.given:6} {found.right:6}"
    print(f"{'editions':10} {counts} {found.precision:10.4f} (named only where certain)")
    return is_good


def _print_requests(service: MusicBrainz, seconds: float) -> bool:
    """Print what the service counted; whether we were polite."""
    count, twice = len(service.arrivals), [e for e, n in service.answered.items() if n > 1]
    gaps = [b - a for a, b in zip(service.arrivals, service.arrivals[1:], strict=False)]
    worst = _most_over(service.arrivals, service.interval)
    print(
        f"\n{count:,} requests in {seconds:.0f} s by {WORKERS} workers, "
        f"{service.interval * 1000:.0f} ms apart at least; closest: {min(gaps) * 1000:.1f} ms\n"
        f"most requests beyond what any window allows: {max(worst, 0):.2f}; "
        f"windows of {WINDOW} intervals exceeded: {service.bans}\n"
        f"asked twice: {len(twice)} of {len(service.answered):,}\n"
        f"not answered: {dict(service.stumbles)}"
    )
    for question in twice[:10]:
        print(f"  twice: {question}")
    return worst <= 0 and not service.bans and not twice


def _most_over(arrivals: Sequence[float], interval: float) -> float:
    """By how many requests some window, from one request to another, has more than allowed.

    A window of n intervals may have n + 1 requests: one at its beginning and one at its end. So
    request j may come after request i when j - i intervals have passed.
    """
    slack = interval - _TOLERANCE
    ahead = [number - moment / slack for number, moment in enumerate(arrivals)]
    worst, lowest = -math.inf, math.inf
    for each in ahead:
        worst, lowest = max(worst, each - lowest), min(lowest, each)
    return worst


def _print_wrong(answers: dict[str, list[Answer]]) -> None:
    for what, each in answers.items():
        for answer in each:
            if answer.taken != answer.truth:
                print(f"{what}: {answer}")
