"""rq-dashboard 0.9 at /rq: behind the same login and checks as all pages, and patched.

Of itself it reads jobs as pickles, opens a connection for each request, writes names and
descriptions of jobs into its pages as HTML, requeues on GET, fails with a 500 for a job that is
gone or of another's making, and lists as many jobs at once as it is asked for.
"""

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Self

import redis
from flask import Flask, Response, abort, g, jsonify, redirect, request, url_for
from jinja2 import ChoiceLoader, FunctionLoader
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer
from rq_dashboard import web as rq_dashboard
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from web.access.security import policy
from worker import dispatch, queues
from worker.errors import TamperedJobError
from worker.process.fleet_job import FleetJob
from worker.queues import jobs
from worker.redis import shown_url

log = logging.getLogger("web")

_FOLDER = Path(rq_dashboard.__file__).parent / "templates"
_PREFIX = "rq_dashboard/"
_NO_STYLES = (
    ' style="text-align: center;"',
    ' style="float: right; margin-right: 8px;"',
    ' style="float: right"',
    ' style="display: none"',
    ' style=""',
)
"""The policy allows none; rq.css says the same."""


def _scrolls(table: str, label: str) -> tuple[str, str]:
    """Have what scrolls sideways a name, and be scrolled by the keyboard."""
    return (
        f'<div class="{table}">',
        f'<div class="{table}" role="region" aria-label="{label}" tabindex="0">',
    )


PATCHES: dict[str, tuple[tuple[str, str], ...]] = {
    "base.html": (
        # Underscore's <%= %> writes HTML, which names and descriptions of jobs are not.
        (
            '<script type="text/javascript">',
            '<script nonce="{{ g.nonce }}">'
            r"_.templateSettings.escape = /<%[=-]([\s\S]+?)%>/g;"
            "_.templateSettings.interpolate = /(.)^/g;",
        ),
        ("url_for('static', filename='favicon.ico')", "asset('icon.svg')"),
        (
            "</head>",
            '<link href="{{ asset(\'rq.css\') }}" rel="stylesheet">'
            "<script src=\"{{ asset('theme.js') }}\"></script></head>",
        ),
        ('<div class="container">', '<div class="container" role="main">'),
    ),
    "navbar.html": (
        (
            '<a class="navbar-brand">RQ-dashboard</a>',
            '<a class="navbar-brand" href="/">\u2190 musicfleet</a>',
        ),
        ('<div id="navbar-dashboard"', '<div id="navbar-dashboard" role="navigation"'),
        (' id="rq-instances">', ' id="rq-instances" aria-label="Redis">'),
    ),
    "queues.html": (_scrolls("table-responsive-md", "Queues"),),
    "workers.html": (_scrolls("table-responsive", "Workers"),),
    "job.html": (("<h2>", '<h1 class="h2">'), ("</h2>", "</h1>")),
    "jobs.html": (
        _scrolls("table-responsive", "Jobs"),
        ('<div class="section">', '<div class="section"><h1>Jobs</h1>'),
        (' title="Queue name"', ' aria-label="Queue name"'),
        (' title="Registry name"', ' aria-label="Registry name"'),
        (' title="Job Sort Order"', ' aria-label="Sort order of jobs"'),
        (' title="Jobs per page"', ' aria-label="Jobs per page"'),
        # Escaped by hand, and by now escaped anyway.
        ("$('<div/>').text(d.description).html()", "d.description"),
        ("$('<div/>').text(d.exc_info).html()", "d.exc_info"),
    ),
    "scripts/jobs.js": (("'{{ queue.name }}'", "{{ queue.name|tojson }}"),),
}
"""The replacements of each template: old text to new."""


def source(name: str) -> str | None:
    """The patched template of that name; None for one that is not rq-dashboard's.

    Raises ValueError when it is not as it should be before: then it is of another version.
    """
    if not name.startswith(_PREFIX):
        return None
    page = name.removeprefix(_PREFIX)
    text = (_FOLDER / name).read_text(encoding="utf-8")
    for old, new in PATCHES.get(page, ()):
        if old not in text:
            raise ValueError(f"{name} of rq-dashboard holds no {old!r} — install version 0.9")
        text = text.replace(old, new)
    for style in _NO_STYLES:
        text = text.replace(style, "")
    return text


PREFIX = "/rq"
_BLUEPRINT = rq_dashboard.blueprint.name
_OF_FILES = {f"{_BLUEPRINT}.static", f"{_BLUEPRINT}.favicon"}
_REGISTRIES = {"queued", "scheduled", "deferred", "started", "finished", "failed", "canceled"}
_MOST_JOBS = 200
_MOST_PAGES = 100_000


class ShownJob(FleetJob):
    """A job that is never read as a pickle, and whose arguments are not all shown."""

    @classmethod
    def fetch(
        cls,
        id: str,
        connection: redis.Redis | None = None,
        serializer: object = None,  # noqa: ARG003  # RQ passes it
    ) -> Self:
        """The job. Raises NoSuchJobError or TamperedJobError."""
        try:
            job = cls(id, connection=connection, serializer=JSONSerializer)
        except ValueError as error:
            raise NoSuchJobError(f"{id[:100]!r} is no id of a job") from error
        job.refresh()
        return job

    def get_call_string(self) -> str | None:
        """The short description instead: arguments may be a megabyte."""
        return self.description


class _ShownQueue(Queue):
    """A queue that passes over what is no job of the fleet."""

    job_class = ShownJob

    @classmethod
    def all(cls, connection: redis.Redis, **_: Any) -> "list[_ShownQueue]":  # type: ignore[override]
        return [cls(name, connection=connection) for name in queues.known()]

    def fetch_job(self, job_id: str) -> ShownJob | None:
        try:
            job = ShownJob.fetch(job_id, self.connection)
        except (NoSuchJobError, TamperedJobError):
            return None
        return job if job.origin == self.name else None


