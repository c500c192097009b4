"""Health: the doctor's findings, files with problems, maintenance runs, and /healthz."""

import threading
import time

from flask import Blueprint, Response, jsonify, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from db.maintenance import health_reports, maintenance_runs
from db.scanning import problems
from web.login import is_in
from web.pager import paging
from worker.doctor import Finding, Severity, examine

bp = Blueprint("health", __name__)

PAGE = 100
_FRESH = 10.0
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.OK)


class Examination:
    """The doctor's findings, renewed when they are requested and a few seconds old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._findings: list[Finding] = []
        self._at = float("-inf")

    def findings(self) -> list[Finding]:
        """The findings of the last seconds, the worst first."""
        if self._lock.acquire(blocking=not self._findings):  # or another request renews them now
            try:
                if time.monotonic() - self._at > _FRESH:
                    found = list(examine(quick=True))
                    self._findings = sorted(found, key=lambda each: _ORDER.index(each.severity))
                    self._at = time.monotonic()
            finally:
                self._lock.release()
        return self._findings


_examination = Examination()


@bp.get("/health")
def page() -> str:
    """The findings."""
    return render_template(
        "health.html", findings=_examination.findings(), count=problems.count(), tab="findings"
    )


@bp.get("/problems")
def files() -> str:
    """The files that musicfleet could not use, and why."""
    shown = paging(problems.count(), PAGE)
    return render_template(
        "problems.html",
        problems=problems.problem_page(shown.first, PAGE),
        page=shown,
        count=shown.total,
        tab="files",
    )


@bp.get("/maintenance")
def maintenance() -> str:
    """The last run of each maintenance job, and the daily report beside the one before."""
    report = health_reports.latest()
    before = health_reports.before(report.day) if report else None
    return render_template(
        "maintenance.html",
        runs=maintenance_runs.last_runs(),
        report=report,
        earlier={each.name: each for each in before.queues} if before else {},
        library_before=before.library if before else {},
        work=health_reports.compared_work(report, before) if report else [],
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
    findings = _examination.findings()
    worst = min((each.severity for each in findings), key=_ORDER.index)
    answer: dict[str, object] = {"status": worst.value}
    if is_in():
        answer["findings"] = [each.as_json() for each in findings]
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response, 503 if worst is Severity.ERROR else 200
