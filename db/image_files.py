"""Where the picture store keeps its files, below `db.settings.images_dir()`.

    originals/ab/cd/abcd…         the bytes as they were found; the name is their SHA-256 in hex
    300/ab/cd/abcd….jpg           the thumbnail of that picture, 300 pixels on its longer side
    incoming/…                    what is being written just now

A shard is the part of the store whose digests begin with the same two characters: 1 of 256.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from db import settings

THUMBNAIL_SIZE = 300
"""Pixels on the longer side."""
_SUFFIX = ".jpg"
_SHARD_LENGTH = 2
_DIGEST_LENGTH = 64
_HEX = frozenset("0123456789abcdef")


def original(digest: str) -> Path:
    """Where a picture is kept."""
    return originals_dir() / digest[:2] / digest[2:4] / digest


def thumbnail(digest: str) -> Path:
    """Where a picture's thumbnail is kept; it has none when it cannot be decoded."""
    return _thumbnails_dir() / digest[:2] / digest[2:4] / f"{digest}{_SUFFIX}"


def originals_dir() -> Path:
    """The folder of the pictures themselves; it is there once the first was stored."""
    return settings.images_dir() / "originals"


def shards() -> set[str]:
    """The shards that have a folder. Raises OSError."""
    return {
        entry.name
        for folder in (originals_dir(), _thumbnails_dir())
        for entry in _listed(folder)
        if len(entry.name) == _SHARD_LENGTH and _HEX.issuperset(entry.name)
    }


def originals_in(shard: str) -> set[str]:
    """The digests of the pictures that a shard holds. Raises OSError."""
    return set(_digests(originals_dir() / shard, ""))


def thumbnails_in(shard: str) -> set[str]:
    """The digests of the pictures whose thumbnail a shard holds. Raises OSError."""
    return set(_digests(_thumbnails_dir() / shard, _SUFFIX))


def _thumbnails_dir() -> Path:
    return settings.images_dir() / str(THUMBNAIL_SIZE)


def _digests(folder: Path, suffix: str) -> Iterator[str]:
    """The digests that files below a shard's folder are named by, where they belong.

    Symbolic links are not followed, and what bears no picture's name is passed over.
    """
    if folder.is_symlink():
        return
    for sub in _listed(folder):
        if not sub.is_dir(follow_symlinks=False):
            continue
        prefix = folder.name + sub.name
        for file in _listed(sub):
            digest = file.name.removesuffix(suffix)
            fits = file.name == digest + suffix and digest.startswith(prefix)
            if fits and _is_digest(digest) and file.is_file(follow_symlinks=False):
                yield digest


def _listed(folder: "Path | os.DirEntry[str]") -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _is_digest(name: str) -> bool:
    return len(name) == _DIGEST_LENGTH and _HEX.issuperset(name)
