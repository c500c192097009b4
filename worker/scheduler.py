"""The clock: enqueues the jobs of `[schedules]` in queues.toml when they are due.

Started by supervisord as `python -m worker.scheduler`; RQ's cron scheduler does the timing.
"""

import redis
from rq.cron import CronJob, CronScheduler
from rq.job import Job

from worker import dispatch
from worker.lifeline import die_with_supervisord
from worker.redis import connect
from worker.slot_lock import hold_slot
from worker.topology import Schedule


class ScheduledJob(CronJob):
    """A schedule of queues.toml."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(
            queue_name=dispatch.topology().route(schedule.job).name,
            func_name=dispatch.function_path(schedule.job),
            kwargs=dict(schedule.arguments),
            cron=schedule.cron,
            name=schedule.name,
        )
        self.schedule = schedule

    def enqueue(self, connection: redis.Redis) -> Job:
        """Put the job in its queue, through the one door, unless it waits there or runs already."""
        arguments = dict(self.schedule.arguments)
        held = [
            each.id for each in dispatch.held_jobs(self.schedule.job) if each.arguments == arguments
        ]
        job_id = held[0] if held else dispatch.enqueue(self.schedule.job, **arguments)
        job = dispatch.queue(self.queue_name).fetch_job(job_id)
        return job or Job(job_id, connection)  # it may have ended since, and be gone


def main() -> None:
    """Run the clock until it is told to stop."""
    die_with_supervisord()
    connect(wait=60).close()  # Valkey may be starting beside this
    with hold_slot("scheduler", 1):
        scheduler = CronScheduler(dispatch.connection(), name="fleet")
        scheduler._cron_jobs += [
            ScheduledJob(schedule) for schedule in dispatch.topology().schedules.values()
        ]
        scheduler.start()


if __name__ == "__main__":
    main()
