"""Errors of the picture store, and faults of single pictures.

A picture that is bad is no error but a `Fault`: text in `images.fault`, a row in `problems`.

JobError
├── StoreError            the store cannot be written; the job fails and is tried again
│   └── StoreFullError    because the disk is full
├── NoThumbnailError      a requested thumbnail cannot be made
└── NoSuchRoleError       an album or artist that is not there, or shows nothing in this role
"""

import errno
from pathlib import Path
from typing import NamedTuple, Self

from jobs.errors import JobError
from jobs.records import ProblemCode

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreError(JobError):
    """The picture store cannot be written; nothing half-written is left."""


class StoreFullError(StoreError):
    """The disk is too full for a picture."""


class NoThumbnailError(JobError):
    """A requested thumbnail cannot be made: no such size or picture, or it is lost."""


class NoSuchRoleError(JobError):
    """No such album or artist is there, or it can show nothing in this role."""


def store_error(path: Path, error: OSError) -> StoreError:
    """The error for a picture that could not be written to `path`."""
    why = f"the picture {path} cannot be stored: {error.strerror or error}"
    if error.errno in _NO_ROOM:
        return StoreFullError(
            f"{why} — free some space there, or move FLEET_DATA_DIR to a larger disk; "
            "the cover is tried again"
        )
    return StoreError(
        f"{why} — make the folder images in FLEET_DATA_DIR one that the fleet's user may write; "
        "the cover is tried again"
    )


class Fault(NamedTuple):
    """What is wrong with a picture, or with reading it."""

    code: ProblemCode
    message: str

    def __str__(self) -> str:
        """As `images.fault` has it: "bad-picture: image file is truncated"."""
        return f"{self.code.value}: {self.message}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The fault that was written as `text`."""
        code, _, message = text.partition(": ")
        return cls(ProblemCode(code), message)
