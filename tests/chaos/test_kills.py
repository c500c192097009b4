"""Any process killed at any point of a job, or between jobs: nothing is lost, nothing is double."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chaos import victims
from tests.chaos.chaos_fleet import ChaosFleet, about, tables
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


def cases() -> Iterator[tuple[Point, Victim, str]]:
    """Who is killed where. The program covers forks its jobs, library does not.

    In this order no slot's process is killed twice within seconds, for supervisord spaces such
    starts. What ends the whole fleet takes seconds, and is done with one of the two programs.
    """
    for point in (TAKEN, STARTED, COMMITTING, COMMITTED, ENDED):
        yield from product([point], [victims.worker, victims.valkey], ["covers", "library"])
        if point in HAVE_A_HORSE:
            yield from product([point], [victims.horse, victims.both], ["covers"])
        yield point, victims.all_at_once, "library" if point in {STARTED, COMMITTING} else "covers"
        yield from product([point], [victims.group], ["covers", "library"])
    yield STARTED, victims.supervisord, "library"
    yield COMMITTING, victims.supervisord, "covers"
    yield STARTED, victims.with_recovery, "library"


CASES = [pytest.param(*case, id=f"{case[0].name}-{case[1].__name__}-{case[2]}") for case in cases()]
IDLE = (
    victims.worker,
    victims.valkey,
    victims.group,
    victims.supervisord,
    victims.with_recovery,
    victims.all_at_once,
)


@pytest.mark.parametrize(("point", "victim", "program"), CASES)
def test_a_kill_in_a_job_loses_nothing(
    fleet: ChaosFleet, album: Path, known: Content, point: Point, victim: Victim, program: str
) -> None:
    job, nth = point.covers if program == "covers" else point.library
    order = fleet.orders.give(point.name, job, nth=nth)
    scan = fleet.scan(album)
    halted = order.halted()
    attempts = attempts_of(fleet.redis, halted.job)
    slot = f"{program}-1"
    horse = halted.pid if halted.pid != fleet.pid(slot) else None

    watch = Stopwatch()
    victim(fleet, slot, horse)
    if victim in GOES_ON:
        order.release()
    if victim in ENDS_THE_FLEET:
        fleet.up()
    if victim is victims.valkey:
        watch.stop_when(lambda connection: bool(connection.ping()), "valkey: it answers again")
    else:
        watch.stop_when(
            waits_or_is_begun_again(halted.job, attempts),
            f"{victim.__name__}: the job waits or is begun again",
        )
    fleet.wait_until_done(scan)
    assert about(album.name, tables()) == about(album.name, known)


@pytest.mark.parametrize("victim", IDLE, ids=lambda victim: victim.__name__)
def test_a_kill_of_what_is_idle_leaves_a_fleet_that_works(
    fleet: ChaosFleet, album: Path, known: Content, victim: Victim
) -> None:
    watch = Stopwatch()
    before = 0 if victim is victims.valkey else fleet.pid("covers-1")
    victim(fleet, "covers-1", None)
    if victim in ENDS_THE_FLEET:
        fleet.up()
    watch.stop_when(
        lambda _: fleet.is_filled("covers-1", before),
        f"{victim.__name__}: the slot is filled again",
    )
    fleet.wait_until_done(fleet.scan(album))
    assert about(album.name, tables()) == about(album.name, known)
