"""The worker of a slot as others see it: how it registers, shows that it lives, and leaves."""

import os
import sys
import threading
import time

import redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker, worker_registration
from rq.registry import clean_registries
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from db.sql.connection import close_database
from db.sql.schema import known_migrations
from worker import code_version, dispatch
from worker.errors import WorkerError
from worker.host.lifeline import SUPERVISED, show_life
from worker.host.memory import give_back_memory
from worker.process.child import resident
from worker.process.fleet_job import FleetJob
from worker.process.requeue import ENDS, log_ends, put_unheld_back, settle_all, take_over
from worker.process.unreadable import set_entries_aside
from worker.redis.connection import impatient
from worker.redis.entries import wrong_keys
from worker.redis.holders import beat, register, this_process, unregister

WORKER_TTL = 60
"""Seconds without a heartbeat after which an idle worker's key expires."""
BEAT = 5.0
"""Seconds between two heartbeats."""

_REST = 30.0
"""Seconds without a job after which a worker lets go of what it does not need."""
RENEWED_AFTER = 300.0
GROWN = 4 * 2**20
"""Seconds without a job after which a worker ends that has so many bytes more than at its start:
modules, and what Python does not give back."""


class SlotWorker(SimpleWorker):
    """A worker whose name is its slot. It beats whether it is idle or busy."""

    job_class = FleetJob
    log_result_lifespan = False

    def __init__(self, slot: str, queues: list[str], connection: redis.Redis) -> None:
        super().__init__(
            queues,
            name=slot,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
        )
        self.holder = this_process(slot)
        self._beaten = float("-inf")
        self._running = self._is_silent = False
        self._left = threading.Event()
        self._is_warm, self._size = True, resident(os.getpid())

    def _set_ip_address(self, connection: redis.Redis) -> None:
        """A socket has no address, and asking for it fails where its path holds a blank."""
        if "path" in connection.connection_pool.connection_kwargs:
            self.ip_address = "unknown"
        else:
            super()._set_ip_address(connection)

    # Birth and death

    def register_birth(self) -> None:
        """Take over the slot: its last holder is dead, this process has the slot's lock."""
        self._set_wrong_keys_aside()
        take_over(self.connection, self.holder)
        self.connection.delete(self.executions_key)
        # Not deleted: RQ's maintenance takes a worker out of its sets when its key is missing.
        self.connection.hset(self.key, "death", utcformat(now()))
        super().register_birth()  # type: ignore[no-untyped-call]
        self._publish_topology(self.connection)

    def register_death(self) -> None:
        """Leave the slot: nothing stays on this worker's list, whoever comes next, if anyone."""
        self._left.set()
        settle_all(self.connection, self.holder)
        unregister(self.connection, self.holder)
        super().register_death()  # type: ignore[no-untyped-call]

    def _publish_topology(self, connection: redis.Redis) -> None:
        """Say by which queues.toml this worker goes, and which musicfleet it is.

        `rq info` and the dashboard show no queue, and no worker of it, that is not registered with
        RQ.
        """
        said = ("version", code_version(), "migration", known_migrations()[-1])
        connection.hset(self.key, items=["topology", dispatch.topology().digest, *said])
        connection.sadd(Queue.redis_queues_keys, *self.queue_keys())

    def _set_wrong_keys_aside(self) -> None:
        own = {self.key: "hash", self.executions_key: "set", self.holder.taken_key: "list"}
        own[ENDS + self.name] = "list"
        names = dispatch.topology().queues
        for key in wrong_keys(self.connection, names, more=own, set_aside=True):
            self.log.error("%s: %s is of another type than it should be: set aside", self.name, key)

    # Heartbeats

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """As RQ's; but one that nobody timed, after each job, is left to the next that is due."""
        if timeout is not None or pipeline is not None:
            super().heartbeat(timeout, pipeline)

    def _beat_sometimes(self) -> None:
        if time.monotonic() - self._beaten > BEAT:
            self._beat()

    @impatient(0)
    def _beat(self) -> None:
        """Say that this worker lives; register again whatever Redis forgot of it.

        It does not wait for a Redis that is away, or whose memory is full: the job comes first.
        """
        self._beaten = time.monotonic()
        if SUPERVISED not in sys.argv:  # else the recovery does so for all
            show_life()
        try:
            self._register_again()
        except redis.ResponseError as error:
            self.log.error("%s: %s", self.name, error)
            self._set_wrong_keys_aside()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if not self._is_silent:
                self.log.warning("%s: no heartbeat: %s", self.name, error)
            self._is_silent = True
        else:
            self._is_silent = False

    def _register_again(self) -> None:
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.hexists(self.key, "pid")
            worker_registration.register(self, pipeline)  # RQ's maintenance may drop it
            register(pipeline, self.holder)
            self._publish_topology(pipeline)
            super().heartbeat(pipeline=pipeline)
            is_known, *_ = pipeline.execute()
        if not is_known:
            self.connection.delete(self.key)
            SimpleWorker.register_birth(self)
            self.set_state(self.get_state())
            self._publish_topology(self.connection)
        beat(self.connection)
        log_ends(self.connection, self.name)

    def _beat_while_busy(self) -> None:
        """Have a thread beat while a job has the thread that runs it."""
        threading.Thread(target=self._beat_until_left, daemon=True).start()

    def _beat_until_left(self) -> None:
        while not self._left.wait(BEAT):
            if self._running:
                self._beat_sometimes()

    # Rest

    def _rest_after(self, idle: float) -> None:
        """Let go of what jobs have left in memory, the cache of the database too."""
        if self._is_warm and idle > _REST:
            self._is_warm = False
            close_database()
            give_back_memory()

    def _is_to_be_renewed(self, idle: float) -> bool:
        """Whether its jobs have left much in it, and none comes: supervisord starts it again."""
        if idle < RENEWED_AFTER or SUPERVISED not in sys.argv:
            return False
        return resident(os.getpid()) > self._size + GROWN

    # Maintenance

    @impatient(0)
    def run_maintenance_tasks(self) -> None:
        """As RQ's; while Redis is away, or its memory is full, it is left to the next time."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.log.warning("%s: no clean-up: %s", self.name, error)
            self.last_cleaned_at = now()  # type: ignore[assignment]

    def clean_registries(self) -> None:
        """As RQ's, but that a running job is its holder's, and that no entry keeps it from its end.

        RQ takes a job for abandoned when its time is over, and on a machine that slept it is.
        """
        for queue in self.queues:
            if not queue.acquire_maintenance_lock():
                continue
            set_entries_aside(self.connection, [queue.name], self.holder)
            put_unheld_back(self.connection, queue.name)
            try:
                clean_registries(queue, self._exc_handlers)
                worker_registration.clean_worker_registry(queue)
            except (redis.ResponseError, WorkerError, ValueError, TypeError) as error:
                self.log.error("%s: RQ's records of %s: %s", self.name, queue.name, error)
            queue.release_maintenance_lock()
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def handle_payload(self, message: object) -> None:
        """Follow a command of RQ's; one that cannot be read costs nothing."""
        try:
            super().handle_payload(message)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001  # anybody may publish anything
            self.log.error("%s: a command that cannot be followed: %r", self.name, error)
