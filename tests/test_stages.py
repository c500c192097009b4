"""How far the analysis is, and how long it still takes, as `fleet status` shows it."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from db import ledger
from db.library import audio_features, tracks
from db.models import AudioFeatures, EntityType, Kind, LedgerRow, State, utc_now
from db.scanning import scans
from db.sql.connection import transaction
from tests.databases import open_sqlite
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.redis import rq_keys
from worker.status.stages import LongWork, long_work, stages


def library(count: int) -> list[int]:
    """So many tracks that are to be analysed."""
    rows = [
        {
            "path": f"/music/{number}.flac",
            "folder": "/music",
            "group_folder": "/music",
            "codec": "flac",
            "container": "flac",
            "part": 0,
            "size": 0,
            "mtime_ns": 0,
            "content_id": str(number),
            "missing_since": None,
        }
        for number in range(count)
    ]
    with transaction():
        ids = sorted(tracks.upsert(rows).values())
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, ids)
    return ids


def analysed(track_ids: list[int], ago: timedelta) -> None:
    """Have these been analysed so long ago."""
    beside = {"extractor": 1, "decoder": "pyav", "start": 0, "seconds": 90, "peak": 0}
    rows = [{"track": each, "content_id": "", "dynamic_range": 9, **beside} for each in track_ids]
    audio_features.record_features(rows)
    AudioFeatures.update(analysed_at=utc_now() - ago).where(
        AudioFeatures.track.in_(track_ids)
    ).execute()
    settle(track_ids, State.DONE)


def settle(track_ids: list[int], state: State) -> None:
    LedgerRow.update(state=state).where(LedgerRow.entity_id.in_(track_ids)).execute()


def of_analysis() -> LongWork:
    return next(each for each in long_work() if each.kind == Kind.ANALYSIS)


def test_the_rest_takes_as_long_as_the_pace_of_the_last_minutes_says(database: str) -> None:
    ids = library(100)
    analysed(ids[:10], timedelta(hours=3))
    analysed(ids[10:40], timedelta(minutes=5))
    settle(ids[40:50], State.FAILED)
    found = of_analysis()
    assert (found.settled, found.tracks) == (50, 100)
    assert found.per_minute == pytest.approx(6, rel=0.05)
    assert found.seconds_left == pytest.approx(500, rel=0.05)
    assert found.text == "50 of 100 tracks, 6 a minute, about 8 min left"


def test_nothing_is_foretold_without_a_pace_or_a_rest(database: str) -> None:
    assert long_work() == []
    ids = library(4)
    analysed(ids[:2], timedelta(hours=1))
    assert of_analysis().text == "2 of 4 tracks, none in the last 10 min"
    analysed(ids[2:3], timedelta())
    assert of_analysis().seconds_left is None
    analysed(ids, timedelta(minutes=1))
    assert of_analysis().text == "4 of 4 tracks"


def test_a_stage_has_its_work_its_pace_and_the_time_that_it_takes(
    data_dir: Path, queues: redis.Redis
) -> None:
    open_sqlite()
    ids = library(120)
    settle(ids[:10], State.DONE)
    settle(ids[10:15], State.FAILED)
    now, keep = time.time(), dispatch.topology().queues["audio_analysis"].keep
    done = {f"job-{number}": now + keep - 6 * number for number in range(1, 11)}
    queues.zadd(rq_keys.FINISHED % "audio_analysis", done)
    (stage,) = [each for each in stages([]) if each.queue.name == "audio_analysis"]
    (work,) = stage.work
    assert (work.states[State.DONE], work.failed, stage.to_do) == (10, 5, 105)
    assert work.shown == [("done", 10), ("to do", 105), ("failed", 5)]
    assert stage.pace == pytest.approx(10, rel=0.05)
    assert stage.seconds_left == pytest.approx(18, rel=0.05)  # three jobs of fifty at most
    assert [each.queue.name for each in stages([]) if each.is_busy] == ["audio_analysis"]


def test_fleet_status_tells_it_to_people_and_machines(
    data_dir: Path, queues: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    open_sqlite()
    scans.start("/music", deep=False)
    ids = library(60)
    analysed(ids[:20], timedelta(minutes=1))
    assert run(["status"]) == ExitCode.OK
    assert "Analysis: 20 of 60 tracks, 20 a minute, about 2 min left" in capsys.readouterr().out
    assert run(["status", "--json"]) == ExitCode.OK
    (told,) = json.loads(capsys.readouterr().out)["long_work"]
    assert (told["kind"], told["settled"], told["tracks"]) == ("analysis", 20, 60)
    assert told["seconds_left"] == pytest.approx(120, rel=0.2)
