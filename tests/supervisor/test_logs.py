"""`fleet logs`: the ends of the log files, and what is added to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.supervisor.logs import Follower

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
    assert fleet("logs", "metadata", "--lines", "1").stdout.splitlines() == [
        "metadata-1 | metadata-1 says 29",
        "metadata-2 | metadata-2 says 29",
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


def test_a_rotated_log_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("before\n")
    follower = Follower(file)
    file.rename(tmp_path / "a.log.1")
    assert list(follower.new_lines()) == []
    file.write_text("after\nhalf a ")
    assert list(follower.new_lines()) == ["after"]
    with file.open("a") as log:
        log.write("line\n")
    assert list(follower.new_lines()) == ["half a line"]
