"""The scheduler: enqueues the jobs of `[schedules]` in queues.toml when they are due.

Started by supervisord as `python -m worker.schedule.scheduler`, or a thread of the recovery where
no worker runs at rest. RQ's cron scheduler waits and beats; how far each schedule has come is in
the database, so what was due while the fleet was down is made up for once, and two clocks, on one
host or several, fire a schedule once between them.
"""

import worker.host.light  # noqa: F401  # first: see there

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import FrameType

import peewee
import redis
from rq.cron import CronJob, CronScheduler
from rq.defaults import RQ_KEY_PREFIX
from rq.exceptions import StopRequested

from db.errors import DatabaseError
from db.library import statistics
from db.maintenance import fleet_history, maintenance_runs
from db.maintenance.fleet_history import Sample
from db.sql.connection import check_file
from worker import dispatch
from worker.dispatch import HeldJob
from worker.errors import WorkerError
from worker.host.lifeline import die_with_supervisord, show_life
from worker.host.locks import hold_slot, open_library
from worker.host.log import end_with, log_to_stderr
from worker.host.memory import give_back_memory
from worker.process.job_counts import job_counts
from worker.queues import Place, sizes
from worker.redis.connection import connect, endure, lose_patience
from worker.redis.entries import wrong_keys
from worker.schedule import held, next_of, next_run
from worker.supervisor import shutdown
from worker.topology import Schedule
from worker.topology.model import slot_name

_log = logging.getLogger("fleet")
_LONGEST_SLEEP = 60.0
"""Seconds; the machine's time may be corrected meanwhile."""
_ENDS = 1.0
"""Seconds that its thread is given to end."""
_FIRST_SAMPLE = 60.0
"""Seconds after the start, when the processes are as they will be."""


class ScheduledJob(CronJob):
    """A schedule of queues.toml, as RQ and its dashboard know it."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(
            queue_name=dispatch.topology().route(schedule.job).name,
            func_name=dispatch.function_path(schedule.job),
            kwargs=dict(schedule.arguments),
            cron=schedule.cron,
            name=schedule.name,
        )
        self.schedule = schedule
        self.found_idle: datetime | None = None
        """When a run would have found nothing to do; naive UTC, as what the database has."""

    def since(self, state: maintenance_runs.ScheduleState) -> maintenance_runs.ScheduleState:
        """How far the schedule has come, with what was left out and is not in the database."""
        return state._replace(seen_to=max(state.seen_to, self.found_idle or state.seen_to))


class FleetScheduler(CronScheduler):
    """Fires the schedules.

    `now` returns the time, with a zone; `would_do_nothing` says of a schedule that is due whether
    it may be left out this time, which the database then does not record. `besides` is called each
    time the schedules were checked, at least once a minute.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        would_do_nothing: Callable[[Schedule], bool] = lambda _: False,
        besides: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        super().__init__(dispatch.connection(), name=slot_name("scheduler", 1))
        self._now, self._would_do_nothing, self._besides = now, would_do_nothing, besides
        self._scheduled = [ScheduledJob(each) for each in dispatch.topology().schedules.values()]
        self._cron_jobs += self._scheduled
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._fault: Exception | None = None

    def start_beside(self) -> None:
        """Meet the schedules in a thread of its own, until `end_beside`."""
        self._thread = threading.Thread(target=self._run_beside, name="scheduler", daemon=True)
        self._thread.start()

    def check_beside(self) -> None:
        """Raise what has ended the thread of `start_beside`, if something has."""
        if self._fault:
            raise self._fault

    def end_beside(self) -> None:
        """Have the thread of `start_beside` end. One that waits for Redis goes with the process."""
        self._ended.set()
        if self._thread:
            self._thread.join(_ENDS)

    def _run_beside(self) -> None:
        try:
            self.start()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001  # `check_beside` raises it
            self._fault = error

    def _install_signal_handlers(self) -> None:
        """Only of a scheduler that has the process for itself."""
        if self._thread is None:
            super()._install_signal_handlers()  # type: ignore[no-untyped-call]

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        """At SIGTERM: end, though Redis may have gone before and nobody else would wait for it."""
        lose_patience()
        super()._request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def enqueue_jobs(self) -> list[CronJob]:
        """Fire what is due, and return it; that its job is still held leaves it out of the queue.

        Raises redis.RedisError, peewee.DatabaseError or DatabaseGoneError; what was not reached is
        due as before.
        """
        show_life()
        check_file()
        now, states = self._now(), maintenance_runs.schedule_states()
        fired: list[CronJob] = [
            job for job in self._scheduled if self._fire_if_due(job, states.get(job.name), now)
        ]
        self._besides(now)
        return fired

    def calculate_sleep_interval(self) -> float:
        """Seconds until the next schedule is due, a minute at most.

        In a thread they are waited for here, so that its end is not. Raises StopRequested then.
        """
        seconds = self._until_next()
        if self._thread is None:
            return seconds
        if self._ended.wait(seconds):
            raise StopRequested
        return 0.0

    def _until_next(self) -> float:
        due = [job.next_enqueue_time for job in self._scheduled if job.next_enqueue_time]
        waits = [(moment - self._now()).total_seconds() for moment in due]
        return max(0.0, min([*waits, _LONGEST_SLEEP]))

    def _fire_if_due(
        self, job: ScheduledJob, state: maintenance_runs.ScheduleState | None, now: datetime
    ) -> bool:
        """Fire the schedule if it is due; whether this scheduler has fired it."""
        schedule, stored = job.schedule, now.astimezone(UTC).replace(tzinfo=None)
        due = next_of(schedule, job.since(state), now) if state else None
        job.next_enqueue_time = due if due and due > now else next_run(schedule.cron, now)
        if state is None or due is None:
            maintenance_runs.begin_schedule(schedule.name, schedule.cron, state, stored)
            return False
        if due > now:
            return False
        if self._would_do_nothing(schedule):
            job.found_idle = stored
            return False
        if not self._fire(schedule, state, stored):
            return False
        job.latest_enqueue_time = now
        return True

    def _fire(
        self, schedule: Schedule, state: maintenance_runs.ScheduleState, now: datetime
    ) -> bool:
        before = held(schedule)
        if not maintenance_runs.fire_due(
            schedule.name, state, now, partial(_enqueue, schedule, before)
        ):
            return False
        self.log.info(
            "%s: %s", schedule.name, f"{before.id} still waits or runs" if before else "enqueued"
        )
        return True


