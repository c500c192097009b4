"""What is long gone is forgotten when its owner says so, and nothing else is."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from db.artwork import image_files
from db.errors import SettingError
from db.models import Album, Artist, Cover, Genre, LedgerRow, Track, utc_now
from jobs.maintenance import cleanup_old_data
from jobs.maintenance.old_data import GRACE
from tests.databases import ON_SQLITE
from tests.maintenance.conftest import Scan
from tests.maintenance.work import changed

FORGET = "FLEET_FORGET_MISSING_DAYS"


def found() -> dict[str, int]:
    cleanup_old_data()
    return changed("cleanup_old_data")


@pytest.fixture
def gone(scan: Scan, music: Path) -> None:
    """One artist's folder was deleted forty days ago."""
    scan()
    shutil.rmtree(music / "One")
    scan()
    long_ago = utc_now() - timedelta(days=40)
    assert Track.update(missing_since=long_ago).where(Track.missing_since.is_null(False)).execute()


@ON_SQLITE
def test_missing_tracks_are_kept_by_default(gone: None) -> None:
    assert found() == {}
    assert Track.select().count() == 6


def test_they_go_after_the_owners_time_with_all_that_hangs_on_them(
    gone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORGET, "41")
    assert found() == {}
    monkeypatch.setenv(FORGET, "40")
    assert found() == {"missing tracks forgotten": 3}
    assert [artist.name for artist in Artist.select()] == ["Two"]
    assert [album.title for album in Album.select()] == ["Album Two"]
    assert [genre.name for genre in Genre.select()] == ["Jazz"]
    assert Cover.select().count() == 0
    left = {(row.entity_type, row.entity_id) for row in LedgerRow.select()}
    assert len([each for each in left if each[0] == "track"]) == 3
    assert found() == {}


@ON_SQLITE
def test_a_disk_that_is_not_mounted_costs_nothing(
    gone: None, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORGET, "1")
    shutil.rmtree(music)
    assert found() == {}
    music.mkdir()
    assert found() == {}
    assert Track.select().count() == 6


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1.5"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_time_that_is_none_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(FORGET, text)
    with pytest.raises(SettingError, match=f"{FORGET} is '{text}' — write a number of days"):
        cleanup_old_data()


def test_files_that_no_row_knows_go_after_their_grace(scan: Scan) -> None:
    scan()
    known = Cover.get().image.digest
    unknown = image_files.original("ab" * 32)
    unknown.parent.mkdir(parents=True)
    unknown.write_bytes(b"nobody knows me")
    assert found() == {}
    moment = time.time() - GRACE.total_seconds() - 60
    for file in (unknown, image_files.original(known)):
        os.utime(file, (moment, moment))
    assert found() == {"files without row deleted": 1}
    assert not unknown.exists()
    assert image_files.original(known).exists()
    assert found() == {}
