"""A maintenance job that ends after any of its commits is completed by its next run."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from db import ledger
from db.artwork import image_files
from db.models import (
    Album,
    Artist,
    Cover,
    EntityType,
    Fact,
    Genre,
    Image,
    Kind,
    LedgerRow,
    ProviderAnswer,
    Scan,
    ScanChunk,
    State,
    Track,
    utc_now,
)
from db.sql.connection import transaction
from jobs import maintenance
from jobs.covers import store
from tests.clusters import groups
from tests.databases import ON_SQLITE
from tests.ended import end_after_each_commit
from tests.music import picture

pytestmark = ON_SQLITE
LONG_AGO = timedelta(days=60)


@pytest.fixture
def end(
    database: str, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Ends a job after each of its commits, and runs it again; see `end_after_each_commit`."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")

    def ended(job: Callable[[], object]) -> int:
        return end_after_each_commit(tmp_path / "kept", queues, job, again=job)

    return ended


def keep_picture(colour: str, **columns: object) -> str:
    """Store a picture, long ago; its digest."""
    data = picture(colour, (20, 20))
    digest = store.put(data)
    moment = time.time() - LONG_AGO.total_seconds()
    os.utime(image_files.original(digest), (moment, moment))
    Image.create(digest=digest, mime="image/jpeg", bytes=len(data), width=20, height=20, **columns)
    return digest


def test_what_is_over_is_all_deleted(end: Callable[..., int]) -> None:
    over = {"root": "/music", "started_at": utc_now() - LONG_AGO}
    for scope in (None, {"folders": ["/music/a"], "trees": []}):
        scan = Scan.create(**over, scope=scope, walked_at=utc_now(), finished_at=over["started_at"])
        ScanChunk.create(scan=scan, done_at=utc_now())
    overdue = utc_now() - LONG_AGO
    ProviderAnswer.create(provider="deezer", question="x", found=False, ask_again_at=overdue)
    assert end(maintenance.cleanup_expired_tasks) >= 3
    assert not ScanChunk.select().exists()
    assert Scan.select().count() == 1


def test_what_is_due_is_all_enqueued(end: Callable[..., int]) -> None:
    groups.add_tracks(3)
    with transaction():
        ledger.need(Kind.COVER, EntityType.TRACK, [1])
        ledger.need(Kind.PICTURE, EntityType.TRACK, [2])
    LedgerRow.update(state=State.FAILED, look_again_at=utc_now() - LONG_AGO).where(
        LedgerRow.entity_id == 1
    ).execute()
    LedgerRow.update(state=State.LEASED, lease="lost").where(LedgerRow.entity_id == 2).execute()
    assert end(maintenance.reconcile) >= 3
    assert not LedgerRow.select().where(LedgerRow.state.in_((State.TODO, State.LEASED))).exists()


def test_unused_pictures_all_go(end: Callable[..., int]) -> None:
    for colour in ("red", "blue"):
        keep_picture(colour, unused_since=utc_now() - LONG_AGO)
    keep_picture("green")
    assert end(_remove_unused) >= 3
    assert [row.digest for row in Image.select()] == [store.digest_of(picture("green", (20, 20)))]


def _remove_unused() -> None:
    """Rows go before files; a file that is left without row goes by its own schedule."""
    maintenance.remove_unused_pictures()
    maintenance.cleanup_old_data()


def test_pictures_are_all_completed(end: Callable[..., int]) -> None:
    for colour in ("red", "blue"):
        keep_picture(colour)
    assert end(maintenance.complete_pictures) >= 2
    assert not Image.select().where(Image.placeholder.is_null()).exists()


def test_tables_and_store_agree_at_last(end: Callable[..., int], tmp_path: Path) -> None:
    groups.add_tracks(2)
    with transaction():
        album = Album.create(key="shown")
        Track.update(album=album).execute()
        for table, columns in ((Album, {"key": "empty"}), (Artist, {"name": "Nobody"})):
            table.create(**columns)
        Genre.create(name="Nothing")
    gone = {"entity_type": EntityType.ALBUM, "entity_id": 4711}
    LedgerRow.create(**gone, kind=Kind.COVER)
    Fact.create(**gone, field="country", value="XE", source="musicbrainz", score=1)
    for number, colour in enumerate(("red", "blue"), 1):
        digest = keep_picture(colour, placeholder="")
        Cover.create(
            **{
                "entity_type": EntityType.TRACK,
                "entity_id": number,
                "image": Image.get(digest=digest),
            },
            **{"source": "embedded", "rank": 0, "source_path": "/x"},
        )
        image_files.original(digest).write_bytes(b"damaged")
    assert end(maintenance.validate_system_integrity) >= 8


def test_long_missing_tracks_and_unknown_files_all_go(
    end: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_FORGET_MISSING_DAYS", "30")
    (tmp_path / "music" / "something").mkdir(parents=True)
    Scan.create(root=str(tmp_path / "music"), walked_at=utc_now(), finished_at=utc_now())
    groups.add_tracks(210)
    Track.update(path=f"{tmp_path}" + Track.path, missing_since=utc_now() - LONG_AGO).where(
        Track.id <= 205
    ).execute()
    digest = keep_picture("red")
    Image.delete().execute()
    assert image_files.original(digest).exists()
    assert end(maintenance.cleanup_old_data) >= 3
    assert Track.select().count() == 5
    assert not image_files.original(digest).exists()
