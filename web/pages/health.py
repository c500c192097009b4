"""Health: the doctor's findings, files with problems, maintenance runs, /healthz and /metrics."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import peewee
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    url_for,
)
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response as BaseResponse

from db.library import second_opinions
from db.maintenance import fleet_history, maintenance_runs
from db.models import database
from db.scanning import problems
from web.access.login import is_in
from web.pages import number, paging
from worker import dispatch
from worker.doctor import Finding, Severity
from worker.doctor.examination import examine
from worker.process.job_counts import job_counts
from worker.queues import Place
from worker.status import overview
from worker.supervisor.web_address import OPEN_TO_USERS
from worker.topology.model import process_name_of, program_of

bp = Blueprint("health", __name__)

PAGE = 100
_LARGEST_ID = 2**31 - 1
_FRESH = 10.0
_FIRST = 30.0
"""Seconds that the first examination may take."""
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.OK)


class Examination:
    """The doctor's findings, renewed when they are requested and a few seconds old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._findings: list[Finding] = []
        self._at = float("-inf")

    def findings(self) -> list[Finding]:
        """The findings of the last seconds, the worst first.

        One request at a time examines, so that strangers hold up no more than one thread: before
        the first findings are there they get 503, and who is logged in waits for them.
        """
        patience = _FIRST if is_in() and not self._findings else 0
        if self._lock.acquire(timeout=patience):  # or another request renews them now
            try:
                if time.monotonic() - self._at > _FRESH:
                    with suppress(peewee.PeeweeException):  # it is the doctor who says why
                        database.connect(reuse_if_open=True)
                    found = list(examine(quick=True))
                    self._findings = sorted(found, key=lambda each: _ORDER.index(each.severity))
                    self._at = time.monotonic()
            finally:
                self._lock.release()
        if not self._findings:
            abort(503, "The first examination is under way: ask again in a moment.")
        return self._findings


def _findings() -> list[Finding]:
    examination: Examination = current_app.extensions["examination"]
    return examination.findings()


@bp.get("/health")
def page() -> str:
    """The findings."""
    return render_template(
        "health.html",
        findings=_findings(),
        count=problems.count(),
        access="" if current_app.extensions["password"] else OPEN_TO_USERS,
        tab="findings",
    )


@bp.get("/problems")
def files() -> str:
    """The files that musicfleet could not use, and why."""
    shown = paging(problems.count(), PAGE)
    return render_template(
        "problems.html",
        problems=problems.problem_page(shown.first, PAGE),
        waiting=problems.of_surroundings() if shown.number == 1 else [],
        notes=problems.notes()[:PAGE] if shown.number == 1 else [],
        page=shown,
        count=shown.total,
        tab="files",
    )


@bp.get("/differences")
def differences() -> str:
    """Tracks of which others say another tempo or key, a part at a time."""
    after = number("after", _LARGEST_ID) or 0
    found = second_opinions.differences(after, PAGE)
    return render_template(
        "differences.html",
        differences=found,
        after=after,
        is_more=len(found) >= PAGE,
        count=problems.count(),
        tab="differences",
    )


@bp.get("/maintenance")
def maintenance() -> str:
    """The last run of each maintenance job, and the daily report beside the one before."""
    report = fleet_history.latest()
    before = fleet_history.before(report.day) if report else None
    return render_template(
        "maintenance.html",
        runs=maintenance_runs.last_runs(),
        model=overview.model_text(model) if (model := overview.model()) else None,
        report=report,
        earlier={each.name: each for each in before.queues} if before else {},
        library_before=before.library if before else {},
        work=fleet_history.compared_work(report, before) if report else [],
        count=problems.count(),
        tab="maintenance",
    )


@bp.get("/upkeep")
def upkeep() -> BaseResponse:
    """The former URL of `maintenance`."""
    return redirect(url_for("health.maintenance"), 301)


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """For machines: 200, or 503 when the doctor finds errors; details only after a login."""
    findings = _findings()
    worst = min((each.severity for each in findings), key=_ORDER.index)
    answer: dict[str, object] = {"status": worst.value}
    if is_in():
        answer["findings"] = [each.as_json() for each in findings]
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response, 503 if worst is Severity.ERROR else 200


class _Fleet(Collector):
    """The queues and jobs of the fleet."""

    def collect(self) -> Iterator[Metric]:
        """Every family. Raises redis.RedisError or RedisUnreachableError."""
        found = overview.queues()
        yield from _queue_metrics(found)
        yield _program_metric(found)
        yield from _job_metrics()


