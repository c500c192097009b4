"""Whose result counts when a need is renewed while a job is at work."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from db import ledger
from db.models import Cover, EntityType, Kind, State
from db.sql.connection import close_database, transaction
from jobs.covers import process_track_covers_batch
from tests.covers.library import FRONT, Library, paint


def test_a_result_is_not_written_when_the_lease_was_lost(library: Library) -> None:
    """A pipe in place of a track's file holds the job up while another's need is renewed."""
    renewed = library.track("renewed.flac", None, [(FRONT, paint("red"))])
    steady = library.track("steady.flac", None, [(FRONT, paint("green"))])
    held = library.track("held.flac", None, [(FRONT, paint("blue"))])
    pipe = Path(library.root / "held.flac")
    pipe.unlink()
    os.mkfifo(pipe)

    def work() -> None:
        process_track_covers_batch([renewed, steady, held])
        close_database()

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(work)
        with pipe.open("wb"), transaction():  # opens when the job reads, so when it has its leases
            ledger.need(Kind.COVER, EntityType.TRACK, [renewed])
        job.result()

    states = {
        track: library.ledger(Kind.COVER, EntityType.TRACK, track).state
        for track in (renewed, steady, held)
    }
    assert states == {renewed: State.TODO, steady: State.DONE, held: State.FAILED}
    assert [cover.entity_id for cover in Cover.select()] == [steady]


def test_a_job_that_is_started_again_takes_nothing_from_another(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    with transaction():
        ledger.lease(Kind.COVER, EntityType.TRACK, [track], "another job", 600)
    process_track_covers_batch([track])
    assert library.track_shows(track) is None
    assert library.ledger(Kind.COVER, EntityType.TRACK, track).lease == "another job"
