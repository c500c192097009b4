"""The jobs do what the ledger asks for, and leave a result or a reason for every track."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import soundfile

from db import ledger
from db.errors import SettingError
from db.library import audio_features
from db.library.audio_features import EXTRACTOR
from db.models import AudioFeatures, EntityType, Kind, LedgerRow, Problem, State, Track, utc_now
from db.sql.connection import transaction
from demo import sounds
from jobs.audio_analysis import analyze_batch, analyze_track, outcomes
from jobs.maintenance import reconcile
from tests.audio_analysis.conftest import RATE, Library
from tests.databases import ON_BOTH, ON_SQLITE
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from worker import dispatch
from worker.process.endings import JobRecords
from worker.process.fleet_job import FleetJob


def table() -> list[dict[str, Any]]:
    """All features, without the moment at which they were written."""
    rows = AudioFeatures.select().order_by(AudioFeatures.track).dicts()
    return [{name: row[name] for name in row if name != "analysed_at"} for row in rows]


def nearly(row: dict[str, Any]) -> dict[str, Any]:
    """A row that equals this one but for rounding, which is not the same in every run."""
    numbers = [name for name, value in row.items() if np.array(value).dtype == float]
    return row | {name: pytest.approx(np.array(row[name]), rel=1e-4) for name in numbers}


@ON_BOTH
def test_a_track_has_its_features_and_the_tempo_of_its_tags(library: Library) -> None:
    track = library.sound("a.flac", sounds.clicks(120, 15), bpm=121.5)
    analyze_batch([track])
    found = AudioFeatures.get_or_none(AudioFeatures.track == track)
    assert found is not None
    assert found.bpm == pytest.approx(120, rel=0.02)
    assert (found.tag_bpm, found.decoder, found.extractor) == (121.5, "soundfile", EXTRACTOR)
    assert library.need(track).state == State.DONE


def test_one_track_alone_is_analysed_again_whenever_it_is_asked_for(library: Library) -> None:
    track = library.sound("a.flac", sounds.clicks(120, 15))
    analyze_track(track)
    library.sound("a.flac", sounds.clicks(90, 15))
    analyze_track(track)
    assert AudioFeatures.get().bpm == pytest.approx(90, rel=0.02)


@ON_SQLITE
def test_each_part_of_a_file_has_its_own_features_and_its_own_fault(library: Library) -> None:
    soundfile.write(
        library.root / "a.flac", np.concatenate([sounds.clicks(120, 12), sounds.tone(440, 6)]), RATE
    )
    parts = [
        library.track("a.flac", part=number, start=start, duration=length)
        for number, (start, length) in enumerate(((0.0, 12.0), (12.0, 6.0), (50.0, 1.0)), 1)
    ]
    analyze_batch(parts)
    clicks, tone = AudioFeatures.select().order_by(AudioFeatures.track)
    assert (clicks.bpm, clicks.seconds) == (pytest.approx(120, rel=0.02), pytest.approx(12))
    assert (tone.key[:1], tone.seconds, tone.start) == ("A", pytest.approx(6), 0)
    assert clicks.centroid != pytest.approx(tone.centroid, rel=0.2)
    assert [library.need(each).state for each in parts] == [State.DONE, State.DONE, State.FAILED]
    analyze_track(parts[0])
    assert Problem.select().where(Problem.stage == "analysis").count() == 1


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros((22_050, 2), np.float32), 22_050),
        (sounds.tone(440, 1), 22_050),
        (sounds.tone(440, 0.1), 22_050),
        (sounds.cadence(0, "major")[:, None], 22_050),
        (sounds.tone(440, 6, 8_000), 8_000),
        (sounds.noise(6, rate=192_000, channels=2), 192_000),
    ],
    ids=["silence", "one second", "a tenth", "mono", "8 kHz", "192 kHz"],
)
@ON_SQLITE
def test_odd_sounds_have_a_result(library: Library, samples: Any, rate: int) -> None:
    track = library.sound("a.wav", samples, rate)
    analyze_batch([track])
    assert library.need(track).state == State.DONE
    assert len(table()) == 1


def test_a_damaged_file_costs_only_itself_and_has_its_reason(library: Library) -> None:
    sound = [library.sound(f"{n}.flac", sounds.tone(440, 1)) for n in range(2)]
    damaged = library.raw("bad.mp3", b"\xff\xfb" + bytes(range(256)) * 3)
    gone = library.track("gone.flac")
    analyze_batch([sound[0], damaged, gone, sound[1]])
    assert [library.need(each).state for each in sound] == [State.DONE, State.DONE]
    assert library.need(damaged).state == State.FAILED
    assert library.need(damaged).reason.startswith("damaged: no decoder")
    assert library.need(gone).reason == "vanished: the file is no longer there"
    assert [problem.path for problem in Problem.select()] == [library.path(damaged)]


def test_a_file_that_was_mended_is_no_problem_any_more(library: Library) -> None:
    track = library.raw("a.wav", b"This is not audio.")
    analyze_batch([track])
    library.sound("a.wav", sounds.tone(440, 1))
    analyze_batch([track])
    assert Problem.select().count() == 0
    assert library.need(track).state == State.DONE


WITH_LITTLE_MEMORY = """
import sys
import jobs.audio_analysis.features
from db.sql.connection import open_database
from jobs.audio_analysis import analyze_batch, outcomes
outcomes.MEMORY = 24 * 1024 * 1024
open_database()
analyze_batch([int(each) for each in sys.argv[1:]])
"""
"""In a process of its own, for memory that this one has to spare would be its child's too."""


