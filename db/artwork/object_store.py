"""Pictures in an object store, such as S3, that hosts share: FLEET_IMAGES_URL is its address.

Any address that fsspec knows serves; of S3, s3://BUCKET/PREFIX, by the extra `s3`.

The folder of the picture store is then each host's own copy of what it has made or needed, and
keeps what was used last. A picture is sent before its row is written, so that every host finds what
a row speaks of. fsspec, and what it needs for the address, are imported in a process that asks the
store for something.
"""

import errno
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from db import settings
from db.errors import SettingError
from db.settings.urls import shown


class ObjectStoreError(OSError):
    """The object store does not answer, or refuses."""


MOST_BYTES = 2 * 1024**3
"""What a host keeps of the pictures. Beyond it goes what was not used for longest."""
_KEPT_SHARE = 0.8
"""Of that, once something had to go."""
_COUNTED_EVERY = 200
"""Files that come in between two counts, in the mean: a process may live for a single one."""
_AT_WORK_SECONDS = 600


def is_used() -> bool:
    """Whether pictures are in an object store."""
    return "://" in settings.images_url()


def send(path: Path) -> None:
    """Have the object store hold this file of the picture store. Raises ObjectStoreError."""
    if is_used():
        with _answering() as (files, prefix):
            files.put_file(str(path), _name(path, prefix))
        _keep_within_limit()


def bring(path: Path) -> bool:
    """Whether this file of the picture store is there, once it was fetched if it is not here.

    Raises ObjectStoreError.
    """
    if path.exists() or not is_used():
        return path.exists()
    aside = settings.images_dir() / "incoming" / uuid4().hex
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _answering() as (files, prefix):
            files.get_file(_name(path, prefix), str(aside))
    except FileNotFoundError:
        aside.unlink(missing_ok=True)
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside.replace(path)
    _keep_within_limit()
    return True


def _keep_within_limit() -> None:
    """Now and then, delete the files here that were not used for longest, where they are many."""
    if random.randrange(_COUNTED_EVERY):  # noqa: S311  # no secret
        return
    found = []
    for folder, _, names in os.walk(settings.images_dir()):
        for path in (Path(folder, name) for name in names):
            with suppress(OSError):
                status = path.stat()
                found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    present = sum(size for _, size, _ in found)
    if present <= MOST_BYTES:
        return
    for used_at, size, path in sorted(found):
        if present <= MOST_BYTES * _KEPT_SHARE or used_at > time.time() - _AT_WORK_SECONDS:
            return
        if holds(path):  # not so what is only coming in, or could not be sent
            path.unlink(missing_ok=True)
            present -= size


def holds(path: Path) -> bool:
    """Whether the object store has this file. Raises ObjectStoreError."""
    return is_used() and modified(path) is not None


def modified(path: Path) -> float | None:
    """When the object store was given this file, in seconds since 1970; None: it has none.

    Raises ObjectStoreError.
    """
    try:
        with _answering() as (files, prefix):
            said: Any = files.modified(_name(path, prefix))
    except FileNotFoundError:
        return None
    zoned: datetime = said if said.tzinfo else said.replace(tzinfo=UTC)
    return zoned.timestamp()


def delete(path: Path) -> bool:
    """Delete this file from the object store; whether it was there. Raises ObjectStoreError."""
    with suppress(FileNotFoundError), _answering() as (files, prefix):
        files.rm_file(_name(path, prefix))
        return True
    return False


def listed(folder: Path) -> Iterator[str]:
    """The names of the files at any depth below a folder of the picture store.

    Raises ObjectStoreError.
    """
    with suppress(FileNotFoundError), _answering() as (files, prefix):
        for found in files.find(_name(folder, prefix)):
            yield found.rpartition("/")[2]


def check() -> None:
    """Raise SettingError where the address is of no use, or what it needs is not installed."""
    settings.images_dir()
    if is_used():
        _opened()


def _name(path: Path, prefix: str) -> str:
    return f"{prefix.rstrip('/')}/{path.relative_to(settings.images_dir()).as_posix()}"


def _opened() -> tuple[Any, str]:
    url = settings.images_url()
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415  # few fleets have an object store

        files, prefix = url_to_fs(url)  # kept by fsspec, for each process by itself
    except ImportError as error:
        raise SettingError(
            f"FLEET_IMAGES_URL is {shown(url)}, and what that takes is not "
            f"installed ({error.name or error}) — pip install 'musicfleet[s3]', "
            "or the file system of fsspec for it"
        ) from error
    except ValueError as error:
        raise SettingError(
            f"FLEET_IMAGES_URL is {shown(url)!r}: {error} — write s3://BUCKET/PREFIX, or the "
            "absolute path of a folder"
        ) from error
    return files, prefix


@contextmanager
def _answering() -> Iterator[tuple[Any, str]]:
    """The file system and the prefix in it. What its library raises becomes ObjectStoreError."""
    try:
        yield _opened()
    except (FileNotFoundError, SettingError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EACCES}:
            raise
        number = errno.EHOSTUNREACH
        text = f"{os.strerror(number)}: {type(error).__name__}: {str(error)[:200]}"
        raise ObjectStoreError(number, text, shown(settings.images_url())) from error
