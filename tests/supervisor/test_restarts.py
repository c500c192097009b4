"""What supervisord itself does with our extension: it notices every end, and spaces restarts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from worker.supervisor.restarts import LONG_PAUSE, SHORT_PAUSE, STOOD, pause
from worker.supervisor.shutdown import is_alive

REPOSITORY = Path(__file__).parents[2]

CONFIGURATION = """
[unix_http_server]
file = %(here)s/s.sock
[supervisorctl]
serverurl = unix://%(here)s/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:restarts]
supervisor.rpcinterface_factory = worker.supervisor.restarts:make_restarts
[supervisord]
directory = %(here)s
logfile = %(here)s/s.log
pidfile = %(here)s/s.pid
[program:sleeper]
command = sleep 600
stopsignal = KILL
startsecs = {startsecs}
startretries = 1000
"""


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The folder of a supervisord that runs one program; the parameter is its startsecs."""
    conf = tmp_path / "s.conf"
    conf.write_text(CONFIGURATION.format(startsecs=request.param))
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", str(conf)]
    with subprocess.Popen(command, cwd=REPOSITORY) as supervisord:
        yield tmp_path
        supervisord.terminate()


def starts(folder: Path) -> list[int]:
    """The id of each process that was started so far."""
    log = folder / "s.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.rpartition(" ")[2]) for line in lines if "spawned: 'sleeper'" in line]


def started(folder: Path, count: int, deadline: float | None = None) -> int:
    """The id of the process that is started as the `count`th, once it is."""
    end = deadline or time.monotonic() + PATIENCE
    while len(pids := starts(folder)) < count:
        assert time.monotonic() < end, f"{len(pids)} of {count} starts"
        time.sleep(0.01)
    return pids[count - 1]


@pytest.mark.parametrize("folder", [0], indirect=True)
def test_an_end_is_noticed_although_supervisord_looks_only_once_a_second(folder: Path) -> None:
    pid = started(folder, 1)
    twelve_looks = time.monotonic() + 12
    for count in range(2, 16):
        os.kill(pid, signal.SIGKILL)
        pid = started(folder, count, twelve_looks)


@pytest.mark.parametrize("folder", [60], indirect=True)
def test_what_is_killed_early_again_and_again_is_started_again(folder: Path) -> None:
    for count in range(1, 3):
        os.kill(started(folder, count), signal.SIGKILL)
    assert is_alive(started(folder, 3))


def test_the_pauses_end_where_a_machine_is_not_kept_busy_and_not_kept_waiting() -> None:
    pauses = [pause(early_ends, lived=0.3) for early_ends in range(1, 1000)]
    assert pauses == sorted(pauses)
    assert pauses[:3] == [0, 0, SHORT_PAUSE]
    assert pauses[-1] == LONG_PAUSE


def test_what_had_started_and_was_killed_has_no_pause_a_dozen_times() -> None:
    pauses = [pause(early_ends, lived=STOOD) for early_ends in range(1, 1000)]
    assert pauses == sorted(pauses)
    assert pauses[:12] == [0] * 12
    assert pauses[-1] == LONG_PAUSE


@pytest.mark.parametrize("folder", [0], indirect=True)
def test_a_supervisord_that_restarts_itself_goes_on_noticing(folder: Path) -> None:
    started(folder, 1)
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(folder / "s.conf")]
    subprocess.run([*command, "reload"], check=True, capture_output=True, cwd=REPOSITORY)
    pid = started(folder, 2)
    for count in range(3, 6):
        os.kill(pid, signal.SIGKILL)
        pid = started(folder, count)
