"""Error pages: what is wrong, and the remedy."""

import logging

import peewee
from flask import Flask, render_template
from werkzeug.exceptions import HTTPException

from db.models import database
from worker.doctor.faults import FAULTS, fact_and_remedy

log = logging.getLogger("web")

Answer = tuple[str, int]


def handle(app: Flask) -> None:
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
