"""Thumbnails on request: each is enqueued once at a time, and the request waits briefly.

Redis key:
    fleet:thumbnail:DIGEST:SIZE   there while it has been asked for lately
"""

import threading
import time
from collections.abc import Callable

import redis

from worker import dispatch
from worker.errors import WorkerError

JOB = "covers.make_thumbnails"
PATIENCE = 2.0
"""Seconds that a request waits for its thumbnail."""
_WAITING = threading.BoundedSemaphore(4)
"""Requests that wait at a time; the others must not lack threads for it."""
_ASKED_SECONDS = 60
_LOOK_EVERY = 0.05


def have_made(digest: str, size: int, is_there: Callable[[], bool]) -> bool:
    """Have a thumbnail made; whether it is there within `PATIENCE`."""
    if not _ask_for(digest, size) or not _WAITING.acquire(blocking=False):
        return False
    try:
        end = time.monotonic() + PATIENCE
        while not is_there():
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_EVERY)
        return True
    finally:
        _WAITING.release()


def _ask_for(digest: str, size: int) -> bool:
    """Enqueue its job, unless another request just did; False when that fails."""
    try:
        if JOB not in dispatch.topology().routes:
            return False
        key = f"fleet:thumbnail:{digest}:{size}"
        if dispatch.connection().set(key, 1, nx=True, ex=_ASKED_SECONDS):
            dispatch.enqueue(JOB, digest=digest, size=size)
    except (redis.RedisError, WorkerError):  # the fleet is down: a stand-in will do
        return False
    return True
