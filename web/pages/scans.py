"""Scans: running ones as server-sent events, and those that have ended."""

import json
import threading
import time
from collections.abc import Callable, Iterator
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

from db.models import database
from db.scanning import scans
from db.scanning.selection import left_out_text
from db.sql.path_text import shown
from web.pages import number
from worker.errors import WorkerError
from worker.maintenance import roots
from worker.status import overview
from worker.status.scan_progress import Follower

MOST = 6
"""Open streams; each holds one of the threads that serve everything else."""
LONGEST = 300.0
"""Seconds after which a stream ends; a browser that is still there begins another."""
_AGAIN = 3000
_SILENCE = 10.0


class Streams:
    """The open streams of this process."""

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._free = threading.BoundedSemaphore(MOST)

    def of(self, poll: Callable[[], object], every: float) -> Response:
        """A stream that polls every so many seconds, and sends what has changed.

        With too many streams open it is a 503.
        """
        if not self._free.acquire(blocking=False):
            abort(503, "Too many pages follow the events; close one.")
        is_gone: Callable[[], bool] = request.environ.get(
            "waitress.client_disconnected", lambda: False
        )
        response = Response(self._events(poll, every, is_gone), mimetype="text/event-stream")
        response.call_on_close(self._free.release)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _events(
        self, poll: Callable[[], object], every: float, is_gone: Callable[[], bool]
    ) -> Iterator[str]:
        yield f"retry: {_AGAIN}\n\n"
        last, sent = "", time.monotonic()
        end = time.monotonic() + LONGEST
        while not (is_gone() or self._closing.is_set() or time.monotonic() > end):
            text = json.dumps(poll())
            if text != last:
                yield f"data: {text}\n\n"
                last, sent = text, time.monotonic()
            elif time.monotonic() - sent > _SILENCE:
                yield ":\n\n"
                sent = time.monotonic()
            self._closing.wait(every)


bp = Blueprint("scans", __name__)

_LATEST = 20
_LARGEST_ID = 2**31 - 1
_EVERY = 0.5
_IDLE_EVERY = 2.0
_COST = 4
"""Polling takes at most 1 / (this + 1) of the time: counting a large library takes long."""


@bp.get("/scans")
def page() -> str:
    """Scans and their progress; `?begun=ID` follows one from its begin to its end."""
    unfinished = {scan.root for scan in scans.all_unfinished()}
    begun = scans.get(number("begun", _LARGEST_ID) or 0)
    progress = _shared.poll()
    return render_template(
        "scans.html",
        scans=scans.latest(_LATEST),
        left_out_text=left_out_text,
        roots=[root for root in scans.roots() if root not in unfinished],
        progress=progress,
        is_done=begun is not None and bool(begun.finished_at) and progress["finished"],
        fault=begun.fault if begun else None,
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
        roots.begin(root)
    return redirect(url_for("scans.page"), 303)


@bp.post("/scans/cancel")
def cancel() -> AnyResponse:
    """Cancel a running scan; one that has ended meanwhile is left as it is."""
    scan_id = request.form.get("scan", "")
    if not scan_id.isascii() or not scan_id.isdigit() or scans.get(int(scan_id[:18])) is None:
        abort(404, "There is no such scan.")
    scans.end_early(int(scan_id))
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
                {**asdict(each), "root": shown(each.root)} for each in overview.running_scans()
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