def _enqueue(schedule: Schedule, before: HeldJob | None) -> str | None:
    return None if before else dispatch.enqueue(schedule.job, **schedule.arguments)


def would_do_nothing(schedule: Schedule) -> bool:
    """Whether a run would find nothing to do. It is enqueued when that cannot be found out."""
    try:
        return dispatch.would_do_nothing(schedule.job, schedule.arguments)
    except Exception as error:  # noqa: BLE001  # the job meets the same, and reports it
        _log.warning("%s: whether a run would find something to do: %r", schedule.name, error)
        return False


class Sampler:
    """Writes down every few minutes how the fleet is, where that is something new."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _FIRST_SAMPLE
        self._last: Sample | None = None

    def __call__(self, now: datetime) -> None:
        """Take a sample if it is time for one. What keeps it from that keeps nothing else."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + fleet_history.EVERY.total_seconds()
        try:
            before = self._last or fleet_history.newest()
            sample = sampled(before)
            if before is None or sample.is_news(before):
                fleet_history.record_sample(sample, now)
                before = sample
            self._last = before
        except (redis.RedisError, peewee.PeeweeException, WorkerError, OSError) as error:
            _log.warning("no sample is taken: %s", error)


def sampled(before: Sample | None) -> Sample:
    """How the fleet is. The library is counted only when a job has run since the sample before."""
    counts = sizes(list(dispatch.topology().queues))
    routes, done = dispatch.topology().routes, Counter[str]()
    for name, count in job_counts(dispatch.connection()).items():
        done[routes.get(name, "")] += count.done
    queues = {
        name: [places[Place.WAITING], places[Place.RUNNING], places[Place.FAILED], done[name]]
        for name, places in counts.items()
    }
    is_same = before is not None and queues == before.queues
    library = before.library if before and is_same else statistics.library_counts()
    return Sample(queues, library, shutdown.memory())


def fleet_scheduler() -> FleetScheduler:
    """The scheduler of the fleet, whose Redis has answered. The caller holds its slot."""
    wrong = {f"{RQ_KEY_PREFIX}:cron_scheduler:{slot_name('scheduler', 1)}": "hash"}
    names = dispatch.topology().queues
    wrong_keys(dispatch.connection(), names, more=wrong, set_aside=True)
    return FleetScheduler(would_do_nothing=would_do_nothing, besides=Sampler())


def main() -> None:
    """Run the scheduler until SIGTERM."""
    die_with_supervisord()
    log_to_stderr("scheduler", logging.INFO)
    try:
        with hold_slot("scheduler", 1):
            connect(wait=60).close()  # Valkey may be starting beside this
            open_library()
            endure(dispatch.connection())
            scheduler: CronScheduler = fleet_scheduler()
            give_back_memory()
            scheduler.start()
    except (WorkerError, DatabaseError) as error:
        end_with(error)


if __name__ == "__main__":
    main()
