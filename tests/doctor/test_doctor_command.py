"""`fleet doctor`: exit codes, the order of its lines, JSON, and mending."""

import json
import re
from pathlib import Path

import pytest
import redis

from db import settings
from db.models import database as connection
from db.scanning import scans
from tests.doctor.supervised import ESSENTIAL, Supervise
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode


@pytest.fixture
def sound(
    server: redis.Redis, supervise: Supervise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Surroundings in which all is well, and nothing is to be rebalanced."""
    rigid = re.sub(r"(?m)^(least|most) = .*$", "", dispatch.topology().path.read_text())
    (tmp_path / "queues.toml").write_text(rigid)
    monkeypatch.setenv("FLEET_QUEUES", str(tmp_path / "queues.toml"))
    supervise(ESSENTIAL, "scheduler", "RUNNING")
    return settings.data_dir()


def test_all_well_ends_with_0_and_says_so(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == ExitCode.OK
    told = capsys.readouterr()
    assert all(line.startswith("ok    ") for line in told.out.splitlines())
    assert told.err == "All is well.\n"


def test_warnings_alone_end_with_3(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans.start(str(tmp_path / "music"), deep=False)
    assert run(["doctor"]) == ExitCode.PROBLEMS
    told = capsys.readouterr()
    first = told.out.splitlines()[0]
    assert first.startswith(f"warn  library: {tmp_path}/music is not there — mount its disk; ")
    assert first.endswith(f"if it is gone for good, `fleet root forget {tmp_path}/music`")
    assert told.err == "Errors: 0, warnings: 1.\n"


def test_errors_end_with_11_and_come_first(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans.start(str(tmp_path / "music"), deep=False)
    settings.run_dir().chmod(0o750)
    assert run(["doctor"]) == ExitCode.UNSOUND
    told = capsys.readouterr()
    marks = [line[:5] for line in told.out.splitlines()]
    assert marks[:2] == ["ERROR", "warn "]
    assert set(marks[2:]) == {"ok   "}
    assert told.err == "Errors: 1, warnings: 1; `fleet doctor --fix` repairs 1 of them.\n"


def test_json_is_one_object_with_the_errors_first(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.run_dir().chmod(0o750)
    assert run(["doctor", "--json"]) == ExitCode.UNSOUND
    told = capsys.readouterr()
    first, *rest = json.loads(told.out)["findings"]
    assert (first["check"], first["severity"], first["fixable"]) == ("permissions", "error", True)
    assert all(each["severity"] == "ok" and not each["fixable"] for each in rest)
    assert told.err == ""


def test_fix_mends_what_it_can_and_ends_with_what_is_left(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans.start(str(tmp_path / "music"), deep=False)
    settings.run_dir().chmod(0o750)
    assert run(["doctor", "--fix"]) == ExitCode.PROBLEMS
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"fixed permissions: {settings.run_dir()} is its owner's alone now"
    assert second.startswith("warn  library: ")
    assert settings.run_dir().stat().st_mode & 0o777 == 0o700


def test_a_dry_run_only_says_what_would_be_mended(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.run_dir().chmod(0o750)
    assert run(["doctor", "--fix", "--dry-run"]) == ExitCode.UNSOUND
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"would permissions: chmod 700 {settings.run_dir()}"
    assert second.startswith("ERROR permissions: ")
    assert settings.run_dir().stat().st_mode & 0o777 == 0o750


def test_a_fix_that_fails_is_told_and_its_finding_stays(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (index,) = [each for each in connection.get_indexes("albums") if each.columns == ["key"]]
    connection.execute_sql(f"DROP INDEX {index.name}")
    for _ in range(2):
        connection.execute_sql(
            "INSERT INTO albums (key, compilation, added_at) VALUES ('same', 0, '2026-01-01')"
        )
    assert run(["doctor", "--fix"]) == ExitCode.UNSOUND
    told = capsys.readouterr().out
    assert "FAILED schema: could not make the unique index of albums (key): UNIQUE" in told
    assert "ERROR schema: the unique index of albums (key) is missing" in told


def test_fixes_are_told_as_json_too(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.run_dir().chmod(0o750)
    assert run(["doctor", "--fix", "--dry-run", "--json"]) == ExitCode.UNSOUND
    fix = f"chmod 700 {settings.run_dir()}"
    (would,) = json.loads(capsys.readouterr().out)["fixes"]
    assert would == {"check": "permissions", "fix": fix, "done": None}
    assert run(["doctor", "--fix", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    says = f"{settings.run_dir()} is its owner's alone now"
    (fixed,) = told["fixes"]
    assert fixed == {"check": "permissions", "fix": fix, "done": True, "says": says}
    assert {each["severity"] for each in told["findings"]} == {"ok"}


def test_a_dry_run_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--dry-run"]) == ExitCode.USAGE
    assert "--dry-run goes with --fix" in capsys.readouterr().err
