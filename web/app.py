"""The Flask app: its blueprints, error pages, and the hooks of every request."""

import logging
import threading

import peewee
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, IntegerConverter

from db.artwork import image_files
from db.models import database
from db.sql.connection import is_sqlite, open_database
from web import (
    albums,
    artists,
    clusters,
    dashboard,
    facts,
    filters,
    health,
    images,
    login,
    metrics,
    queues,
    scans,
    search,
    security,
    tracks,
)
from web.scans import Streams
from worker.doctor.findings import FAULTS, fact_and_remedy
from worker.supervisor.web_address import WebAddress

log = logging.getLogger("web")

Answer = tuple[str, int]


def handle_faults(app: Flask) -> None:
    """Have every error end in a page."""
    app.register_error_handler(HTTPException, _of_request)
    app.register_error_handler(Exception, _unforeseen)
    for fault in FAULTS:
        app.register_error_handler(fault, _of_fleet)


def _of_request(error: HTTPException) -> Answer:
    """The request cannot be served."""
    return _page(error.code or 500, error.name, error.description or "", "")


def _of_fleet(error: Exception) -> Answer:
    """Redis, the database or supervisord fails."""
    log.error("%s: %s", type(error).__name__, error)
    if isinstance(error, peewee.PeeweeException) and not database.is_closed():
        database.close()  # the next request makes a new one
    fact, remedy = fact_and_remedy(error)
    return _page(503, "The fleet does not answer", fact, remedy or "Run `fleet doctor`.")


def _unforeseen(error: Exception) -> Answer:
    log.error("unforeseen", exc_info=error)
    return _page(500, "An error in musicfleet itself", "It is in the log.", "See `fleet logs web`.")


def _page(code: int, name: str, says: str, remedy: str) -> Answer:
    return render_template("fault.html", code=code, name=name, says=says, remedy=remedy), code


_LARGEST_ID = 2**31 - 1
_ASSETS_SECONDS = 365 * 24 * 3600
_BLUEPRINTS = (
    albums, artists, tracks, facts, clusters, search, images, queues, scans, health, metrics
)  # fmt: skip
_NO_DATABASE = (None, "static", "rq_dashboard.static")


class IdConverter(IntegerConverter):
    """The id of a row, as large as a database has any; a longer number is no page."""

    regex = r"[1-9][0-9]{0,9}"

    def __init__(self, *arguments: object) -> None:
        super().__init__(arguments[0], min=1, max=_LARGEST_ID)  # type: ignore[arg-type]


class SizeConverter(BaseConverter):
    """The size of a thumbnail; there is no page for any other."""

    regex = "|".join(map(str, image_files.SIZES))

    def to_python(self, value: str) -> int:
        """The size as a number."""
        return int(value)


class _App(Flask):
    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """A year when the URL changes with the content; else the browser revalidates."""
        return _ASSETS_SECONDS if "v" in request.args else None


def create_app(address: WebAddress, password: str, closing: threading.Event) -> Flask:
    """The app that listens at `address`; with an empty password it has no login.

    `closing` is set when the process is to end, so that streams of events end. Raises
    db.errors.DatabaseError.
    """
    app = _App("web")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.converters |= {"id": IdConverter, "size": SizeConverter}
    app.extensions["streams"] = Streams(closing)
    app.extensions["atlas"] = clusters.Atlas()
    open_database().close()
    security.guard(app, address, password)
    login.guard(app, address, password)
    app.before_request(_connect)
    app.teardown_request(_disconnect)
    filters.register(app)
    handle_faults(app)
    for module in _BLUEPRINTS:
        app.register_blueprint(module.bp)
    dashboard.mount(app)
    return app


def _connect() -> Response | None:
    if request.endpoint not in _NO_DATABASE:
        database.connect(reuse_if_open=True)
    return None


def _disconnect(error: BaseException | None) -> None:
    """End the connection of this thread: SQLite's caches are large, and a failed one is of no use.

    A sound connection to PostgreSQL stays, for it takes long to make.
    """
    if not database.is_closed() and (is_sqlite() or error is not None):
        database.close()
