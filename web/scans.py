"""Scans: the progress of running ones, and those that have ended."""

import threading
import time
from dataclasses import asdict
from typing import Any

import peewee
import redis
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from db import scans
from db.models import database
from db.paths import shown
from web.events import Streams
from worker import dispatch, status
from worker.errors import WorkerError
from worker.scanning import Follower

bp = Blueprint("scans", __name__)

_LATEST = 20
_EVERY = 0.5
_IDLE_EVERY = 2.0
_COST = 4
"""Polling takes at most 1 / (this + 1) of the time: counting a large library takes long."""


@bp.get("/scans")
def page() -> str:
    """Scans and their progress."""
    unfinished = {scan.root for scan in scans.all_unfinished()}
    return render_template(
        "scans.html",
        scans=scans.latest(_LATEST),
        roots=[root for root in scans.roots() if root not in unfinished],
        progress=_shared.poll(),
    )


@bp.get("/scans/events")
def events() -> Response:
    """The progress of the running scans, as it changes."""
    streams: Streams = current_app.extensions["streams"]
    return streams.of(_poll, _EVERY)


@bp.post("/scans")
def again() -> AnyResponse:
    """Scan a folder again that was scanned before, unless a scan of it is running."""
    root = request.form.get("root", "")
    if root not in scans.roots():
        abort(404, "No scan of this folder has finished: use `fleet scan`.")
    if scans.unfinished(root) is None:
        dispatch.enqueue(scans.DISCOVERY, scan_id=scans.start(root, deep=False))
    return redirect(url_for("scans.page"), 303)


class SharedProgress:
    """The progress that all streams share: one poll serves all of them, and not too often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._follower: Follower | None = None
        self._progress: dict[str, Any] = {}
        self._next = 0.0

    def poll(self) -> dict[str, Any]:
        """The progress of the scans, a moment old at most."""
        with self._lock:
            if time.monotonic() >= self._next:
                begun = time.monotonic()
                self._progress = self._polled()
                cost = time.monotonic() - begun
                pause = _EVERY if self._progress["scans"] else _IDLE_EVERY
                self._next = time.monotonic() + max(pause, _COST * cost)
            return self._progress

    def _polled(self) -> dict[str, Any]:
        running = scans.all_unfinished()
        ids = {scan.id for scan in running}
        if self._follower is None or not ids <= set(self._follower.scan_ids):
            self._follower = Follower(sorted(ids))
        progress = self._follower.poll()
        if progress.finished and not ids:
            self._follower = None
        return {
            "scans": [
                {**asdict(each), "root": shown(each.root)} for each in status.running_scans()
            ],
            "stages": [stage._asdict() for stage in progress.stages],
            "finished": progress.finished,
        }


_shared = SharedProgress()


def _poll() -> dict[str, Any]:
    """Poll outside of a request, with a connection of its own."""
    try:
        database.connect(reuse_if_open=True)
        return _shared.poll()
    except (peewee.PeeweeException, redis.RedisError, WorkerError) as error:
        return {"fault": str(error)}
    finally:
        if not database.is_closed():
            database.close()
