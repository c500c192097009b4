"""One job in a process of its own: it may crash, hang or eat memory without costing the worker.

The parent imports the module of a job once, which is light, so that no child repeats it; what is
heavy a job imports as it runs, and it leaves with the child. The child dies with its parent, and
every process that it forks dies with it. What it has to say comes over a pipe.
"""

import json
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rq.timeouts import JobTimeoutException

from db import ledger
from db.models import database
from db.sql.connection import close_database
from worker.process.child import Child, Send
from worker.process.endings import Fault, fault_of
from worker.process.fleet_job import FleetJob
from worker.process.job_counts import CpuClock
from worker.process.time_limit import HARD_MARGIN, TimeLimit
from worker.redis.connection import JOB_PATIENCE, impatient

_BEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Returned:
    """The job ended well. `value` is JSON."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """The job raised; `traceback` is the text of it, and `cause` what is at fault."""

    traceback: str
    fault: Fault = Fault.ITEM
    obstacle: ledger.Obstacle | None = None
    """What in the surroundings it was that the job raised for, if it was that."""


@dataclass(frozen=True)
class Died:
    """The process came to its end under the job: SIGSEGV, timeout, memory, exit 3."""

    signal: str


class Horse:
    """Runs one job after the other, each in a child."""

    def __init__(self, memory: int | None, beat: Callable[[], None]) -> None:
        """`memory`: bytes that a child may use beyond its parent's; `beat` is called meanwhile."""
        self._child = Child(memory, own_group=True, ignored=(signal.SIGINT, signal.SIGHUP))
        self._beat = beat

    @property
    def pid(self) -> int:
        """The child at work; 0 when there is none."""
        return self._child.pid

    def run(self, job: FleetJob) -> Returned | Raised | Died:
        """Run a job to its end, whatever that is."""
        seconds = float(job.timeout or 0)
        begun = time.monotonic()
        _import(job)
        try:
            self._child.start(lambda send: _work(job, send))
            message = self._listen(seconds + HARD_MARGIN, job)
        except OSError as error:  # no process, memory or descriptor is free: no fault of the job
            if (obstacle := ledger.obstacle_of(error)) is None:
                raise
            return Raised(traceback.format_exc(), obstacle=obstacle)
        finally:
            is_overdue = time.monotonic() - begun >= seconds
            exit_code = self._child.stop()
        if message is not None:
            return _outcome(message)
        return Died("timeout" if is_overdue else self._child.cause_of_end(exit_code or 0))

    def kill(self) -> None:
        """End the child at once, with whatever it has forked into its group."""
        self._child.kill()

    def _listen(self, seconds: float, job: FleetJob) -> dict[str, Any] | None:
        """What became of the job; None when the child ends first, or says nothing for so long.

        What it settles meanwhile is counted, and known whatever its end is.
        """
        begun = beaten = time.monotonic()
        while time.monotonic() - begun < seconds:
            with suppress(TimeoutError):
                received = self._child.receive(1.0)
                message: dict[str, Any] = json.loads(received) if received else {}
                if "settled" not in message:
                    job.cpu = message.pop("cpu", 0.0)
                    return message or None
                job.note([ledger.Ending(*each) for each in message["settled"]])
            if time.monotonic() - beaten > _BEAT_SECONDS:
                self._beat()
                beaten = time.monotonic()
        return None


def _outcome(message: dict[str, Any]) -> Returned | Raised | Died:
    if "died" in message:
        return Died(message["died"])
    if "raised" not in message:
        return Returned(message["returned"])
    cause, place = message["obstacle"] or (None, "")
    obstacle = ledger.Obstacle(ledger.Cause(cause), place) if cause else None
    return Raised(message["raised"], Fault(message["fault"]), obstacle)


def _import(job: FleetJob) -> None:
    """Import what the job calls, unless it is loaded or may not be run."""
    with suppress(Exception):  # the child meets the same, and reports it
        _ = job.func


def _work(job: FleetJob, send: Send) -> None:
    """What the child does."""

    def say(**message: Any) -> None:
        send(json.dumps(message).encode())

    job.settled = None  # the parent counts
    clock = CpuClock()
    with ledger.observed(lambda endings: say(settled=endings)):
        outcome = _performed(job)
    say(**outcome, cpu=clock.stop())


def _performed(job: FleetJob) -> dict[str, Any]:
    """What became of the job, as JSON."""
    try:
        database.connect(reuse_if_open=True)
        with impatient(JOB_PATIENCE), TimeLimit(job.timeout, JobTimeoutException, job_id=job.id):
            value = job.perform()
        close_database()
        json.dumps(value)  # what cannot be reported is the job's failure, not the process's
    except JobTimeoutException:
        return {"died": "timeout"}
    except MemoryError:
        return {"died": "memory"}
    except BaseException as error:  # noqa: BLE001  # a panic of compiled code is no Exception
        raised = traceback.format_exc()
        return {"raised": raised, "fault": fault_of(error).value, "obstacle": job.obstacle}
    return {"returned": value}