@bp.get("/metrics")
def metrics() -> Response:
    """Everything, now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fleet())
    return Response(
        generate_latest(registry),
        content_type=CONTENT_TYPE_PLAIN_0_0_4,
        headers={"Cache-Control": "no-store"},
    )


def _queue_metrics(found: Sequence[overview.QueueStatus]) -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "musicfleet_queue_depth", "Jobs that wait in the queue.", labels=["queue"]
    )
    later = GaugeMetricFamily(
        "musicfleet_queue_later", "Jobs that wait for a time or another job.", labels=["queue"]
    )
    in_flight = GaugeMetricFamily(
        "musicfleet_queue_in_flight", "Jobs that are worked on.", labels=["queue"]
    )
    kept = GaugeMetricFamily(
        "musicfleet_queue_failed", "Failed jobs that are kept.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "musicfleet_queue_oldest_seconds",
        "How long the first job has waited, or has been due.",
        labels=["queue"],
    )
    consumers = GaugeMetricFamily(
        "musicfleet_queue_consumers", "Live workers that consume the queue.", labels=["queue"]
    )
    on_demand = GaugeMetricFamily(
        "musicfleet_queue_on_demand",
        "1 when a program that is not running will start for a job of the queue.",
        labels=["queue"],
    )
    paused = GaugeMetricFamily(
        "musicfleet_queue_paused", "1 when no job is taken from the queue.", labels=["queue"]
    )
    recoveries = CounterMetricFamily(
        "musicfleet_recoveries", "Jobs put back after their process died.", labels=["queue"]
    )
    for queue in found:
        name = [queue.name]
        depth.add_metric(name, queue.waiting)
        later.add_metric(name, queue.later)
        in_flight.add_metric(name, queue.running)
        kept.add_metric(name, queue.failed)
        oldest.add_metric(name, queue.oldest or 0.0)
        consumers.add_metric(name, len(queue.consumers))
        on_demand.add_metric(name, queue.on_demand)
        paused.add_metric(name, queue.paused)
        recoveries.add_metric(name, queue.recovered)
    yield from (depth, later, in_flight, kept, oldest, consumers, on_demand, paused, recoveries)


def _program_metric(found: Sequence[overview.QueueStatus]) -> Metric:
    """What the processes of a program may be scaled by.

    Whoever has fewer of them does not ask which are busy. So while one is, it says no less than
    there are, and they go when all have nothing to do.
    """
    work = GaugeMetricFamily(
        "musicfleet_program_work",
        "Jobs of the program's queues that may be taken, are due or are taken; while one is taken, "
        "no less than the program's live workers.",
        labels=["program"],
    )
    due, queues = _due(), {queue.name: queue for queue in found}
    for program in dispatch.topology().programs.values():
        own = [queues[name] for name in program.queues]
        to_take = sum(queue.waiting + due[queue.name] for queue in own if not queue.paused)
        taken = sum(queue.running for queue in own)
        workers = {worker for queue in own for worker in queue.consumers}
        live = sum(program_of(process_name_of(each)) == program.name for each in workers)
        work.add_metric([program.name], max(to_take + taken, live) if taken else to_take)
    return work


def _due() -> dict[str, int]:
    """How many jobs of each queue wait for a time that has come."""
    names, now = list(dispatch.topology().queues), time.time()
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.zcount(Place.SCHEDULED.key(name), "-inf", now)
        counts = pipeline.execute(raise_on_error=False)
    return {
        name: count if isinstance(count, int) else 0  # a key of another type, which others report
        for name, count in zip(names, counts, strict=True)
    }


def _job_metrics() -> Iterator[Metric]:
    done = CounterMetricFamily("musicfleet_jobs_done", "Jobs that were done.", labels=["job"])
    failed = CounterMetricFamily("musicfleet_jobs_failed", "Attempts that failed.", labels=["job"])
    seconds = CounterMetricFamily(
        "musicfleet_job_seconds", "Seconds that jobs took, failed ones too.", labels=["job"]
    )
    cpu = CounterMetricFamily(
        "musicfleet_job_cpu_seconds", "CPU seconds that they took.", labels=["job"]
    )
    for name, count in job_counts(dispatch.connection()).items():
        done.add_metric([name], count.done)
        failed.add_metric([name], count.failed)
        seconds.add_metric([name], count.seconds)
        cpu.add_metric([name], count.cpu)
    yield from (done, failed, seconds, cpu)
