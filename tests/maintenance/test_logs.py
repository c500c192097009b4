"""Old logs are packed, and go in the end; the ones in use stay as they are."""

import gzip
import os
import shutil
import time
from pathlib import Path

import pytest

from db import settings
from db.errors import SettingError
from jobs.maintenance import archive_old_logs
from tests.maintenance.work import changed

DAY = 24 * 3600.0
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def log(name: str, days: float) -> Path:
    """A log that was last written so many days ago."""
    file = settings.run_dir() / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{name}\n")
    moment = time.time() - days * DAY
    os.utime(file, (moment, moment))
    return file


def packed() -> list[Path]:
    return sorted((settings.data_dir() / "logs").iterdir())


def found() -> dict[str, int]:
    archive_old_logs()
    return changed("archive_old_logs")


def test_rotated_logs_are_packed_after_a_day(database: str) -> None:
    in_use, young, old = log("covers-1.log", 3), log("covers-1.log.1", 0.9), log("scan-1.log.2", 2)
    assert found() == {"logs packed": 1}
    assert in_use.exists()
    assert young.exists()
    assert not old.exists()
    (archived,) = packed()
    assert archived.name.startswith("scan-1-")
    assert gzip.decompress(archived.read_bytes()) == b"scan-1.log.2\n"
    assert archived.stat().st_mode & 0o077 == 0
    assert found() == {}


def test_two_logs_of_one_second_are_both_kept(database: str) -> None:
    one, other = log("scan-1.log.1", 2), log("scan-1.log.2", 2)
    shutil.copystat(one, other)
    assert found() == {"logs packed": 2}
    contents = {gzip.decompress(each.read_bytes()) for each in packed()}
    assert contents == {b"scan-1.log.1\n", b"scan-1.log.2\n"}


def test_what_a_run_that_was_cut_off_left_is_packed(database: str) -> None:
    log("scan-1.log.1", 2)
    found()
    (whole,) = packed()
    aside = whole.with_suffix("")
    aside.write_bytes(gzip.decompress(whole.read_bytes()))
    whole.write_bytes(whole.read_bytes()[:5])
    assert found() == {"logs packed": 1}
    assert packed() == [whole]
    assert gzip.decompress(whole.read_bytes()) == b"scan-1.log.1\n"
    assert found() == {}


def test_packed_logs_go_after_the_owners_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log("scan-1.log.1", 8)
    log("scan-1.log.2", 6)
    found()
    monkeypatch.setenv("FLEET_KEEP_LOGS_DAYS", "7")
    assert found() == {"packed logs deleted": 1}
    assert len(packed()) == 1
    assert found() == {}


def test_a_time_that_is_none_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_KEEP_LOGS_DAYS", "for ever")
    with pytest.raises(SettingError, match="FLEET_KEEP_LOGS_DAYS is 'for ever' — write"):
        archive_old_logs()