@ON_SQLITE
def test_a_file_that_ends_the_process_at_work_costs_only_itself(library: Library) -> None:
    """No file is known that crashes these decoders: a limit of memory ends the child as one."""
    large = library.sound("large.wav", sounds.noise(90, rate=48_000, channels=2), 48_000)
    small = library.sound("small.wav", sounds.tone(440, 1))
    command = [sys.executable, "-c", WITH_LITTLE_MEMORY, str(large), str(small)]
    # As in the fleet: OpenBLAS waits for ever when memory for its threads is lacking.
    subprocess.run(command, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, check=True)
    assert library.need(large).state == State.FAILED
    assert library.need(large).reason == "too-much-memory: needs more than 24 MiB of memory"
    assert library.need(small).state == State.DONE


def test_a_missing_track_keeps_its_features_and_says_that_it_is_missing(library: Library) -> None:
    track = library.sound("a.flac", sounds.tone(440, 1))
    analyze_batch([track])
    with transaction():
        Track.update(missing_since=utc_now()).execute()
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track])
    analyze_batch([track])
    assert (library.need(track).state, library.need(track).reason) == (
        State.NONE,
        "the file is missing",
    )
    assert len(table()) == 1


def test_a_job_that_runs_twice_changes_nothing(library: Library) -> None:
    ids = [library.sound(f"{n}.flac", sounds.cadence(n, "major", 4)) for n in range(3)]
    analyze_batch(ids)
    before = table(), AudioFeatures.get().analysed_at
    analyze_batch(ids)
    assert (table(), AudioFeatures.get().analysed_at) == before
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, ids)
    analyze_batch(ids)
    assert all(after == nearly(row) for row, after in zip(before[0], table(), strict=True))


def test_a_result_that_was_overtaken_is_not_written(library: Library) -> None:
    track = library.sound("a.flac", sounds.tone(440, 1))
    (analysis,) = outcomes.analyse(audio_features.tracks_to_analyse([track]))
    attempt = ledger.lease(Kind.ANALYSIS, EntityType.TRACK, [track], "first:1")
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [track])
    with attempt.settling() as mine:
        assert mine == set()
        outcomes.write([analysis], attempt)
    assert library.need(track).state == State.TODO


