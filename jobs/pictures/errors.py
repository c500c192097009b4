"""Errors of the picture store, and faults of single pictures.

A picture that is bad is no error but a `Fault`: text in `images.fault`, a row in `problems`.

JobError
├── StoreError            the store cannot be written; the job fails and is tried again
│   └── StoreFullError    because the disk is full
└── NoThumbnailError      a requested thumbnail cannot be made
"""

from pathlib import Path
from typing import NamedTuple, Self

from db import settings
from db.artwork.image_files import ObjectStoreError
from db.ledger import Cause, Obstacle, cause_of
from db.settings.urls import shown
from db.sql.path_text import to_text
from jobs.errors import JobError
from jobs.records import ProblemCode


class StoreError(JobError):
    """The picture store cannot be written; nothing half-written is left."""


class StoreFullError(StoreError):
    """The disk is too full for a picture."""


class NoThumbnailError(JobError):
    """A requested thumbnail cannot be made: no such size or picture, or it is lost."""


def store_error(path: Path, error: OSError) -> StoreError:
    """The error for a picture that could not be written to `path`."""
    why = f"the picture {path} cannot be stored: {error.strerror or error}"
    cause = cause_of(error.errno) or Cause.UNWRITABLE
    place = to_text(bytes(settings.images_dir()))
    if isinstance(error, ObjectStoreError):
        place = shown(settings.images_url())
        made: StoreError = StoreError(
            f"{why} — check FLEET_IMAGES_URL, the keys in AWS_… and that {place} answers; "
            "the cover is tried again"
        )
    elif cause is Cause.NO_SPACE:
        made = StoreFullError(
            f"{why} — free some space there, or move FLEET_DATA_DIR to a larger disk; "
            "the cover is tried again"
        )
    else:
        made = StoreError(
            f"{why} — make the folder images in FLEET_DATA_DIR one that the fleet's user may "
            "write; the cover is tried again"
        )
    made.obstacle = Obstacle(cause, place)
    return made


class Fault(NamedTuple):
    """What is wrong with a picture, or with reading it."""

    code: ProblemCode
    message: str
    obstacle: Obstacle | None = None
    """What in the surroundings keeps the picture from being read; None: it is the picture's."""

    def __str__(self) -> str:
        """As `images.fault` has it: "bad-picture: image file is truncated"."""
        return f"{self.code.value}: {self.message}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The fault that was written as `text`."""
        code, _, message = text.partition(": ")
        return cls(ProblemCode(code), message)
