"""One job in a process of its own: it may crash, hang or eat memory without costing the worker.

The parent imports the module of a job once, which is light, so that no child does it anew; what is
heavy a job imports as it runs, and it leaves with the child. The child dies with its parent, and
every process that it forks dies with it. What it has to say comes over a pipe.
"""

import json
import os
import random
import resource
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rq.timeouts import JobTimeoutException

from db.connection import close_database
from db.models import database
from worker.fleet_job import FleetJob
from worker.lifeline import die_with_parent
from worker.time_limit import HARD_MARGIN, TimeLimit

_LENGTH_BYTES = 8
_BEAT_SECONDS = 10.0
_READ_SIZE = 64 * 1024


@dataclass(frozen=True)
class Returned:
    """The job ended well. `value` is JSON."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """The job raised; `traceback` is the text of it."""

    traceback: str


@dataclass(frozen=True)
class Died:
    """The process came to its end under the job: SIGSEGV, timeout, memory, exit 3."""

    signal: str


class Horse:
    """Runs one job after the other, each in a child."""

    def __init__(self, memory: int | None, beat: Callable[[], None]) -> None:
        """`memory`: bytes that a child may use beyond its parent's; `beat` is called meanwhile."""
        self._memory = memory
        self._beat = beat
        self.pid = 0
        """The child at work; 0 when there is none."""

    def run(self, job: FleetJob) -> Returned | Raised | Died:
        """Run a job to its end, whatever that is."""
        seconds = float(job.timeout or 0)
        begun = time.monotonic()
        _import(job)
        answers = self._fork(job)
        try:
            message = self._listen(answers, seconds + HARD_MARGIN)
        finally:
            is_overdue = time.monotonic() - begun >= seconds
            os.close(answers)
            self.kill()
        exit_code = self._wait()
        if message is not None:
            return _outcome(json.loads(message))
        return Died("timeout" if is_overdue else _cause(exit_code))

    def kill(self) -> None:
        """End the child at once, with whatever it has forked into its group."""
        if self.pid:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it has ended, or has no group yet
                os.kill(self.pid, signal.SIGKILL)

    def _fork(self, job: FleetJob) -> int:
        """Start the child, and return the descriptor on which it answers."""
        parent = os.getpid()
        answers, child_end = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = _fork()
            if self.pid == 0:
                os.close(answers)
                _work(job, child_end, self._memory, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(child_end)
        return answers

    def _listen(self, answers: int, seconds: float) -> bytes | None:
        """What the child says; None when it ends first, or says nothing for so long."""
        received = bytearray()
        begun = beaten = time.monotonic()
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        while time.monotonic() - begun < seconds:
            if poll.poll(1000):
                data = os.read(answers, _READ_SIZE)
                received += data
                message = _complete(received)
                if message is not None or not data:
                    return message
            if time.monotonic() - beaten > _BEAT_SECONDS:
                self._beat()
                beaten = time.monotonic()
        return None

    def _wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)


def _outcome(message: dict[str, Any]) -> Returned | Raised | Died:
    if "died" in message:
        return Died(message["died"])
    return Raised(message["raised"]) if "raised" in message else Returned(message["returned"])


def _complete(received: bytearray) -> bytes | None:
    end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
    if len(received) < _LENGTH_BYTES or len(received) < end:
        return None
    return bytes(received[_LENGTH_BYTES:end])


def _cause(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit {exit_code}"


def _import(job: FleetJob) -> None:
    """Import what the job calls, unless it is loaded or may not be run."""
    with suppress(Exception):  # the child meets the same, and tells it
        _ = job.func


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns where threads run. The child takes no lock that RQ's one other thread,
        # which listens for commands, may hold: redis-py and logging renew theirs after a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _work(job: FleetJob, child_end: int, memory: int | None, parent: int) -> NoReturn:
    """The child's life. It leaves without the parent's exit handlers, whatever happens."""
    exit_code = 1
    try:
        _settle_down(memory, parent)
        _send(child_end, json.dumps(_performed(job)).encode())
        exit_code = 0
    except BaseException:  # noqa: BLE001  # no traceback of the child may run on in the worker
        traceback.print_exc()
    finally:
        os._exit(exit_code)


def _settle_down(memory: int | None, parent: int) -> None:
    os.setpgrp()
    die_with_parent(signal.SIGKILL, parent)
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    random.seed()
    if memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _performed(job: FleetJob) -> dict[str, Any]:
    """What became of the job, as JSON."""
    try:
        database.connect(reuse_if_open=True)
        with TimeLimit(job.timeout, JobTimeoutException, job_id=job.id):
            value = job.perform()
        close_database()
        json.dumps(value)  # what cannot be told is the job's failure, not the process's
    except JobTimeoutException:
        return {"died": "timeout"}
    except MemoryError:
        return {"died": "memory"}
    except BaseException:  # noqa: BLE001  # a panic of compiled code is no Exception
        return {"raised": traceback.format_exc()}
    return {"returned": value}


def _send(child_end: int, message: bytes) -> None:
    data = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    while data:
        data = data[os.write(child_end, data) :]