@ON_BOTH
def test_a_newer_extractor_analyses_again_just_what_is_older(
    library: Library, queues: redis.Redis
) -> None:
    ids = [library.sound(f"{n}.flac", sounds.tone(440, 1)) for n in range(3)]
    analyze_batch(ids)
    AudioFeatures.update(extractor=EXTRACTOR - 1).where(AudioFeatures.track == ids[1]).execute()
    assert reconcile() == {"audio_analysis.analyze_batch": 1}
    assert [library.need(each).state for each in ids] == [State.DONE, State.TODO, State.DONE]
    analyze_batch([ids[1]])
    assert {row["extractor"] for row in table()} == {EXTRACTOR}
    dispatch.queue("audio_analysis").empty()
    assert reconcile() == {}


def test_tracks_of_an_older_musicfleet_are_analysed_without_being_asked_for(
    library: Library, queues: redis.Redis
) -> None:
    track = library.sound("a.flac", sounds.tone(440, 1))
    LedgerRow.delete().execute()
    assert reconcile() == {"audio_analysis.analyze_batch": 1}
    (job,) = dispatch.queue("audio_analysis").jobs
    assert job.kwargs == {"track_ids": [track]}


@ON_BOTH
def test_only_what_has_another_content_is_to_be_analysed_after_a_scan(library: Library) -> None:
    ids = [library.sound(f"{n}.flac", sounds.tone(440, 1)) for n in range(2)]
    analyze_batch(ids)
    assert audio_features.not_analysed(ids) == []
    Track.update(content_id="another").where(Track.id == ids[1]).execute()
    assert audio_features.not_analysed(ids) == [ids[1]]


def test_a_batch_that_kills_its_processes_is_split_down_to_the_file(
    library: Library, queues: redis.Redis
) -> None:
    ids = [library.sound(f"{n}.flac", sounds.tone(440, 1)) for n in range(2)]
    halves = JobRecords(batch(ids)).isolate("SIGSEGV")
    assert halves is not None
    assert [half.job.kwargs["track_ids"] for half in halves.halves] == [ids[:1], ids[1:]]
    alone = JobRecords(batch(ids[:1])).isolate("SIGSEGV")
    assert alone is not None
    assert alone.quarantined == library.path(ids[0])
    assert library.need(ids[0]).state == State.QUARANTINED


def batch(track_ids: list[int]) -> FleetJob:
    """A job of the queue, as a worker has it."""
    job_id = dispatch.enqueue("audio_analysis.analyze_batch", track_ids=track_ids)
    queue = dispatch.queue("audio_analysis")
    return FleetJob.fetch(job_id, connection=queue.connection, serializer=queue.serializer)


@pytest.mark.parametrize("text", ["59", "121", "long", "nan"])
@ON_SQLITE
def test_an_excerpt_that_cannot_be_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    track = library.sound("a.flac", sounds.tone(440, 1))
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", text)
    with pytest.raises(SettingError, match=f"FLEET_ANALYSIS_SECONDS is '{text}' — write"):
        analyze_batch([track])


def test_turned_off_every_track_says_so_and_turned_on_again_is_heard(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = library.sound("a.wav", sounds.tone(440, 1))
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    analyze_batch([track])
    assert library.need(track).state == State.NONE
    assert library.need(track).reason == "analysis is turned off (FLEET_ANALYSIS_SECONDS)"
    reconcile()
    assert library.need(track).state == State.NONE
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "90")
    reconcile()
    analyze_batch([track])
    assert library.need(track).state == State.DONE


@ON_SQLITE
def test_no_more_than_the_setting_says_is_heard(
    library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "60")
    track = library.sound("a.flac", sounds.noise(70, rate=8_000), 8_000)
    analyze_batch([track])
    assert (AudioFeatures.get().start, AudioFeatures.get().seconds) == (5, 60)