class _ShownWorker(Worker):
    """A worker of the fleet, which speaks JSON."""

    @classmethod
    def all(cls, connection: redis.Redis, **_: Any) -> "list[_ShownWorker]":  # type: ignore[override]
        return super().all(connection, job_class=ShownJob, serializer=JSONSerializer)  # type: ignore[return-value]

    def get_current_job(self) -> ShownJob | None:
        try:
            return super().get_current_job()  # type: ignore[return-value]
        except (NoSuchJobError, TamperedJobError):
            return None


def init_app(app: Flask) -> None:
    """Put rq-dashboard at /rq of the app."""
    rq_dashboard.config.serializer = JSONSerializer
    rq_dashboard.Job, rq_dashboard.Queue, rq_dashboard.Worker = ShownJob, _ShownQueue, _ShownWorker
    rq_dashboard.from_url = lambda *_, **__: (None, dispatch.connection())
    app.config["RQ_DASHBOARD_REDIS_URL"] = (shown_url(),)
    app.jinja_env.loader = ChoiceLoader([FunctionLoader(source), app.jinja_env.loader])  # type: ignore[list-item]
    app.redis_conn = None  # type: ignore[attr-defined]  # asked for even with its static files
    app.before_request(_check)
    app.after_request(_allow_its_scripts)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix=PREFIX)
    app.view_functions[f"{_BLUEPRINT}.requeue_job_view"] = requeue
    app.view_functions[f"{_BLUEPRINT}.requeue_all"] = requeue_all
    app.view_functions[f"{_BLUEPRINT}.compact_queue"] = compact
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{_BLUEPRINT}."):
            app.view_functions[endpoint] = _with_odd_entries(view)
    for error in (NoSuchJobError, TamperedJobError):
        app.register_error_handler(error, lambda error: app.handle_user_exception(_gone(error)))


def _with_odd_entries(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view; what RQ cannot read of Redis is no fault of the web UI."""

    @wraps(view)
    def shown(*arguments: Any, **more: Any) -> Any:
        try:
            return view(*arguments, **more)
        except ValueError as error:
            log.error("/rq: %s", error)
            abort(409, f"Redis holds what is no entry of the fleet ({error}): see `fleet doctor`.")

    return shown


def requeue(job_id: str) -> Response:
    """Enqueue a failed job again, with all its retries and no deaths."""
    job = ShownJob.fetch(job_id, dispatch.connection())
    outcome = jobs.retry(job.origin, among=[job_id])
    if outcome.kept:
        abort(409, "No queue takes this job any more: see `fleet queue retry`.")
    if not outcome.done:
        abort(409, "This job is not a failed one.")
    return jsonify(status="OK")


def requeue_all(queue_name: str) -> Response:
    """The same for all failed jobs of a queue, each in the queue that takes it today."""
    outcome = jobs.retry(queue_name)
    return jsonify(status="OK", count=outcome.done.total())


def compact(queue_name: str) -> Response:
    """Take out of a queue what has no job any more.

    RQ's own way fails with an empty queue, and has every job in no queue for a while.
    """
    connection = dispatch.connection()
    queue = _ShownQueue(queue_name, connection=connection, serializer=JSONSerializer)
    ids: Any = connection.lrange(queue.key, 0, -1)
    with connection.pipeline(transaction=False) as pipe:
        for each in ids:
            pipe.exists(ShownJob.redis_job_namespace_prefix.encode() + each)
        gone = [each for each, exists in zip(ids, pipe.execute(), strict=True) if not exists]
        for each in gone:
            pipe.lrem(queue.key, 0, each)
        pipe.execute()
    return jsonify(status="OK", count=len(gone))


def _check() -> AnyResponse | None:
    """Refuse what it would not survive, or should not do."""
    if request.blueprint != _BLUEPRINT or request.endpoint in _OF_FILES:
        return None
    given = request.view_args or {}
    if request.endpoint == f"{_BLUEPRINT}.requeue_all" and request.method != "POST":
        abort(405)
    if given.get("instance_number", 0) != 0 or not _is_page(given):
        abort(404)
    if request.endpoint == f"{_BLUEPRINT}.jobs_overview" and given["queue_name"] is None:
        first = {**given, "queue_name": queues.declared()[0]}
        return redirect(url_for(request.endpoint, **first))
    if "queue_name" in given and given["queue_name"] not in queues.known():
        abort(404, "There is no such queue.")
    rq_dashboard.current_app.redis_conn = dispatch.connection()
    return None


def _is_page(given: dict[str, Any]) -> bool:
    """Whether the parts of the URL, where it has them, are such as a page of jobs has."""
    return (
        given.get("registry_name", "queued") in _REGISTRIES
        and given.get("order", "asc") in {"asc", "dsc"}
        and _is_within(given.get("per_page", 1), _MOST_JOBS)
        and _is_within(given.get("page", 1), _MOST_PAGES)
    )


def _is_within(text: object, most: int) -> bool:
    number = str(text)
    return number.isascii() and number.isdecimal() and len(number) < 8 and 1 <= int(number) <= most


def _gone(error: Exception) -> NotFound:
    return NotFound(f"There is no such job that could be shown ({error}).")


def _allow_its_scripts(response: Response) -> Response:
    """Its pages have one script within them, and compile their templates in the browser."""
    if request.blueprint == _BLUEPRINT and response.mimetype == "text/html":
        script_src = f"'self' 'nonce-{g.nonce}' 'unsafe-eval'"
        response.headers["Content-Security-Policy"] = policy(
            script_src=script_src, img_src="'self' data:"
        )
    return response
