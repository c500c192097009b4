"""The worker process: an RQ worker that loses no job and runs nothing but the fleet's jobs.

Started by supervisord as `python -m worker.process PROGRAM NUMBER --queues A,B`. RQ's keys keep
their meaning, so `rq info`, rq's commands and rq-dashboard see an ordinary worker. What differs:

- a job is moved, not popped, from its queue (`worker.process.take`),
- a job costs one round trip: the last one ends, the next one is taken and begins,
- the worker's name is its slot; a successor takes over its dead predecessor's name and jobs,
- a job whose name is not routed by queues.toml fails before anything is imported,
- a job runs in the worker or in a child of it (`worker.process.horse`), as its program says.
"""

import worker.host.light  # noqa: F401  # first: see there

import argparse  # not click, which takes a twelfth of a worker's start
import logging
import os
import signal

from db import settings
from db.errors import DatabaseError
from db.sql.connection import close_database
from worker import dispatch
from worker.errors import TopologyError, WorkerError
from worker.host.lifeline import SUPERVISED, die_with_supervisord
from worker.host.locks import hold_free_slot, hold_slot, open_library
from worker.host.log import end_with, log_to_stderr
from worker.process.fleet_job import log
from worker.process.fleet_worker import FleetWorker
from worker.redis.connection import connect, endure
from worker.redis.owner import claim
from worker.topology import Execution, Program, Slot
from worker.topology.model import slot_name

_REDIS_STARTS = 60.0


def main() -> None:
    """Run one worker slot of a program until SIGTERM."""
    given = _arguments()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the worker listens to it
    die_with_supervisord()
    # RQ logs what it does at INFO; what a job does is in lines of the fleet's own.
    log_to_stderr(Slot(given.program, given.number).process_name if given.number else given.program)
    log.setLevel(logging.INFO)
    try:
        _run(given.program, given.number, given.queues.split(","))
    except (WorkerError, DatabaseError) as error:
        end_with(error)
    except SystemExit as end:
        if isinstance(end.code, str):
            end_with(end)
        raise


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m worker.process", description=main.__doc__)
    parser.add_argument("program", metavar="PROGRAM")
    parser.add_argument(
        "number", metavar="NUMBER", type=int, help="the slot, or 0 for the first that is free"
    )
    parser.add_argument(
        "--queues", required=True, help="the program's queues, in order of priority: A,B"
    )
    parser.add_argument(SUPERVISED, action="store_true", help="end with supervisord")
    return parser.parse_args()


def _run(program: str, number: int, names: list[str]) -> None:
    topology = dispatch.topology()
    declared = topology.programs.get(program)
    if declared is None or list(declared.queues) != names:
        raise TopologyError(
            str(topology.path),
            [f"programs.{program} does not consume {','.join(names)} — run `fleet reload`"],
        )
    if declared.nice:
        os.nice(declared.nice)  # its children have it too
    with hold_slot(program, number) if number else hold_free_slot(program) as free:
        number = free or number
        open_library()
        connect(wait=_REDIS_STARTS).close()
        claim(dispatch.connection(), topology.queues)
        if declared.execution is Execution.FORKED:
            close_database()  # each child opens its own
        endure(dispatch.connection())
        log.info("process %d begins: queues %s", os.getpid(), ", ".join(names))
        FleetWorker(
            slot_name(program, number),
            names,
            dispatch.connection(),
            execution=declared.execution,
            memory=declared.memory,
        ).work(logging_level="WARNING", max_idle_time=_idle(declared, number))
        log.info("process %d ends: it was stopped, or idle for long", os.getpid())


def _idle(declared: Program, number: int) -> int | None:
    """Seconds without a job after which it ends, where somebody starts it when there is one."""
    is_started = settings.supervisor() in {"", "systemd"}
    return declared.idle_of(number) if is_started else None


if __name__ == "__main__":
    main()
