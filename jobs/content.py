"""Files of a library: opening one that anybody may have put there, and what identifies its content.

What is named like a song or a picture may be a pipe, a device or a folder. `opened` waits for
nothing and takes none of these; `read_small` reads no more than it is asked for.
"""

import errno
import os
import stat
from hashlib import blake2b
from typing import BinaryIO

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_NO_FILES = {
    errno.ENXIO: "it is a socket, not a file",
    errno.ELOOP: "it is a link in a circle, not a file",
}
"""What opening says of them."""


class NotAFileError(OSError):
    """Something that is named like a file is none."""


def opened(path: bytes) -> int:
    """A descriptor of the file at `path`, a link followed. Raises NotAFileError and OSError.

    A pipe is not waited for, whoever put it in the place of a file since a scan saw one there.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        if error.errno in _NO_FILES:
            raise NotAFileError(errno.EINVAL, _NO_FILES[error.errno]) from error
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise NotAFileError(errno.EINVAL, f"it is {_kind(mode)}, not a file")


def read_small(path: bytes, most: int) -> tuple[bytes, bool]:
    """Up to `most` bytes of the file at `path`, and whether that is all. Raises as `opened`."""
    with open(opened(path), "rb") as file:
        data = file.read(most + 1)
    return data[:most], len(data) <= most


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFDIR: "a folder"}
    return kinds.get(stat.S_IFMT(mode), "a device")


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
