"""Permissions, what listens, and space on the disk."""

import os
from pathlib import Path

import pytest

from db import settings
from db.scanning import scans
from tests.doctor.complaints import complaint, complaints
from worker.doctor import installation
from worker.doctor.examination import repair
from worker.doctor.findings import Severity

AS_USER = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


@pytest.mark.parametrize("name", ["", "run", "run/redis.sock"])
def test_what_is_open_to_others_is_named_and_closed(prepared: Path, name: str) -> None:
    (prepared / "run/redis.sock").touch(mode=0o700)
    (prepared / name).chmod(0o777)
    found = complaint("permissions")
    assert found.severity is Severity.ERROR
    assert found.says == f"{prepared / name} is open to others (777)"
    assert found.remedy == f"chmod 700 {prepared / name}"
    assert repair(found).done
    assert complaints("permissions") == []
    assert (prepared / name).stat().st_mode & 0o777 == 0o700


def test_a_fix_that_fails_says_why(prepared: Path) -> None:
    socket = prepared / "run/redis.sock"
    socket.touch()
    socket.chmod(0o777)
    found = complaint("permissions")
    socket.unlink()
    repaired = repair(found)
    assert not repaired.done
    assert repaired.says == f"{socket}: No such file or directory"


def test_folders_that_are_not_there_are_named(data_dir: Path) -> None:
    found = complaints("folders")
    assert [each.says for each in found] == [f"{data_dir / 'run'} is not there"]
    assert {each.severity for each in found} == {Severity.WARNING}


def test_an_inet_server_in_the_configuration_that_runs_is_named(prepared: Path) -> None:
    conf = prepared / "supervisord.conf"
    conf.write_text("[supervisord]\n\n[inet_http_server] ; for a look\nport = *:9001 ; all\n")
    found = complaint("supervisord.conf")
    assert found.severity is Severity.ERROR
    assert found.says.startswith(f"{conf} has an inet_http_server (*:9001)")
    assert "`fleet up`" in found.remedy
    conf.write_text("[supervisord]\n; [inet_http_server]\n")
    assert complaints("supervisord.conf") == []


def test_a_configuration_that_cannot_be_read_is_named(prepared: Path) -> None:
    (prepared / "supervisord.conf").write_text("nonsense\n")
    assert "cannot be read" in complaint("supervisord.conf").says


@pytest.mark.parametrize(
    ("limit", "amount", "severity"),
    [
        ("LOW_BYTES", 2**60, Severity.WARNING),
        ("LOW_SHARE", 1.1, Severity.WARNING),
        ("SCARCE_BYTES", 2**60, Severity.ERROR),
    ],
)
def test_a_disk_with_less_room_than_a_limit_is_named(
    prepared: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    amount: float,
    severity: Severity,
) -> None:
    assert complaints("disk") == []
    monkeypatch.setattr(installation, limit, amount)
    found = complaint("disk")
    assert found.severity is severity
    assert found.says.startswith(f"{prepared} has ")
    assert "MiB free" in found.says


def test_a_library_that_is_not_there_is_named(prepared: Path, tmp_path: Path) -> None:
    root = tmp_path / "music"
    scans.start(str(root), deep=False)
    found = complaint("library")
    assert (found.severity, found.says) == (Severity.WARNING, f"{root} is not there")
    root.mkdir()
    assert complaints("library") == []


@AS_USER
def test_a_library_that_may_not_be_read_is_named(prepared: Path, tmp_path: Path) -> None:
    scans.start(str(tmp_path), deep=False)
    tmp_path.chmod(0o000)
    try:
        assert complaint("library").says == f"{tmp_path} may not be read"
    finally:
        tmp_path.chmod(0o700)


@AS_USER
def test_an_sqlite_file_that_cannot_be_written_is_named(prepared: Path) -> None:
    database = Path(settings.database_url().removeprefix("sqlite:///"))
    database.chmod(0o400)
    found = complaint("database")
    assert (found.severity, found.says) == (
        Severity.ERROR,
        f"sqlite:///{database} cannot be written",
    )
