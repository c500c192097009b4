"""Picture files beside the music: which are in a folder, and reading them safely."""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from db.paths import is_under, to_bytes, to_text
from jobs.covers.faults import Fault
from jobs.covers.names import CoverName, cover_name, picture_stem
from jobs.covers.store import MAX_PICTURE_BYTES
from jobs.records import ProblemCode

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Folder(NamedTuple):
    """A folder whose pictures may be an album's."""

    path: str
    distance: int
    """0 where tracks of the album lie, 1 for a parent of disc folders."""
    root: str = "/"
    """Where its picture files must really lie: the library root."""


class FolderImage(NamedTuple):
    """A picture file in a folder."""

    name: str
    folder: Folder
    order: int
    """The place of the folder among those that were listed."""

    @property
    def path(self) -> str:
        """Where the file is."""
        return f"{self.folder.path.rstrip('/')}/{self.name}"


class NamedImage(NamedTuple):
    """A picture file that an order of choice has an entry for."""

    name: CoverName
    image: FolderImage

    @property
    def tier(self) -> tuple[int, ...]:
        """The entry counts most, then the nearer folder, the number, and the folders' order."""
        folder = self.image.folder
        return self.name.rank, folder.distance, self.name.number, self.image.order


def listed(folders: Sequence[Folder]) -> list[FolderImage]:
    """Every picture file in these folders. Raises OSError when a folder cannot be listed."""
    return [
        FolderImage(name, folder, order)
        for order, folder in enumerate(folders)
        for name in sorted(_names(folder.path))
    ]


def named(images: Sequence[FolderImage], order: Sequence[str]) -> list[NamedImage]:
    """Those of the files that are named as an entry of the order, best first."""
    found = [NamedImage(name, image) for image in images if (name := cover_name(image.name, order))]
    return sorted(found, key=lambda each: (each.tier, each.name))


def read(path: str, root: str) -> bytes | Fault:
    """The bytes of a picture file, or why it cannot be taken.

    A symbolic link is followed as long as the file that it leads to lies below `root`: asked of
    the file that was opened, so nothing can be exchanged in between.
    """
    try:
        descriptor = os.open(to_bytes(path), _OPEN)
        with open(descriptor, "rb") as file:
            opened = os.readlink(f"/proc/self/fd/{descriptor}".encode())  # noqa: PTH115  # bytes
            if not is_under(to_text(opened), to_text(os.path.realpath(to_bytes(root)))):
                return Fault(
                    ProblemCode.UNREADABLE,
                    "the link leads out of the library — put the picture itself there",
                )
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return Fault(ProblemCode.UNREADABLE, "this is no file — remove it")
            data = file.read(MAX_PICTURE_BYTES + 1)
    except OSError as error:
        return Fault(ProblemCode.UNREADABLE, f"the file cannot be read: {error.strerror or error}")
    if len(data) > MAX_PICTURE_BYTES:
        message = f"the file is larger than {MAX_PICTURE_BYTES:,} bytes"
        return Fault(ProblemCode.PICTURE_TOO_LARGE, message)
    if not data:
        return Fault(ProblemCode.BAD_PICTURE, "the file is empty")
    return data


def _names(folder: str) -> Iterator[str]:
    with os.scandir(to_bytes(folder)) as entries:
        for entry in entries:
            name = to_text(entry.name)
            if picture_stem(name) is not None and _is_file(entry):
                yield name


def _is_file(entry: os.DirEntry[bytes]) -> bool:
    """Whether it is a file or leads to one; a link in a circle does not."""
    try:
        return entry.is_file()
    except OSError:
        return False
