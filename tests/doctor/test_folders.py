"""Permissions, what listens, and space on the disk."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from db import settings
from db.scanning import scans
from db.sql.connection import close_database
from tests.doctor.complaints import complaint, complaints
from tests.waiting import PATIENCE
from worker.doctor import Severity, installation
from worker.doctor.examination import repair
from worker.process.child import Child, Send

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
    close_database()  # a connection that is open may go on writing
    database.chmod(0o400)
    found = complaint("database")
    assert found.severity is Severity.ERROR
    assert found.says.startswith(f"sqlite:///{database} cannot be written: ")
    assert complaint("owners", quick=False).remedy == f"chmod -R u+rwX {prepared}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_that_a_run_as_root_left_are_counted_and_given_back(prepared: Path) -> None:
    assert complaints("owners", quick=False) == []  # which leaves files of its own
    for each in (prepared, *prepared.rglob("*")):
        os.chown(each, 4711, 4711)
    (prepared / "images").mkdir()
    (prepared / "images/a.jpg").touch(mode=0o600)
    found = complaint("owners", quick=False)
    assert found.severity is Severity.ERROR
    assert (found.count, found.remedy) == (2, f"sudo chown -R user 4711 {prepared}")
    assert repair(found).done
    assert complaints("owners", quick=False) == []


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def as_other_user(function: Callable[[], object]) -> str:
    """What it returns, or raises, for a user that nobody knows, in a group of its own."""

    def work(send: Send) -> None:
        os.setgroups([])
        os.setgid(4712)
        os.setuid(4711)
        try:
            send(str(function()).encode())
        except Exception as error:  # noqa: BLE001  # whatever it is, it is to be seen
            send(f"{type(error).__name__}: {error}".encode())

    child = Child(None)
    child.start(work)
    try:
        return (child.receive(PATIENCE) or b"").decode()
    finally:
        child.stop()


@AS_ROOT
def test_a_volume_of_a_group_is_used_as_it_is(data_dir: Path) -> None:
    os.chown(data_dir, 0, 4712)
    data_dir.chmod(0o2770)
    assert as_other_user(settings.prepare_data_dir) == str(data_dir)
    assert (data_dir / "run").stat().st_mode & 0o777 == 0o700
    assert data_dir.stat().st_mode & 0o7777 == 0o2770


@AS_ROOT
def test_a_data_folder_that_cannot_be_written_is_named(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    said = as_other_user(settings.prepare_data_dir)
    assert said == f"PermissionError: [Errno 13] Permission denied: '{data_dir}'"


@AS_ROOT
@pytest.mark.parametrize("folder", ["", "~/music"])
def test_without_home_and_data_folder_the_remedy_is_to_name_one(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("FLEET_DATA_DIR", folder)
    said = as_other_user(settings.data_dir)
    assert said.startswith("SettingError: ~/")
    assert "HOME is unset" in said
    assert said.endswith("set FLEET_DATA_DIR to an absolute path")
