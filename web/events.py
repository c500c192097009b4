"""Server-sent events: a bounded number of streams, each of which ends.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import threading
import time
from collections.abc import Callable, Iterator

from flask import Response, abort, request

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

    def of(self, look: Callable[[], object], every: float) -> Response:
        """A stream that polls every so many seconds, and sends what has changed.

        With too many streams open it is a 503.
        """
        if not self._free.acquire(blocking=False):
            abort(503, "Too many pages follow the events; close one.")
        is_gone: Callable[[], bool] = request.environ.get(
            "waitress.client_disconnected", lambda: False
        )
        response = Response(self._events(look, every, is_gone), mimetype="text/event-stream")
        response.call_on_close(self._free.release)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _events(
        self, look: Callable[[], object], every: float, is_gone: Callable[[], bool]
    ) -> Iterator[str]:
        yield f"retry: {_AGAIN}\n\n"
        last, sent = "", time.monotonic()
        end = time.monotonic() + LONGEST
        while not (is_gone() or self._closing.is_set() or time.monotonic() > end):
            text = json.dumps(look())
            if text != last:
                yield f"data: {text}\n\n"
                last, sent = text, time.monotonic()
            elif time.monotonic() - sent > _SILENCE:
                yield ":\n\n"
                sent = time.monotonic()
            self._closing.wait(every)
