"""Any process killed at any point of a job, or between jobs: nothing is lost, nothing is double."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from tests.chaos import victims
from tests.chaos.chaos_fleet import ChaosFleet, about, tables
from tests.chaos.orders import Halted, Order
from tests.chaos.recovery_times import Stopwatch, attempts_of, waits_or_is_begun_again
from tests.chaos.victims import Victim
from tests.pipeline.tables import Content


class Point(NamedTuple):
    """Where a job is when something is killed: which commit of which job, by program."""

    name: str
    covers: tuple[str, int]
    library: tuple[str, int]


TAKEN = Point("taken", ("covers.process_album_covers", 1), ("batch.process_entities", 1))
STARTED = Point("started", ("covers.extract_artist_images", 1), ("batch.process_entities", 1))
# The first commit of a job of covers is that of its leases.
COMMITTING = Point("committing", ("covers.process_album_covers", 2), ("insert.direct_batch", 1))
COMMITTED = Point("committed", ("covers.extract_artist_images", 2), ("insert.direct_batch", 1))
ENDED = Point("ended", ("covers.process_album_covers", 1), ("insert.direct_batch", 1))

ENDS_THE_FLEET = {victims.supervisord, victims.all_at_once}
HAVE_A_HORSE = {STARTED, COMMITTING, COMMITTED}
GOES_ON = {victims.supervisord, victims.valkey}
"""Victims that leave the worker at the job alive."""


Halts = tuple[tuple[Point, str], ...]
"""Jobs that are at these points, each of a program."""


def cases() -> Iterator[tuple[Victim, Halts]]:
    """Who is killed where. The program covers forks its jobs, library does not.

    In this order no slot's process is killed twice in a row, for supervisord spaces such starts.
    What ends the whole fleet takes seconds, and Redis is killed for all at once: a job of each
    program is at a point then, first the one of covers, which follows library; and what is
    committing has the database to itself.
    """
    for point in (TAKEN, STARTED, COMMITTING, COMMITTED, ENDED):
        of_covers, of_library = ((point, "covers"),), ((point, "library"),)
        yield victims.worker, of_library
        yield victims.valkey, of_library if point is COMMITTING else (*of_covers, *of_library)
        yield victims.worker, of_covers
        if point is COMMITTING:
            yield victims.valkey, of_covers
        if point in HAVE_A_HORSE:
            yield victims.horse, of_covers
        yield victims.group, of_covers
    # What works on a job of library is one process: its group is itself.
    yield victims.group, ((STARTED, "library"),)
    yield victims.both, ((COMMITTING, "covers"),)
    yield victims.all_at_once, ((TAKEN, "covers"), (STARTED, "library"))
    yield victims.all_at_once, ((COMMITTED, "covers"), (COMMITTING, "library"))
    yield victims.all_at_once, ((ENDED, "covers"),)
    yield victims.supervisord, ((STARTED, "covers"), (COMMITTING, "library"))
    yield victims.with_recovery, ((STARTED, "library"),)


def name_of(victim: Victim, halts: Halts) -> str:
    """What a case is called: all_at_once-taken-covers-started-library."""
    words = [victim.__name__, *(word for point, program in halts for word in (point.name, program))]
    return "-".join(words)


CASES = [pytest.param(*case, id=name_of(*case)) for case in cases()]
IDLE = (victims.worker, victims.valkey, victims.group, victims.with_recovery)
"""Not the whole fleet, most of which is idle in the cases before: that takes seconds."""


@pytest.mark.parametrize(("victim", "halts"), CASES)
def test_a_kill_in_a_job_loses_nothing(
    fleet: ChaosFleet, albums: Iterator[Path], known: Content, victim: Victim, halts: Halts
) -> None:
    at = [begin_scan(fleet, next(albums), *each) for each in halts]
    *_, last = at

    watch = Stopwatch()
    victim(fleet, last.slot, last.halted.pid if last.halted.pid != last.worker else None)
    if victim in GOES_ON:
        for each in at:
            each.order.release()
    if victim in ENDS_THE_FLEET:
        fleet.up()
    if victim is victims.valkey:
        watch.stop_when(lambda connection: bool(connection.ping()), "valkey: it answers again")
    else:
        watch.stop_when(
            lambda connection: all(each.is_rescued(connection) for each in at),
            f"{victim.__name__}: the job waits or is begun again",
        )
    for each in at:
        fleet.wait_until_done(each.scan)
        assert about(each.album.name, tables()) == about(each.album.name, known)


class Begun(NamedTuple):
    """A scan one of whose jobs has halted."""

    album: Path
    scan: int
    order: Order
    halted: Halted
    slot: str
    worker: int
    """The process in that slot; the one that has halted, or its parent."""
    is_rescued: Callable[[redis.Redis], bool]
    """Whether the job waits, or was begun again."""


def begin_scan(fleet: ChaosFleet, album: Path, point: Point, program: str) -> Begun:
    """Scan an album until the program's job comes to the point."""
    job, nth = point.covers if program == "covers" else point.library
    order = fleet.orders.give(point.name, job, nth=nth)
    scan = fleet.scan(album)
    halted = order.halted()
    slot = f"{program}-1"
    is_rescued = waits_or_is_begun_again(halted.job, attempts_of(fleet.redis, halted.job))
    return Begun(album, scan, order, halted, slot, fleet.pid(slot), is_rescued)


@pytest.mark.parametrize("victim", IDLE, ids=lambda victim: victim.__name__)
def test_a_kill_of_what_is_idle_leaves_a_fleet_that_works(
    fleet: ChaosFleet, album: Path, known: Content, victim: Victim
) -> None:
    watch = Stopwatch()
    before = 0 if victim is victims.valkey else fleet.pid("covers-1")
    victim(fleet, "covers-1", None)
    watch.stop_when(
        lambda _: fleet.is_filled("covers-1", before),
        f"{victim.__name__}: the slot is filled again",
    )
    fleet.wait_until_done(fleet.scan(album))
    assert about(album.name, tables()) == about(album.name, known)
