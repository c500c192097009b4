"""From files to similar tracks: analysis, the first model, the search."""

from pathlib import Path

import redis

from demo import sounds
from jobs.audio_analysis import analyze_batch
from jobs.maintenance import reconcile
from jobs.vectorization import search_similar
from tests.audio_analysis.conftest import Library
from tests.databases import ON_SQLITE
from worker.process.fleet_worker import FleetWorker


@ON_SQLITE
def test_files_that_were_analysed_are_alike_without_being_asked(
    database: str, queues: redis.Redis, tmp_path: Path
) -> None:
    library = Library(tmp_path)
    drums = [library.sound(f"{n}.flac", sounds.clicks(100 + 4 * n, 6)) for n in range(5)]
    chords = [library.sound(f"c{n}.wav", sounds.cadence(n, "minor", 6)) for n in range(5)]
    analyze_batch(drums + chords)
    work_off(queues)
    reconcile()
    work_off(queues)
    for family in (drums, chords):
        found = {each["track_id"] for each in search_similar(family[0], count=4)}
        assert found == {*family[1:]}


def work_off(queues: redis.Redis) -> None:
    """Have vectors made, and a model trained."""
    FleetWorker("tests-1", ["deferred_vectors"], queues).work(burst=True, logging_level="WARNING")
