"""The RQ worker of a slot: how it takes, begins, runs and ends jobs, and how it stops."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from types import FrameType, TracebackType
from typing import Any

import redis
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import StopRequested
from rq.executions import Execution as RqExecution
from rq.job import JobStatus
from rq.timeouts import JobTimeoutException
from rq.utils import now, utcformat
from rq.worker import WorkerStatus

from db.errors import DatabaseGoneError
from db.models import database
from db.sql.connection import close_database
from worker import dispatch
from worker.errors import ForeignRedisError, JobStoppedError, WorkerError
from worker.host.log import at_work
from worker.process.child import end_resting
from worker.process.endings import Fault, JobRecords, fault_of, last_line
from worker.process.fleet_job import FleetJob, log
from worker.process.horse import Died, Horse, Raised
from worker.process.job_counts import CpuClock, count_failure, counted_as
from worker.process.requeue import Death, end_where_gone, put_back, read_taken, split
from worker.process.slot_worker import SlotWorker
from worker.process.take import DependentsWaitError, Ended, Taken, Taker
from worker.process.time_limit import TimeLimit
from worker.redis.connection import JOB_PATIENCE, connect, impatient, is_away
from worker.topology import Execution

GRACE = 5.0
"""Seconds that a stopping worker gives its job to finish before it puts the job back."""
_SHORTEST_NAP, _LONGEST_NAP = 0.02, 0.25
_LONGEST_WAIT = 5.0
_REFUSED_TIMES = 5
"""Errors in a row that are neither absence nor refusal, after which a worker ends."""
_LONGEST_IDLE = 15.0
"""Seconds between two heartbeats of a worker that waits: what it is for, a job, ends the wait."""
_LONGEST_NAP_AFTER_REFUSAL = 30.0
_CHILDREN_REST = 60.0
"""Seconds without a job after which the children go that jobs keep for the next one."""


class FleetWorker(SlotWorker):
    """One worker slot."""

    death_penalty_class = TimeLimit

    def __init__(
        self,
        slot: str,
        queues: list[str],
        connection: redis.Redis,
        *,
        execution: Execution = Execution.IN_PROCESS,
        memory: int | None = None,
    ) -> None:
        super().__init__(slot, queues, connection)
        self._taker = Taker(connection, self.holder, self.queue_keys())
        self._horse = Horse(memory, self._beat) if execution is Execution.FORKED else None
        self._cpu = CpuClock()
        self._waiting = False
        self._fault = Fault.ITEM
        self._naps = self._errors_left = 0
        self._last: tuple[FleetJob, Queue] | None = None

    def register_birth(self) -> None:
        """Take over the slot, and beat from then on."""
        super().register_birth()
        if self._horse is None:  # which beats while it waits for its child
            self._beat_while_busy()

    def register_death(self) -> None:
        """Leave the slot, and the end of the last job recorded."""
        # RQ's maintenance finds dependents; with another owner of Redis nothing is ours there.
        # Where Redis forbids this step, the job begins again.
        with suppress(DependentsWaitError, ForeignRedisError, redis.ResponseError):
            self._taker.flush()
        super().register_death()

    # Signals

    def _install_signal_handlers(self) -> None:
        """SIGTERM and SIGINT stop, SIGHUP reloads queues.toml, SIGUSR1 stops the job alone."""
        super()._install_signal_handlers()
        signal.signal(signal.SIGHUP, self._reload)
        signal.signal(signal.SIGUSR1, self._stop_job)

    def _reload(self, signum: int, frame: FrameType | None) -> None:
        if dispatch.reload_topology():
            self._beaten = float("-inf")  # says so with its next heartbeat

    def _stop_job(self, signum: int, frame: FrameType | None) -> None:
        if self._running:
            raise JobStoppedError("stopped by `rq stop-job` or the dashboard")

    def handle_warm_shutdown_request(self) -> None:
        """At the first SIGTERM: continue the job at hand, but not for long."""
        log.info("%s [PID %s]: warm shut down requested", self.name, self.pid)
        again = threading.Timer(GRACE, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()

    def _shutdown(self) -> None:
        """End the loop: now when it waits, else once the job at hand has ended."""
        self._stop_requested = True
        if self._waiting:
            raise StopRequested

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """At the second: put the whole job back, and end at once; another worker restarts it."""
        if self._horse:
            self._horse.kill()
        try:
            self.connection = connect()  # what is under way on the other may be half done
            self._taker = Taker(self.connection, self.holder, [])
            self.register_death()
        except (WorkerError, redis.RedisError) as error:
            self.log.error("%s: its jobs are put back later: %s", self.name, error)
        finally:
            os._exit(0)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Stop the job at hand; called by RQ's thread that listens for commands."""
        if self._horse:
            self._horse.kill()
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    @property
    def horse_pid(self) -> int:
        """The child at work, 0 when there is none."""
        return self._horse.pid if self._horse else 0

    # Taking

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[FleetJob, Queue] | None:
        """Wait for a job; None when there is none, and `timeout` is None (burst) or time is over.

        That is `max_idle_time`, in seconds; None: never.
        """
        self.procline("Listening on " + ",".join(self.queue_names()))
        started, nap, wait = time.monotonic(), _SHORTEST_NAP, 1.0
        while True:
            try:
                taken = self._taker.take()
                wait, self._errors_left = 1.0, _REFUSED_TIMES
                self._beat_sometimes()
                if taken is not None and (job := self._read(taken)) is not None:
                    self._last = job, self._queue_of(job)
                    return self._last
                if taken is not None:
                    continue
                end_resting(_CHILDREN_REST)
                idle = time.monotonic() - started
                self._rest_after(idle)
                left = (max_idle_time or inf) - idle
                if timeout is None or left <= 0 or self._is_to_be_renewed(idle):
                    return None
                self._show_suspension()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()
                self._interruptibly(partial(self._taker.wait, min(_LONGEST_IDLE, left), nap))
                nap = min(nap * 2, _LONGEST_NAP)
            except DependentsWaitError:
                if self._last is not None:
                    self._enqueue_dependents_safely(self._last[1], self._last[0])
            except (ForeignRedisError, DatabaseGoneError) as error:
                sys.exit(f"{self.name}: {error}")
            except redis.RedisError as error:
                self._end_unless_it_passes(error)
                self.log.error("Redis: %s; again in %.0f s", error, wait)
                self._interruptibly(partial(time.sleep, wait))
                wait = min(wait * 2, _LONGEST_WAIT)

    def _end_unless_it_passes(self, error: redis.RedisError) -> None:
        """End with an error that stays, such as of a command that Redis lacks or forbids.

        A worker that took jobs before gives it some tries. One that just began ends at once, and
        so is one that does not start, for supervisord and the doctor.
        """
        if is_away(error):
            return
        self._errors_left -= 1
        if self._errors_left <= 0:
            sys.exit(
                f"{self.name}: Redis does not let it take jobs: {last_line(str(error))} — "
                "give the fleet a Redis of 6.2 or later, or a Valkey, whose user may run every "
                "command (ACL), then `fleet up`"
            )

    def _interruptibly(self, wait: Callable[[], object]) -> None:
        """Wait, and return at once when a stop was requested meanwhile, or before."""
        self._waiting = True
        try:
            if self._stop_requested:
                raise StopRequested
            wait()
        finally:
            self._waiting = False

    def _read(self, taken: Taken) -> FleetJob | None:
        """The job that was taken; None when there is nothing to run. It is off the list then."""
        job = read_taken(self.connection, self.holder, taken)
        if job is None:
            return None
        job.redis_server_version = self.get_redis_server_version()
        execution = RqExecution(taken.execution_id, job.id, self.connection, self.name)
        self.executions = {execution.id: execution}
        return job

    def _queue_of(self, job: FleetJob) -> Queue:
        return next((each for each in self.queues if each.name == job.origin), self.queues[0])

    def check_for_suspension(self, burst: bool) -> None:
        """Taking a job looks for that itself; but a burst is over then."""
        if burst:
            super().check_for_suspension(burst)

    def _show_suspension(self) -> None:
        state = WorkerStatus.SUSPENDED if self._taker.suspended else WorkerStatus.IDLE
        if self.get_state() != state:
            self.set_state(state)

    # Running

    def execute_job(self, job: FleetJob, queue: Queue) -> None:
        """Run a job where its program says. RQ's record and the own list change together."""
        with at_work(job.log_fields):
            self._execute(job, queue)

    def _execute(self, job: FleetJob, queue: Queue) -> None:
        self._is_warm = True
        execution = self.prepare_execution(job)
        job.log_start()
        self._cpu.start()
        self._running, self._fault = True, Fault.ITEM
        try:
            if self._horse:
                self._run_forked(self._horse, job, queue, execution)
            else:
                with impatient(JOB_PATIENCE):
                    database.connect(reuse_if_open=True)
                    self.perform_job(job, queue, execution)
        except JobStoppedError:  # it came too late to find a job
            self._stopped_job_id = None
        except Exception as error:
            if fault_of(error) is not Fault.STORES:
                raise
            self._put_back_and_wait(job, execution, last_line(str(error)))
        finally:
            self._running = False

    def _run_forked(
        self, horse: Horse, job: FleetJob, queue: Queue, execution: RqExecution
    ) -> None:
        outcome = horse.run(job)
        job.note_end(self._cpu)
        if isinstance(outcome, Died) and self._stopped_job_id != job.id:
            self._end_in_death(job, execution, outcome.signal)
        elif isinstance(outcome, Died | Raised):
            ended = outcome if isinstance(outcome, Raised) else Raised("stopped")
            job.obstacle, text = ended.obstacle, ended.traceback
            self.log.error("%s: %s failed\n%s", self.name, job.description, text)
            self._fault = ended.fault
            self.handle_job_failure(job, queue, exc_string=text, execution=execution)
        else:
            self._finalize_success(job, queue, execution, outcome.value)

    def prepare_execution(self, job: FleetJob) -> RqExecution:
        """The execution that began when the job was taken. The attempt is counted already."""
        self._state = WorkerStatus.BUSY
        (execution,) = self.executions.values()
        return execution

    def prepare_job_execution(
        self, job: FleetJob, remove_from_intermediate_queue: bool = False
    ) -> None:
        """Nothing: it was all recorded when the job was taken."""
        self.procline(f"{job.description} since {job.started_at}")

    # Ending

    def handle_execution_ended(self, job: FleetJob, queue: Queue, heartbeat_ttl: int) -> None:
        """Note the time; what follows writes to Redis anyway."""
        self._running = False
        job.note_end(self._cpu)

    def handle_job_success(
        self, job: FleetJob, queue: Queue, started_job_registry: Any, execution: RqExecution
    ) -> None:
        """Have the result recorded in the step that lets go of the job and takes the next one."""
        ended = job.ended_at or now()
        self.executions.pop(execution.id, None)
        self._state, job._status = WorkerStatus.IDLE, JobStatus.FINISHED
        self._taker.end(
            Ended(
                job_id=job.id,
                execution_id=execution.id,
                queue=job.origin,
                counted_as=counted_as(job),
                seconds=job.seconds,
                keep=job.get_result_ttl(self.default_result_ttl) or 0,
                started_at=utcformat(job.started_at or ended),
                ended_at=utcformat(ended),
                execution_started_at=execution.created_at.timestamp(),
                execution_ended_at=ended.timestamp(),
                result=job.kept_result(),
                cpu=job.cpu,
            )
        )
        self._naps = 0
        job.log_success(job._result)

    def cleanup_execution(
        self, job: FleetJob, pipeline: Pipeline, execution: RqExecution | None = None
    ) -> None:
        """Let go of the job in the transaction that records its end."""
        super().cleanup_execution(job, pipeline, execution)
        pipeline.lrem(self.holder.taken_key, 1, job.id)

    @impatient(None)
    def handle_job_failure(
        self,
        job: FleetJob,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: RqExecution | None = None,
    ) -> None:
        """Record a failure: what the job leased is free again, or failed with it for good.

        That Redis or the database is away is no failure of the job, which waits for them.
        """
        end_where_gone(job, self.holder)
        stopped = self._stopped_job_id == job.id
        if self._fault is Fault.STORES and not stopped and execution is not None:
            return self._put_back_and_wait(job, execution, last_line(exc_string))
        if job.should_retry and not stopped:
            JobRecords(job).release()
            job.keep_failure(exc_string, self.name, execution)
        elif self._fault is Fault.ITEM and not stopped and split(job, self.holder, exc_string):
            return self._count_failure(job, execution)
        else:
            JobRecords(job).give_up(exc_string, again=not stopped)
        job.log_failure(last_line(exc_string), stopped=stopped)
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)
        return self._count_failure(job, execution)

    def _count_failure(self, job: FleetJob, execution: RqExecution | None) -> None:
        if execution is not None:
            self.executions.pop(execution.id, None)
        with self.connection.pipeline() as pipeline:
            count_failure(pipeline, job)
            pipeline.execute(raise_on_error=False)
        self._naps = 0
        self.set_state(WorkerStatus.IDLE)

    def _put_back_and_wait(self, job: FleetJob, execution: RqExecution, reason: str) -> None:
        """Put a job back as it was, and give what it needs some time to come back."""
        self.executions.pop(execution.id, None)
        close_database()  # the server may have cut the connection
        nap = min(2.0**self._naps, _LONGEST_NAP_AFTER_REFUSAL)
        self._naps += 1
        put_back(job, self.holder, None, f"put back: {reason}; again in {nap:.0f} s")
        self.set_state(WorkerStatus.IDLE)
        self._interruptibly(partial(time.sleep, nap))

    def _finalize_failure(
        self,
        job: FleetJob,
        queue: Queue,
        execution: RqExecution,
        exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
    ) -> None:
        """Take time and memory that ran out for what they are: deaths of the attempt."""
        self._running = False
        if exc_info[1] is not None:
            self._fault = fault_of(exc_info[1])
        if isinstance(exc_info[1], JobTimeoutException | MemoryError):
            self.log.error("%s: %s", self.name, job.description, exc_info=exc_info[1])
            timeout = isinstance(exc_info[1], JobTimeoutException)
            self._end_in_death(job, execution, "timeout" if timeout else "memory")
        else:
            super()._finalize_failure(job, queue, execution, exc_info)

    def _end_in_death(self, job: FleetJob, execution: RqExecution, cause: str) -> None:
        self.executions.pop(execution.id, None)
        put_back(job, self.holder, Death(self.name, cause))
        self.set_state(WorkerStatus.IDLE)
