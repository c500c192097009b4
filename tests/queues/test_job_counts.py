"""The CPU time of a job is that of all processes at work on it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from worker.process.job_counts import CpuClock

WORK = """
import sys, time
while time.process_time() < 0.3:
    pass
print(flush=True)
sys.stdin.read()
"""
BELOW = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}])"


@contextmanager
def at_work(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has worked for 0.3 s, and lives until the end of the block."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        yield process
        process.stdin.close()


@pytest.mark.parametrize("code", [WORK, BELOW], ids=["child", "grandchild"])
def test_what_processes_below_it_took_is_the_jobs_while_they_live_and_not_twice(code: str) -> None:
    clock = CpuClock()
    clock.start()
    with at_work(code):
        assert clock.stop(1) >= 0.3
        clock.start()
        assert clock.stop(1) < 0.2


def test_what_a_child_took_that_has_ended_is_the_jobs() -> None:
    clock = CpuClock()
    clock.start()
    with at_work(WORK):
        pass
    assert clock.stop(1) >= 0.3


def test_what_the_process_itself_took_is_the_jobs() -> None:
    clock = CpuClock()
    while time.process_time() < 0.1:
        pass
    clock.start()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert 0.1 <= clock.stop(0.0) < 1
