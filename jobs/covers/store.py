"""The picture store: files named by their content, where `db.image_files` says.

A file appears under its name complete or not at all, and is never changed afterwards: whoever
stores a picture that is there stores nothing. Every function that writes raises `StoreError`.
"""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from db import settings
from db.image_files import THUMBNAIL_SIZE, original, thumbnail
from jobs.covers.errors import store_error

__all__ = [
    "MAX_PICTURE_BYTES",
    "THUMBNAIL_SIZE",
    "digest_of",
    "drop_leftovers",
    "original",
    "put",
    "put_thumbnail",
    "thumbnail",
]

MAX_PICTURE_BYTES = 20 * 1024 * 1024
"""Larger pictures are not taken in."""
_LEFTOVER_SECONDS = 3600


def digest_of(data: bytes) -> str:
    """The name of a picture: the SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def put(data: bytes) -> str:
    """Store a picture and return its digest."""
    digest = digest_of(data)
    if not original(digest).exists():
        _write(original(digest), data)
    return digest


def put_thumbnail(digest: str, jpeg: bytes) -> None:
    """Store the thumbnail of a picture, in place of an older one."""
    _write(thumbnail(digest), jpeg)


def drop_leftovers() -> None:
    """Delete what a process left in `incoming` that was killed while it wrote."""
    with suppress(FileNotFoundError):
        for file in _incoming().iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                    file.unlink()


def _incoming() -> Path:
    return settings.images_dir() / "incoming"


def _write(path: Path, data: bytes) -> None:
    try:
        _incoming().mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=_incoming())
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # after a power cut a name must not stand for nothing
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise store_error(path, error) from error
