"""`fleet logs`: the ends of the log files, and what is added to them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from worker.errors import BadInputError
from worker.supervisor.logs import (
    Entry,
    Follower,
    Wanted,
    entries,
    moment_of,
    newest,
    of_job,
    processes_of,
)

Fleet = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_dir(data_dir: Path) -> Path:
    """A run folder with some logs."""
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("covers-1", "metadata-1", "metadata-2", "redis"):
        (folder / f"{name}.log").write_text("".join(f"{name} says {i}\n" for i in range(30)))
    return folder


@pytest.mark.usefixtures("run_dir")
def test_the_last_lines_of_a_process(fleet: Fleet) -> None:
    assert fleet("logs", "redis", "-n", "2").stdout == "redis says 28\nredis says 29\n"


@pytest.mark.usefixtures("run_dir")
def test_the_lines_of_a_program_carry_the_names_of_its_processes(fleet: Fleet) -> None:
    assert fleet("logs", "metadata", "--lines", "60").stdout.splitlines() == [
        f"{name} | {name} says {number}"
        for name in ("metadata-1", "metadata-2")
        for number in range(30)
    ]


@pytest.mark.usefixtures("run_dir")
def test_an_unknown_program_is_refused_with_the_nearest_name(fleet: Fleet) -> None:
    result = fleet("logs", "cover")
    assert (result.returncode, result.stdout) == (9, "")
    assert result.stderr.startswith("fleet: there is no log of 'cover' in ")
    assert result.stderr.endswith("did you mean covers?\n")


def test_without_any_log_the_remedy_is_to_start_the_fleet(fleet: Fleet, tmp_path: Path) -> None:
    result = fleet("logs", "covers", FLEET_DATA_DIR=str(tmp_path))
    assert result.returncode == 9
    assert "start the fleet: `fleet up`" in result.stderr


def test_following_shows_what_is_added_and_ends_with_ctrl_c(
    run_dir: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "worker.cli", "logs", "redis", "-f", "-n", "1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "redis says 29\n"
        with (run_dir / "redis.log").open("a") as log:
            log.write("more\n")
        assert process.stdout.readline() == "more\n"
        os.kill(process.pid, signal.SIGINT)
    assert process.returncode == 0


def texts(found: Iterable[Entry]) -> list[str]:
    return [entry.text for entry in found]


def test_a_rotated_log_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("before\n")
    follower = Follower(file)
    file.rename(tmp_path / "a.log.1")
    assert follower.new_entries() == []
    file.write_text("after\nhalf a ")
    assert texts(follower.new_entries()) == ["after"]
    with file.open("a") as log:
        log.write("line\n")
    assert texts(follower.new_entries()) == ["half a line"]


OURS = "2026-11-30T17:39:0{}.123+00:00 {} {} [job={} attempt=1 entity=album:{}]: {}\n"


@pytest.fixture
def mixed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs of each form, one rotated, one with a line of 10 MB and one that is no text."""
    for file in (data_dir / "run").glob("*.log*"):
        file.unlink()
    monkeypatch.setenv("FLEET_LASTFM_KEY", "abcdef0123456789")
    monkeypatch.setenv("FLEET_DATA_DIR", str(data_dir))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    trace = '    Traceback\n      File "x.py"\n'
    old = OURS.format(1, "INFO", "covers-1", "J1", "1-3;track:9", "started: 3 albums")
    new = OURS.format(4, "ERROR", "covers-1", "J1", "", "failed: key abcdef0123456789") + trace
    new += OURS.format(6, "INFO", "covers-1", "J2", "2", "a%20b")
    (folder / "covers-1.log.1").write_text(old)
    (folder / "covers-1.log").write_text(new)
    (folder / "redis.log").write_text("7:M 30 Nov 2026 17:39:02.000 # WARNING\nlibc: odd\n")
    (folder / "supervisord.log").write_text("2026-11-30 17:39:05,000 CRIT uncaptured\n")
    long = OURS.format(3, "INFO", "web", "", "", "long " + 10_000_000 * "x")
    (folder / "web.log").write_bytes(b"\xff\xfe\n" + long.encode())
    return folder


@pytest.mark.usefixtures("mixed")
def test_entries_of_all_programs_and_forms_are_merged_by_time_in_both_directions() -> None:
    all_of_them = list(entries(processes_of(())))
    assert [(each.process, each.level, each.text[:8]) for each in all_of_them] == [
        ("web", "", "\\xff\\xfe"),
        ("covers-1", "INFO", "started:"),
        ("redis", "WARNING", "WARNING"),
        ("redis", "", "libc: od"),
        ("web", "INFO", "long xxx"),
        ("covers-1", "ERROR", "failed: "),
        ("supervisord", "CRITICAL", "uncaptur"),
        ("covers-1", "INFO", "a%20b"),
    ]
    assert newest(processes_of(()), 100) == all_of_them
    assert newest(processes_of(()), 2) == all_of_them[-2:]
    (failed,) = (each for each in all_of_them if each.level == "ERROR")
    assert (failed.text, failed.below) == ("failed: key ***", ["Traceback", 'File "x.py"'])
    assert len("".join(all_of_them[4].lines)) < 300_000


def test_entries_are_found_by_job_attempt_level_text_entity_and_time(mixed: Path) -> None:
    def found(**wanted: Any) -> list[str]:
        one, other = (
            entries(processes_of(()), Wanted(**wanted)),
            newest(processes_of(()), 100, Wanted(**wanted)),
        )
        assert texts(one) == texts(other)
        return [each.text[:7] for each in other]

    assert texts(of_job("J1")) == ["started: 3 albums", "failed: key ***"]
    assert texts(of_job("J1", attempt=2)) == []
    assert found(level="error") == ["\\xff\\xf", "libc: o", "failed:", "uncaptu"]
    assert found(text="TRACEBACK") == ["failed:"]
    assert found(entity="album:2") == ["started", "a%20b"]
    assert found(entity="track:9") == ["started"]
    assert found(entity="album:9") == []
    assert found(since=moment_of("2026-11-30T17:39:05"), job="J2") == ["a%20b"]
    assert found(since=moment_of("2026-11-30T17:39:05")) == ["uncaptu", "a%20b"]
    with pytest.raises(BadInputError, match="'soon' is no time — write"):
        moment_of("soon")


@pytest.mark.usefixtures("mixed")
def test_logs_as_json_have_a_version_and_each_field(fleet: Fleet) -> None:
    found = json.loads(fleet("logs", "--json", "--job", "J2").stdout)
    assert found["version"] == 1
    (entry,) = found["entries"]
    assert entry["at"].startswith("2026-11-30T17:39:06.123")
    assert (entry["level"], entry["program"], entry["process"]) == ("INFO", "covers", "covers-1")
    assert (entry["job"], entry["entity"], entry["queue"]) == ("J2", "album:2", None)
    assert fleet("logs", "--job", "nothing", "--json").stdout == '{"version": 1, "entries": []}\n'
