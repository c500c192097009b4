"""The scheduler and the schedules of queues.toml: when each is due, and how it last went."""

import worker.host.light  # noqa: F401  # first: see there

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]  # it ships no types
from rq.cron import CronJob
from rq.job import Job, JobStatus

from db.maintenance import maintenance_runs
from db.maintenance.maintenance_runs import Run, ScheduleState, last_runs
from db.models import utc_now
from worker import dispatch
from worker.dispatch import HeldJob
from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.redis.entries import as_shown
from worker.supervisor.rpc import processes
from worker.topology import Schedule

AHEAD = timedelta(hours=1)
"""A schedule that was handled up to a later time than this was so by a wrong system time."""
_HOUR = timedelta(hours=1)
_WAITS = {JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.DEFERRED, JobStatus.CREATED}


@dataclass
class ScheduleStatus:
    """How a schedule stands. Moments have a zone."""

    name: str
    job: str
    cron: str
    last: datetime | None
    """When it was last enqueued; None when it never was."""
    outcome: str
    """What became of that, as far as is known."""
    next: datetime
    """When it is due; now, or before, when it is to be enqueued at once."""

    def as_json(self) -> dict[str, str | None]:
        """For machines; moments in UTC."""
        last = self.last.isoformat(timespec="seconds") if self.last else None
        following = self.next.astimezone(UTC).isoformat(timespec="seconds")
        return {**vars(self), "last": last, "next": following}

    @property
    def last_text(self) -> str:
        """`last` for people, in local time."""
        return _local(self.last) if self.last else "never"

    @property
    def next_text(self) -> str:
        """`next` for people, in local time."""
        return _local(self.next) if self.next > datetime.now(UTC) else "now"


def next_run(cron: str, after: datetime) -> datetime:
    """The first moment after this one, with a zone, at which a cron expression is due.

    It is read in local time, as RQ reads it: what falls into the hour that is left out in spring
    comes an hour later, and what falls into the one that comes twice in autumn comes in the first
    alone. But what comes in every hour goes on through both.
    """
    if cron.split()[1] == "*":
        wall = after.astimezone().replace(tzinfo=None)
        wait: timedelta = croniter(cron, wall).get_next(datetime) - wall
        if wait <= _HOUR:
            return after + wait
    timer = CronJob(queue_name="", func_name=cron, cron=cron)
    timer.latest_enqueue_time = after
    return timer.get_next_enqueue_time()


def next_of(schedule: Schedule, state: ScheduleState | None, now: datetime) -> datetime | None:
    """When a schedule is due next, or was; None when it is to begin at this moment.

    That is so when it is new, when its times have changed, and when it was handled by a machine
    whose time was far ahead.
    """
    if state is None or state.cron != schedule.cron:
        return None
    handled = state.seen_to.replace(tzinfo=UTC)
    return None if handled > now + AHEAD else next_run(schedule.cron, handled)


def held(schedule: Schedule) -> HeldJob | None:
    """Its job that waits, or is at work; None when there is none."""
    arguments = dict(schedule.arguments)
    return next(
        (job for job in dispatch.held_jobs(schedule.job) if job.arguments == arguments), None
    )


def run_now(name: str) -> str | None:
    """Enqueue the job of a schedule beside its times; its id, or None when one is held already.

    Raises BadInputError, with the nearest names, when queues.toml has no such schedule.
    """
    known = dispatch.topology().schedules
    if name not in known:
        raise BadInputError(f"there is no schedule {name!r} — {did_you_mean(name, known)}")
    found = known[name]
    if held(found):
        return None
    job_id = dispatch.enqueue(found.job, **found.arguments)
    # The scheduler may not know it yet.
    maintenance_runs.begin_schedule(name, found.cron, None, utc_now())
    maintenance_runs.record_firing(name, job_id, utc_now())
    return job_id


def statuses() -> list[ScheduleStatus]:
    """Every schedule of queues.toml."""
    now, seen = datetime.now(UTC), maintenance_runs.schedule_states()
    name = dispatch.topology().scheduler_process
    is_running = any(each.name == name and each.pid for each in processes())
    runs = {run.job: run for run in last_runs()}
    jobs = _statuses([each.job_id for each in seen.values() if each.job_id])
    found = []
    for schedule in dispatch.topology().schedules.values():
        state, run = seen.get(schedule.name), runs.get(schedule.job)
        fired = state.fired_at if state else None
        found.append(
            ScheduleStatus(
                schedule.name,
                schedule.job,
                schedule.cron,
                fired.replace(tzinfo=UTC) if fired else None,
                _outcome(jobs.get(state.job_id or "") if state else None, run, fired),
                _next(schedule, state, now, is_running=is_running),
            )
        )
    return found


def _next(
    schedule: Schedule, state: ScheduleState | None, now: datetime, *, is_running: bool
) -> datetime:
    """When a schedule is due next.

    What a running scheduler has left in the past was in vain, as `dispatch.only_when` has it.
    """
    due = next_of(schedule, state, now)
    return next_run(schedule.cron, now) if due is None or (is_running and due <= now) else due


def described(run: Run) -> str:
    """What a run of a maintenance job did, in a few words."""
    if run.fault:
        return f"failed: {run.fault}"
    return (
        ", ".join(f"{what}: {count:,}" for what, count in run.changes.items()) or "changed nothing"
    )


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _statuses(ids: Sequence[str]) -> Mapping[str, str]:
    """The status of those of these jobs that Redis still knows."""
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.hget(Job.key_for(job_id), "status")
        answers = pipeline.execute(raise_on_error=False)
    found = zip(ids, answers, strict=True)
    return {job_id: as_shown(status) for job_id, status in found if isinstance(status, bytes)}


def _outcome(status: str | None, run: Run | None, fired: datetime | None) -> str:
    """What became of the last job, from Redis as long as it goes on, else from its own record."""
    if status in _WAITS:
        return "waits"
    if status == JobStatus.STARTED:
        return "runs"
    if run and fired and run.started_at >= fired:
        return described(run)
    return status or ""
