"""Where the picture store keeps its files, below `db.settings.images_dir()`.

    originals/ab/cd/abcd…         the bytes as they were found; the name is their SHA-256 in hex
    SIZE/ab/cd/abcd….jpg          a thumbnail of that picture, SIZE pixels on its longer side
    incoming/…                    what is being written, or deleted, just now

A shard is the part of the store whose digests begin with the same two characters: 1 of 256.

A file's time is when it was stored, or when a job last relied on its being there. What is to be
deleted is deleted by `delete_old`, which goes by that time.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from db import settings
from db.artwork import object_store
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
    return object_store.is_used() or originals_dir().is_dir()


def is_digest(name: str) -> bool:
    """Whether a name is one that a picture may have; nothing else leads to a file."""
    return len(name) == _DIGEST_LENGTH and _HEX.issuperset(name)


def shards() -> set[str]:
    """The shards that have a folder; of an object store all. Raises OSError."""
    if object_store.is_used():
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
    if object_store.is_used() and (object_store.modified(path) or 0.0) >= since:
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
    if object_store.is_used():
        path.unlink(missing_ok=True)  # which other hosts keep their copies of
        return object_store.delete(path)
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
    if object_store.is_used():
        names = (name.removesuffix(suffix) for name in object_store.listed(folder))
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
