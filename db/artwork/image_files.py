"""Where the picture store keeps its files, below `db.settings.images_dir()`.

    originals/ab/cd/abcd…         the bytes as they were found; the name is their SHA-256 in hex
    SIZE/ab/cd/abcd….jpg          a thumbnail of that picture, SIZE pixels on its longer side
    incoming/…                    what is being written, or deleted, just now

A shard is the part of the store whose digests begin with the same two characters: 1 of 256.

A file's time is when it was stored, or when a job last relied on its being there. What is to be
deleted is deleted by `delete_old`, which goes by that time.

FLEET_IMAGES_URL is the address of an object store, such as S3, that hosts share: any address that
fsspec knows; of S3, s3://BUCKET/PREFIX, by the extra `s3`. The folder of the picture store is then
each host's own copy of what it has made or needed, and keeps what was used last. A picture is sent
before its row is written, so that every host finds what a row speaks of. fsspec, and what it needs
for the address, are imported in a process that asks the store for something.
"""

import errno
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from db import settings
from db.errors import SettingError
from db.settings.urls import shown
from db.sql.path_text import to_bytes


class ThumbnailFormat(NamedTuple):
    """How thumbnails are encoded, named and sent."""

    suffix: str
    mime: str
    encoder: str
    """Pillow's name of it."""
    quality: int
    """As that encoder counts it."""


SIZES = (150, 300, 500, 800)
"""The sizes of thumbnails, in pixels on the longer side; there are no others."""
THUMBNAIL_SIZE = 300
"""The one that is made as soon as a picture comes in. The others are made on request."""
THUMBNAIL_FORMAT = ThumbnailFormat(".jpg", "image/jpeg", "JPEG", quality=80)
"""The one format of all thumbnails."""
SPARED_SECONDS = 24 * 3600
"""A younger file may be one that a job has just stored, or found: its row is written last."""
_SHARD_LENGTH = 2
_DIGEST_LENGTH = 64
_HEX = frozenset("0123456789abcdef")
_FOLDERS = {size: str(size) for size in SIZES}


def original(digest: str) -> Path:
    """Where a picture is kept."""
    return originals_dir().joinpath(digest[:2], digest[2:4], digest)


def thumbnail(digest: str, size: int = THUMBNAIL_SIZE) -> Path:
    """Where a picture's thumbnail is kept; it has none when it cannot be decoded.

    Raises KeyError for a size that is none of SIZES.
    """
    name = f"{digest}{THUMBNAIL_FORMAT.suffix}"
    return _thumbnails_dir(size).joinpath(digest[:2], digest[2:4], name)


def originals_dir() -> Path:
    """The folder of the pictures themselves; it is there once the first was stored."""
    return settings.images_dir() / "originals"


def incoming_dir() -> Path:
    """The folder of what is under way."""
    return settings.images_dir() / "incoming"


def forget_upload(path: str) -> None:
    """Delete what was uploaded, once it is stored or refused; no file that lies elsewhere."""
    file = Path(os.fsdecode(to_bytes(path)))
    if file.parent == incoming_dir():
        file.unlink(missing_ok=True)


def is_there() -> bool:
    """Whether the picture store is there, and not on a disk that is not mounted."""
    return is_used() or originals_dir().is_dir()


def is_digest(name: str) -> bool:
    """Whether a name is one that a picture may have; nothing else leads to a file."""
    return len(name) == _DIGEST_LENGTH and _HEX.issuperset(name)


def shards() -> set[str]:
    """The shards that have a folder; of an object store all. Raises OSError."""
    if is_used():
        return {f"{number:02x}" for number in range(16**_SHARD_LENGTH)}
    return {
        entry.name
        for folder in (originals_dir(), *map(_thumbnails_dir, SIZES))
        for entry in _listed(folder)
        if len(entry.name) == _SHARD_LENGTH and _HEX.issuperset(entry.name)
    }


def originals_in(shard: str) -> set[str]:
    """The digests of the pictures that a shard holds. Raises OSError."""
    return set(_digests(originals_dir() / shard, ""))


def thumbnails_in(shard: str, size: int = THUMBNAIL_SIZE) -> set[str]:
    """The digests of the pictures whose thumbnail a shard holds. Raises OSError."""
    return set(_digests(_thumbnails_dir(size) / shard, THUMBNAIL_FORMAT.suffix))


def is_young(path: Path, seconds: float = SPARED_SECONDS) -> bool:
    """Whether a file was stored or relied upon in so many seconds. One that is gone was not."""
    since = time.time() - seconds
    if is_used() and (modified(path) or 0.0) >= since:
        return True
    try:
        return path.lstat().st_mtime >= since
    except FileNotFoundError:
        return False


def delete_old(path: Path, seconds: float = SPARED_SECONDS) -> bool:
    """Delete a file of the store unless it is young; whether that was done. Raises OSError.

    It is moved aside before its time is read for good: a job that would rely on it has either
    touched it by then, and it is put back, or finds it gone and stores it again.
    """
    if is_young(path, seconds):
        return False
    if is_used():
        path.unlink(missing_ok=True)  # which other hosts keep their copies of
        return delete(path)
    aside = incoming_dir() / f"{path.parts[-4]}-{path.name}"
    try:
        incoming_dir().mkdir(exist_ok=True)
        path.rename(aside)
        if is_young(aside, seconds):
            aside.rename(path)
            return False
        aside.unlink()
    except FileNotFoundError:  # another has deleted it
        return False
    return True


def _thumbnails_dir(size: int) -> Path:
    return settings.images_dir() / _FOLDERS[size]


def _digests(folder: Path, suffix: str) -> Iterator[str]:
    """The digests that files below a shard's folder are named by, where they belong.

    Symbolic links are not followed, and what bears no picture's name is passed over.
    """
    if is_used():
        names = (name.removesuffix(suffix) for name in listed(folder))
        yield from (name for name in names if name.startswith(folder.name) and is_digest(name))
        return
    if folder.is_symlink():
        return
    for sub in _listed(folder):
        if not sub.is_dir(follow_symlinks=False):
            continue
        prefix = folder.name + sub.name
        for file in _listed(sub):
            digest = file.name.removesuffix(suffix)
            fits = file.name == digest + suffix and digest.startswith(prefix)
            if fits and is_digest(digest) and file.is_file(follow_symlinks=False):
                yield digest


def _listed(folder: "Path | os.DirEntry[str]") -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return


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
