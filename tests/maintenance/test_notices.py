"""Messages to the owner: each thing once, from an outbox, and no secret of a service is shown."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from db import settings
from db.maintenance import maintenance_runs
from db.models import MaintenanceRun, Notice, Scan, utc_now
from jobs.maintenance import notify_owner
from tests.providers.server import WebServer, status
from worker.cli.doctor import notify
from worker.doctor.installation import setting_faults
from worker.errors import MessageError

KEY = "a-secret-topic"
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What asks the database nothing that another test here does not ask both."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A service that takes messages as JSON."""
    server = WebServer({f"/{KEY}": status(200)})
    monkeypatch.setenv("FLEET_NOTIFY", f"{server.url.replace('http', 'json', 1)}/{KEY}")
    yield server
    server.stop()


@pytest.fixture
def library(database: str, tmp_path: Path) -> Path:
    """A folder of music that was scanned and is away, and a scan with problems."""
    settings.prepare_data_dir()
    root = tmp_path / "away"
    Scan.create(root=str(root), found=3, unreadable=2, walked_at=utc_now(), finished_at=utc_now())
    return root


def bodies(service: WebServer) -> list[str]:
    """The text of each message that arrived, without what the disk of this machine has to say."""
    return [str(json.loads(body)["message"]) for body in service.bodies]


def pass_by(hours: float) -> None:
    """Have everything in the outbox be older."""
    for row in Notice.select():
        for field in ("ended_at", "due_at"):
            if (moment := getattr(row, field)) is not None:
                setattr(row, field, moment - timedelta(hours=hours))
        row.save()


def test_a_folder_that_is_gone_and_a_scan_with_problems_are_one_message_and_no_second_one(
    library: Path, service: WebServer
) -> None:
    assert notify_owner() >= 2
    (text,) = bodies(service)
    assert f"{library} is not there" in text
    assert "`fleet root move" in text
    assert f"the scan of {library} ended with problems: 2 files could not be read" in text
    pass_by(48)
    assert notify_owner() == 0
    assert len(service.bodies) == 1


def test_what_was_over_for_an_hour_is_notified_of_again(
    library: Path, service: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_NOTIFY_ABOUT", "folder")
    for hours, messages in ((0.5, 1), (2, 2)):
        notify_owner()
        library.mkdir()
        (library / "cover.jpg").touch()
        notify_owner()
        pass_by(hours)
        (library / "cover.jpg").unlink()
        library.rmdir()
        notify_owner()
        assert len(service.bodies) == messages


def test_a_message_that_no_service_takes_is_tried_again_later_and_the_fault_shows_no_key(
    library: Path, service: WebServer
) -> None:
    service.routes[f"/{KEY}"] = status(403, b"no " + KEY.encode())
    with pytest.raises(MessageError, match=r"^no service took the message: json: .*403") as raised:
        notify_owner()
    assert KEY not in str(raised.value)
    assert notify_owner() == 0  # its time has not come
    service.routes[f"/{KEY}"] = status(200)
    pass_by(1)
    assert notify_owner() >= 2
    listed = CliRunner().invoke(notify, ["list", "--json"], catch_exceptions=False)
    assert KEY not in listed.stdout
    assert {each["attempts"] for each in json.loads(listed.stdout)["notices"]} == {1}


@SQLITE
def test_what_one_service_took_is_not_repeated_because_another_one_failed(
    library: Path, service: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"json://127.0.0.1:9/gone, {settings.value('FLEET_NOTIFY')}"
    monkeypatch.setenv("FLEET_NOTIFY", both)
    assert notify_owner() >= 2
    assert notify_owner() == 0
    assert len(service.bodies) == 1
    runs = maintenance_runs.history("maintenance.notify_owner")
    assert any("json: " in note and "127.0.0.1" not in note for note in runs[-1].notes)


@SQLITE
def test_a_backup_that_failed_is_notified_of(
    database: str, service: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.prepare_data_dir()
    monkeypatch.setenv("FLEET_NOTIFY_ABOUT", "backup")
    failed = {"job": "maintenance.backup", "started_at": utc_now(), "seconds": 1.0}
    MaintenanceRun.create(**failed, fault="BackupError: the disk is full")
    notify_owner()
    (text,) = bodies(service)
    assert "failed: BackupError: the disk is full" in text


@SQLITE
def test_nothing_is_recorded_or_sent_while_messages_are_off(library: Path) -> None:
    assert notify_owner() == 0
    assert not Notice.select().exists()
    tried = CliRunner().invoke(notify, ["test"])
    assert "fleet settings set notify" in str(tried.exception)


@SQLITE
def test_a_test_message_is_sent_at_once(database: str, service: WebServer) -> None:
    tried = CliRunner().invoke(notify, ["test"], catch_exceptions=False)
    assert tried.output == "the message was sent\n"
    assert bodies(service) == ["Messages of this fleet arrive here."]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("FLEET_NOTIFY", f"ntfy://ntfy.sh/x {KEY}", "has as entry 2 what is no URL of Apprise"),
        ("FLEET_NOTIFY", f"ntfy://{KEY * 200}", "has as entry 1 what is no URL of Apprise"),
        ("FLEET_NOTIFY_ABOUT", "disk, discs", "names 'discs'"),
    ],
)
def test_a_setting_with_a_fault_says_so_and_shows_no_key(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, fault: str
) -> None:
    monkeypatch.setenv(name, text)
    (found,) = setting_faults()
    assert found.startswith(f"{name} {fault}")
    assert KEY not in found
