"""Opening a file that anybody may have put there: it may be a pipe, a device or a folder.

`opened` waits for nothing and takes none of these; `read_small` reads no more than it is asked for.
"""

import errno
import os
import stat

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
            raise NotAFileError(errno.EINVAL, _NO_FILES[error.errno], os.fsdecode(path)) from error
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise NotAFileError(errno.EINVAL, f"it is {_kind(mode)}, not a file", os.fsdecode(path))


def read_small(path: bytes, most: int) -> tuple[bytes, bool]:
    """Up to `most` bytes of the file at `path`, and whether that is all. Raises as `opened`."""
    with open(opened(path), "rb") as file:
        data = file.read(most + 1)
    return data[:most], len(data) <= most


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFDIR: "a folder"}
    return kinds.get(stat.S_IFMT(mode), "a device")
