"""Bad input to any command gets one line with a remedy and the right exit code."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.models import database
from db.sql.connection import close_database, open_database
from db.sql.schema import migrate
from tests.fleet.conftest import REPOSITORY, FleetCommand, new_fleet
from worker.errors import ExitCode

UNREACHABLE = {"FLEET_REDIS_URL": "redis://:secret@localhost:1"}


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    """A fleet that is never started: nothing here comes that far."""
    yield from new_fleet()


def refused(
    fleet: FleetCommand, *arguments: str, code: ExitCode, says: str, **settings: str
) -> None:
    """The command ends with this code and one message that says this, and no traceback."""
    ended = fleet(*arguments, **settings)
    assert ended.returncode == code, ended.stderr
    message = ended.stderr[ended.stderr.index("fleet: ") :]
    assert says in message
    assert " — " in message
    assert message.count("\n") == (2 if code == ExitCode.BAD_TOPOLOGY else 1)
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


def test_a_folder_that_is_not_there(fleet: FleetCommand, tmp_path: Path) -> None:
    refused(fleet, "scan", f"{tmp_path}/nope", code=ExitCode.BAD_INPUT, says="does not exist")


def test_a_file_in_place_of_a_folder(fleet: FleetCommand, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    refused(fleet, "scan", f"{tmp_path}/a.mp3", code=ExitCode.BAD_INPUT, says="is a file")


def test_an_empty_folder(fleet: FleetCommand, tmp_path: Path) -> None:
    refused(fleet, "scan", str(tmp_path), code=ExitCode.BAD_INPUT, says="is empty")


@pytest.mark.parametrize("command", ["scan /opt", "status", "enqueue scan.discovery", "up"])
def test_a_broken_topology(fleet: FleetCommand, tmp_path: Path, command: str) -> None:
    broken = tmp_path / "queues.toml"
    broken.write_text("[queues.scan\n")
    refused(
        fleet, *command.split(), code=ExitCode.BAD_TOPOLOGY, says="line 1", FLEET_QUEUES=str(broken)
    )


@pytest.mark.parametrize("command", ["scan .", "enqueue scan.discovery", "up"])
def test_a_redis_that_is_not_there(fleet: FleetCommand, command: str) -> None:
    refused(
        fleet,
        *command.split(),
        code=ExitCode.REDIS_UNREACHABLE,
        says="redis://:***@localhost:1 does not answer",
        **UNREACHABLE,
    )


@pytest.mark.parametrize("command", ["scan .", "status", "problems", "up"])
def test_a_database_that_is_not_there(fleet: FleetCommand, command: str) -> None:
    url = "postgresql://me:secret@localhost:1/music"
    refused(
        fleet,
        *command.split(),
        code=ExitCode.DATABASE,
        says="does not open",
        FLEET_DATABASE_URL=url,
    )


@pytest.mark.parametrize("command", ["scan .", "status", "problems", "up"])
def test_a_database_of_a_newer_version(fleet: FleetCommand, tmp_path: Path, command: str) -> None:
    url = f"sqlite:///{tmp_path}/library.db"
    open_database(url, create=True)
    migrate()
    database.execute_sql(
        "INSERT INTO migratehistory (name, migrated_at) VALUES ('999_future', '2030-01-01')"
    )
    close_database()
    refused(
        fleet, *command.split(), code=ExitCode.DATABASE, says="999_future", FLEET_DATABASE_URL=url
    )


def test_a_job_that_no_queue_takes(fleet: FleetCommand) -> None:
    refused(
        fleet,
        "enqueue",
        "covers.process_album_cover",
        code=ExitCode.BAD_INPUT,
        says="covers.process_album_covers",
    )


def test_ids_from_the_ledger_for_a_job_without_rows_there(fleet: FleetCommand) -> None:
    refused(fleet, "enqueue", "scan.discovery", "--missing", code=ExitCode.BAD_INPUT, says="ledger")


def test_an_argument_without_a_name(fleet: FleetCommand) -> None:
    refused(
        fleet, "enqueue", "scan.discovery", "/music", code=ExitCode.USAGE, says="write NAME=VALUE"
    )


def test_a_data_folder_that_cannot_be(fleet: FleetCommand) -> None:
    refused(fleet, "up", code=ExitCode.FILES, says="/dev/null", FLEET_DATA_DIR="/dev/null/data")


@pytest.mark.parametrize(
    ("command", "code"),
    [("config check", ExitCode.OK), ("queue", ExitCode.USAGE), ("logs nope", ExitCode.BAD_INPUT)],
)
def test_closed_standard_streams_change_no_end(
    fleet: FleetCommand, command: str, code: ExitCode
) -> None:
    line = f'exec "{sys.executable}" -m worker.cli {command} <&- >&- 2>&-'
    ended = subprocess.run(
        ["/bin/sh", "-c", line], env=fleet.environment, cwd=REPOSITORY, check=False
    )
    assert ended.returncode == code
