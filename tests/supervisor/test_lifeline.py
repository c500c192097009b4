"""A process that asked for it does not outlive its parent."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from worker.host import lifeline
from worker.host.lifeline import SUPERVISED, is_supervisord
from worker.supervisor.shutdown import wait_for

REPOSITORY = Path(__file__).parents[2]

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
CHILD = """
import os, signal, time
from worker.host.lifeline import die_with_parent
die_with_parent(signal.SIGKILL, os.getppid())
print("ready", flush=True)
time.sleep(600)
"""


def test_a_child_ends_with_its_killed_parent() -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    assert not wait_for([child], 10)


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    code = CHILD.replace("os.getppid()", "1 if os.getppid() != 1 else 2")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, check=False, timeout=PATIENCE
    )
    assert result.returncode == -signal.SIGKILL


PROGRAM = "from worker.host.lifeline import die_with_supervisord as d; d(); print('on')"


def test_a_program_started_by_hand_goes_on_below_any_supervisord() -> None:
    below = os.environ | {"SUPERVISOR_ENABLED": "1", "SUPERVISOR_PROCESS_NAME": "shell"}
    command = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(command, cwd=REPOSITORY, env=below, capture_output=True, check=True)
    assert result.stdout == b"on\n"


def test_a_program_whose_supervisord_is_gone_already_ends_at_once() -> None:
    command = [sys.executable, "-c", PROGRAM, SUPERVISED]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (-signal.SIGTERM, b"")


def test_what_is_only_called_with_the_name_of_supervisord_is_none() -> None:
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen([*command, "a/supervisord.conf"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not is_supervisord(process.pid)
        process.kill()


def test_signs_of_life_are_for_who_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifeline, "_shown", float("-inf"))
    lifeline.show_life()
    address, file = str(tmp_path / "notify"), tmp_path / "alive"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("ALIVE_FILE", str(file))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watchdog:
        watchdog.bind(address)
        lifeline.show_life()
        lifeline.show_life()
        assert watchdog.recv(100) == b"WATCHDOG=1"
        watchdog.setblocking(False)
        with pytest.raises(BlockingIOError):
            watchdog.recv(100)
    assert file.exists()
