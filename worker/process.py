"""The worker process: an RQ worker that loses no job and runs nothing but the fleet's jobs.

Started by supervisord as `python -m worker.process PROGRAM NUMBER --queues A,B`. RQ's keys keep
their meaning, so `rq info` and rq-dashboard see an ordinary worker. What differs:

- a job is moved, not popped, from its queue (`worker.recovery` says why),
- the worker's name is its slot; a successor takes over its dead predecessor's name and jobs,
- a job whose name is not routed by queues.toml fails before anything is imported.
"""

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import click
import peewee
import redis
from rq import Queue, SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import WorkerStatus

from db import ledger
from db.connection import close_database
from db.errors import DatabaseError
from db.models import database
from worker import dispatch
from worker.database import open_migrated
from worker.errors import ForbiddenJobError, TopologyError, WorkerError
from worker.lifeline import die_with_supervisord
from worker.recovery import put_back, taken_key
from worker.redis import connect
from worker.slot_lock import hold_slot
from worker.slots import slot_name

WORKER_TTL = 60
"""Seconds without a heartbeat after which an idle worker's key expires."""
GRACE = 5.0
"""Seconds in which a worker that is told to stop may finish its job; then it puts the job back."""
_REDIS_STARTS = 60.0
_BLOCK = 5
_SHORTEST_NAP, _LONGEST_NAP = 0.02, 0.25
_LONGEST_WAIT = 5.0
_FOREIGN_CODE = (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name")

_TAKE = """
for i = 1, #KEYS - 1 do
    local id = redis.call('LMOVE', KEYS[i], KEYS[#KEYS], 'LEFT', 'RIGHT')
    if id then return {i, id} end
end
return nil
"""
"""Move the first job of the first queue that has one to the worker's own list."""


class FleetJob(Job):
    """A job that runs only if queues.toml routes its name."""

    @property
    def func(self) -> Any:
        """The function to call. Raises ForbiddenJobError before anything is imported."""
        allowed = {dispatch.function_path(name) for name in dispatch.topology().routes}
        if self.instance is not None or self.func_name not in allowed:
            raise ForbiddenJobError(
                f"{self.func_name!r} is no job that queues.toml routes, so it was not run — "
                "delete it, or route it and requeue it"
            )
        return super().func

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        """Read the job's hash, without callbacks and webhooks: the fleet sets none."""
        known = {name: raw_data[name] for name in raw_data if name not in _FOREIGN_CODE}
        known.pop(b"webhooks", None)
        super().restore(known)


class FleetWorker(SimpleWorker):
    """One worker slot."""

    job_class = FleetJob

    def __init__(self, slot: str, queues: list[str], connection: redis.Redis) -> None:
        super().__init__(
            queues,
            name=slot,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
        )
        self._taken = taken_key(slot)
        self._take_script = connection.register_script(_TAKE)

    def _set_ip_address(self, connection: redis.Redis) -> None:
        """A socket has no address, and asking for it fails where its path holds a blank."""
        if "path" in connection.connection_pool.connection_kwargs:
            self.ip_address = "unknown"
        else:
            super()._set_ip_address(connection)

    def register_birth(self) -> None:
        """Take over the slot: its last holder is dead, this process has the slot's lock."""
        put_back(self.connection, self.name)
        self.connection.delete(self.key, self.executions_key)
        super().register_birth()

    def register_death(self) -> None:
        """Leave the slot: nothing stays on this worker's list, whoever comes next, if anyone."""
        put_back(self.connection, self.name, died=False)
        super().register_death()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job; None only when there is none and `timeout` is None (burst)."""
        self.set_state(WorkerStatus.IDLE)
        put_back(self.connection, self.name)  # a move whose answer was lost, and was tried again
        self.procline("Listening on " + ",".join(self.queue_names()))
        started, last_beat, nap, wait = time.monotonic(), float("-inf"), _SHORTEST_NAP, 1.0
        while True:
            try:
                if time.monotonic() - last_beat > _BLOCK:
                    self._beat()
                    last_beat = time.monotonic()
                found = self._take(timeout is not None)
                wait = 1.0
            except (redis.ConnectionError, redis.TimeoutError) as error:
                self.log.error(
                    "%s: Redis does not answer (%s); again in %.0f s", self.name, error, wait
                )
                time.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
                continue
            if found is not None:
                return found
            if timeout is None or _is_over(started, max_idle_time):
                return None
            if len(self.queues) > 1:
                time.sleep(nap)
                nap = min(nap * 2, _LONGEST_NAP)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job and let go of it once RQ has recorded how it ended."""
        database.connect(reuse_if_open=True)
        super().execute_job(job, queue)
        self.connection.lrem(self._taken, 1, job.id)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run a job; a failed one lets go of what it leased, so that any later one may take it."""
        succeeded: bool = super().perform_job(job, queue, execution)
        if not succeeded:
            _release_leases(job.id)
        return succeeded

    def handle_warm_shutdown_request(self) -> None:
        """Told to stop: go on with the job at hand, but not for long."""
        super().handle_warm_shutdown_request()
        again = threading.Timer(GRACE, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Told again: put the job back whole, and end at once; the successor begins it anew."""
        self.register_death()
        os._exit(0)

    def _beat(self) -> None:
        """Say that this worker lives; register again if Redis forgot it."""
        if not self.connection.exists(self.key):
            super().register_birth()
            self.set_state(WorkerStatus.IDLE)
        self.heartbeat()
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()

    def _take(self, may_block: bool) -> tuple[Job, Queue] | None:
        """Move the next job to this worker's list; wait for one where Redis can do both at once."""
        if len(self.queues) == 1 and may_block:
            queue = self.queues[0]
            raw_id = self.connection.blmove(queue.key, self._taken, _BLOCK, "LEFT", "RIGHT")
        else:
            keys = [*(queue.key for queue in self.queues), self._taken]
            index, raw_id = self._take_script(keys=keys) or (0, None)
            queue = self.queues[index - 1]
        return None if raw_id is None else self._fetch(as_text(raw_id), queue)

    def _fetch(self, job_id: str, queue: Queue) -> tuple[Job, Queue] | None:
        try:
            job = self.job_class.fetch(
                job_id, connection=self.connection, serializer=self.serializer
            )
        except NoSuchJobError:
            self.log.warning("%s: the job %s of %s is gone", self.name, job_id, queue.name)
            self.connection.lrem(self._taken, 1, job_id)
            return None
        job.redis_server_version = self.get_redis_server_version()
        self.log.info("%s: %s (%s)", queue.name, job.description, job.id)
        return job, queue


def _release_leases(job_id: str) -> None:
    close_database()  # it may be what failed
    try:
        database.connect()
        ledger.release(job_id)
    except peewee.PeeweeException:
        logging.getLogger("rq.worker").exception("the leases of %s run out by themselves", job_id)


def _is_over(started: float, max_idle_time: int | None) -> bool:
    return max_idle_time is not None and time.monotonic() - started >= max_idle_time


@click.command()
@click.argument("program")
@click.argument("number", type=int)
@click.option("--queues", required=True, help="The program's queues, in order of priority.")
def main(program: str, number: int, queues: str) -> None:
    """Run one worker slot of a program until it is told to stop."""
    die_with_supervisord()
    try:
        _run(program, number, queues.split(","))
    except (WorkerError, DatabaseError) as error:
        sys.exit(f"{program}-{number}: {error}")


def _run(program: str, number: int, names: list[str]) -> None:
    topology = dispatch.topology()
    declared = topology.programs.get(program)
    if declared is None or list(declared.queues) != names:
        raise TopologyError(
            str(topology.path),
            [f"programs.{program} does not consume {','.join(names)} — run `fleet config write`"],
        )
    with hold_slot(program, number):
        open_migrated()
        connect(wait=_REDIS_STARTS).close()
        worker = FleetWorker(slot_name(program, number), names, dispatch.connection())
        worker.work()


if __name__ == "__main__":
    main()
