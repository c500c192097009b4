"""The identity of a file's content, by which a moved file is known again."""

import os
from hashlib import blake2b
from typing import BinaryIO

from db.files import opened

_WINDOW = 64 * 1024
_DIGEST_BYTES = 16


def content_id(file: BinaryIO, size: int) -> str:
    """A digest (32 hex digits) of the size and of the first, middle and last 64 KiB.

    Files up to three windows long are read whole. `file` is left wherever reading ended. Raises
    OSError when it cannot be read.
    """
    digest = blake2b(size.to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    if size <= 3 * _WINDOW:
        file.seek(0)
        digest.update(file.read(3 * _WINDOW))
    else:
        for start in (0, (size - _WINDOW) // 2, size - _WINDOW):
            file.seek(start)
            digest.update(file.read(_WINDOW))
    return digest.hexdigest()


def content_id_of(path: bytes) -> str:
    """The `content_id` of the file at `path`. Raises OSError when it cannot be read."""
    with open(opened(path), "rb", buffering=0) as file:
        return content_id(file, os.fstat(file.fileno()).st_size)
