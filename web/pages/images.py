"""Pictures by their content: originals, and thumbnails, which are made on request."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis
from flask import Blueprint, Response, abort, request, send_file

from db import settings
from db.artwork import image_files, images
from db.artwork.image_files import THUMBNAIL_FORMAT
from db.artwork.images import KnownImage
from web.access.security import policy
from worker import dispatch
from worker.errors import WorkerError

JOB = "covers.make_thumbnails"
PATIENCE = 2.0
"""Seconds that a request waits for its thumbnail."""
_WAITING = threading.BoundedSemaphore(4)
"""Requests that wait at a time; the others must not lack threads for it."""
_ASKED_SECONDS = 60
_POLL_SECONDS = 0.05


def have_made(digest: str, size: int, is_there: Callable[[], bool]) -> bool:
    """Have a thumbnail made; whether it is there within `PATIENCE`."""
    return _ask_for(digest, size) and waited_for(is_there)


def waited_for(is_there: Callable[[], bool]) -> bool:
    """Whether something is there within `PATIENCE`; False at once when too many requests wait."""
    if not _WAITING.acquire(blocking=False):
        return False
    try:
        end = time.monotonic() + PATIENCE
        while not is_there():
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_SECONDS)
        return True
    finally:
        _WAITING.release()


def _ask_for(digest: str, size: int) -> bool:
    """Enqueue its job, unless another request just did; False when that fails."""
    try:
        if JOB not in dispatch.topology().routes:
            return False
        key = settings.redis_key(f"fleet:thumbnail:{digest}:{size}")
        if dispatch.connection().set(key, 1, nx=True, ex=_ASKED_SECONDS):
            dispatch.enqueue(JOB, digest=digest, size=size)
    except (redis.RedisError, WorkerError):  # the fleet is down: a stand-in will do
        return False
    return True


bp = Blueprint("images", __name__)

_SHOWN = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"))
"""Types that a browser shows as a picture and as nothing else. The rest is to be saved."""
_DIGEST = frozenset("0123456789abcdef")
_DIGEST_LENGTH = 64
_FOR_GOOD = "private, max-age=31536000, immutable"
_NOT_KEPT = "no-store"


@bp.get(f"/images/<digest>/<size:size>{THUMBNAIL_FORMAT.suffix}")
def thumbnail(digest: str, size: int) -> Response:
    """A thumbnail. A missing one is requested, and another is sent until it is there.

    Ends with 404 where there is no picture that can be shown, as `original`.
    """
    image = _known(digest)
    if image.fault is not None:
        abort(404, f"This picture cannot be shown: {image.fault}")
    fitting = _fitting(image, size)
    tag = f"{digest[:32]}-{fitting}"
    if request.if_none_match.contains(tag):
        return _unchanged(tag)
    file = image_files.thumbnail(digest, fitting)
    if not is_stored(file) and not have_made(digest, fitting, lambda: is_stored(file)):
        return _stand_in(digest, fitting)
    return _kept(_sent(file, THUMBNAIL_FORMAT.mime, tag))


@bp.get("/images/<digest>/original")
def original(digest: str) -> Response:
    """A picture as it was found; what a browser would not show as a picture is to be saved."""
    image = _known(digest)
    tag = f"{digest[:32]}-original"
    if request.if_none_match.contains(tag):
        return _unchanged(tag)
    file = image_files.original(digest)
    if not is_stored(file):
        abort(404, "The file of this picture is not in the store: see `fleet doctor`.")
    if image.fault is None and image.mime in _SHOWN:
        return _kept(_sent(file, image.mime, tag))
    response = _sent(file, "application/octet-stream", tag)
    response.headers["Content-Disposition"] = f'attachment; filename="{digest}"'
    return _kept(response)


def is_stored(file: Path) -> bool:
    """Whether it is a file in the store, and no link out of it; fetched if another host has it."""
    try:
        image_files.bring(file)
        real = file.resolve(strict=True)
        return (
            real.is_relative_to(settings.images_dir().resolve())
            and not file.is_symlink()
            and stat.S_ISREG(os.lstat(real).st_mode)
        )
    except OSError:
        return False


def _known(digest: str) -> KnownImage:
    is_digest = len(digest) == _DIGEST_LENGTH and _DIGEST.issuperset(digest)
    image = images.known_images([digest]).get(digest) if is_digest else None
    if image is None:
        abort(404, "There is no such picture.")
    return image


def _fitting(image: KnownImage, size: int) -> int:
    """The size itself, or the smallest one that shows as much: nothing is ever enlarged."""
    longer = max(image.width or 0, image.height or 0)
    return min(size, next((each for each in image_files.SIZES if each >= longer), size))


def _stand_in(digest: str, size: int) -> Response:
    """The thumbnail nearest in size, the larger of two."""
    nearest = sorted(image_files.SIZES, key=lambda each: (abs(each - size), -each))
    files = (image_files.thumbnail(digest, other) for other in nearest)
    file = next(filter(is_stored, files), None)
    if file is None:
        abort(404, "This picture has no thumbnail: see `fleet doctor`.")
    response = _sent(file, THUMBNAIL_FORMAT.mime)
    response.headers["Cache-Control"] = _NOT_KEPT
    return response


def _sent(file: Path, mime: str, tag: str | None = None) -> Response:
    response = send_file(file.resolve(), mimetype=mime, conditional=True, etag=tag or False)
    response.headers["Content-Security-Policy"] = policy(default_src="'none'", sandbox="")
    return response


def _unchanged(tag: str) -> Response:
    response = Response(status=304)
    response.set_etag(tag)
    return _kept(response)


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = _FOR_GOOD
    return response
