"""The daily health report: statistics of each queue since the report of the day before."""

from collections import defaultdict
from datetime import datetime

from db.maintenance import health_reports
from db.maintenance.health_reports import JobTotal, QueueDay
from worker import dispatch
from worker.process.job_counts import job_counts
from worker.status.overview import queue_statuses

_NOTHING = JobTotal(0, 0, 0.0)


def make_health_report() -> bool:
    """Write the report of today, or replace it; return whether it changed."""
    today = datetime.now().astimezone().date()
    counts = job_counts(dispatch.connection())
    totals = {name: JobTotal(*count) for name, count in counts.items()}
    queues = _report_queues(totals, health_reports.totals_before(today))
    return health_reports.record(today, queues, totals)


def _report_queues(totals: dict[str, JobTotal], before: dict[str, JobTotal]) -> list[QueueDay]:
    topology = dispatch.topology()
    since: dict[str, JobTotal] = defaultdict(lambda: _NOTHING)
    for name, total in totals.items():
        if name in topology.routes:
            queue = topology.routes[name]
            since[queue] = _sum(since[queue], _since(total, before.get(name)))
    return [
        QueueDay(each.name, *since[each.name], each.waiting, each.oldest)
        for each in queue_statuses(list(topology.queues))
    ]


def _sum(one: JobTotal, other: JobTotal) -> JobTotal:
    return JobTotal(one.done + other.done, one.failed + other.failed, one.seconds + other.seconds)


def _since(total: JobTotal, before: JobTotal | None) -> JobTotal:
    """The difference; all of it when Redis was emptied in between."""
    if before is None or total.done < before.done or total.failed < before.failed:
        return total
    return JobTotal(
        total.done - before.done, total.failed - before.failed, total.seconds - before.seconds
    )
