"""The picture store: files named by their content, where `db.artwork.image_files` says.

A file appears under its name complete or not at all, and is never changed afterwards: whoever
stores a picture that is there stores nothing. It is marked as relied upon instead, so that
maintenance, which deletes what nothing points to, lets it stand until his rows are written. Every
function that writes raises `StoreError`.
"""

import hashlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from db.artwork import image_files
from db.artwork.image_files import SIZES, THUMBNAIL_SIZE, incoming_dir, original, thumbnail
from jobs.pictures.errors import store_error

__all__ = [
    "MAX_PICTURE_BYTES",
    "SIZES",
    "THUMBNAIL_SIZE",
    "bring",
    "digest_of",
    "drop_leftovers",
    "finish",
    "holds",
    "original",
    "put",
    "put_thumbnail",
    "send",
    "thumbnail",
]

MAX_PICTURE_BYTES = 20 * 1024 * 1024
"""Larger pictures are not taken in."""
_LEFTOVER_SECONDS = 3600


def digest_of(data: bytes) -> str:
    """The name of a picture: the SHA-256 of its bytes, in hex."""
    for known, digest in _latest:
        if known == data:
            return digest
    digest = hashlib.sha256(data).hexdigest()
    if len(data) <= _MOST_KEPT_BYTES:
        _latest.append((data, digest))
    return digest


_MOST_KEPT_BYTES = 2 * 1024 * 1024
_latest: deque[tuple[bytes, str]] = deque(maxlen=4)
"""The last pictures with their names: the tracks of an album mostly carry the same, and to compare
bytes is a tenth of the price."""


def put(data: bytes, *, later: bool = False) -> str:
    """Store a picture and return its digest; with `later` it has its name after `finish`."""
    digest = digest_of(data)
    path = original(digest)
    if path not in _unfinished and not _is_here(path):
        _write(path, data, later=later)
    return digest


def put_thumbnail(
    digest: str, data: bytes, size: int = THUMBNAIL_SIZE, *, later: bool = False
) -> None:
    """Store a thumbnail of a picture, in place of an older one; `later` as of `put`."""
    _write(thumbnail(digest, size), data, later=later)


class _Unfinished(NamedTuple):
    """A file that is written, and has no name in the store yet."""

    descriptor: int
    temporary: Path


_unfinished: dict[Path, _Unfinished] = {}
_MOST_UNFINISHED = 64


def finish() -> None:
    """Name what was put for later, once all of it is on the disk.

    To have many files written to the disk together costs a quarter of the time of one by one. A
    process that ends before leaves none of them.
    """
    files = dict(_unfinished)
    _unfinished.clear()
    done: set[Path] = set()
    try:
        for path, file in files.items():
            with _as_store_error(path):
                os.fsync(file.descriptor)  # after a power cut a name must not stand for nothing
        for path, file in files.items():
            with _as_store_error(path):
                _rename(file.temporary, path)
            done.add(path)
    finally:
        for path, file in files.items():
            os.close(file.descriptor)
            if path not in done:
                file.temporary.unlink(missing_ok=True)


def holds(path: Path) -> bool:
    """Whether a file of the store is there; its time then says that it was relied upon just now.

    It may be in an object store alone: `bring` has it here.
    """
    with _as_store_error(path):
        return _is_here(path) or image_files.holds(path)


def _is_here(path: Path) -> bool:
    with _as_store_error(path):
        try:
            os.utime(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def bring(path: Path) -> bool:
    """Whether a file of the store is there, once it was fetched if another host has stored it."""
    with _as_store_error(path):
        return image_files.bring(path)


def send(path: Path) -> None:
    """Have other hosts find a file of the store, where they share none; before its row is there."""
    with _as_store_error(path):
        image_files.send(path)


def drop_leftovers() -> None:
    """Delete what a process left in `incoming` that was killed while it wrote."""
    with suppress(FileNotFoundError):
        for file in incoming_dir().iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                    file.unlink()


def _write(path: Path, data: bytes, *, later: bool) -> None:
    with _as_store_error(path):
        descriptor, temporary = _incoming()
        _unfinished[path] = _Unfinished(descriptor, temporary)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(data)
        except BaseException:
            del _unfinished[path]
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
    if not later or len(_unfinished) >= _MOST_UNFINISHED:
        finish()


@contextmanager
def _as_store_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise store_error(path, error) from error


def _incoming() -> tuple[int, Path]:
    """A new file of what is under way: its descriptor and its place."""
    folder = incoming_dir()
    try:
        handle, name = tempfile.mkstemp(dir=folder)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
    return handle, Path(name)


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
