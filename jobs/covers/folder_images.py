"""Picture files beside the music: which are covers, in which order, and reading them safely."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from db.paths import is_under, to_bytes, to_text
from jobs.covers.faults import Fault
from jobs.covers.sources import ALBUM_SOURCES, EXTENSIONS
from jobs.covers.store import MAX_PICTURE_BYTES
from jobs.records import ProblemCode

_STEMS = {
    source.removesuffix(".*"): rank
    for rank, source in enumerate(ALBUM_SOURCES)
    if source.endswith(".*")
}
_NAME = re.compile(
    rf"(?P<stem>{'|'.join(_STEMS)})"
    r"(?:[\s._-]*\(?(?P<number>\d{1,3})\)?)?"
    rf"\.(?P<extension>{'|'.join(EXTENSIONS)})",
    re.IGNORECASE,
)
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class CoverName(NamedTuple):
    """What the name of a picture file says; names that come first are the better covers."""

    rank: int
    """The place of the name in ALBUM_SOURCES."""
    number: int
    """-1 for a name without a number, which is before all others."""
    extension: int
    name: str


class Folder(NamedTuple):
    """A folder whose pictures may be an album's."""

    path: str
    distance: int
    """0 where tracks of the album lie, 1 for a parent of disc folders."""


class FolderImage(NamedTuple):
    """A picture file that may be an album's cover."""

    rank: int
    path: str


def cover_name(name: str) -> CoverName | None:
    """What a file name says; None for one that is no cover's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return CoverName(
        rank=_STEMS[match["stem"].lower()],
        number=int(match["number"] or -1),
        extension=EXTENSIONS.index(match["extension"].lower()),
        name=name,
    )


def find(folders: Sequence[Folder]) -> list[FolderImage]:
    """The covers in these folders, the best first.

    The name counts most, then the nearer folder, then the number, then the order of the folders.
    Raises OSError when a folder cannot be listed.
    """
    found = [
        (name.rank, folder.distance, name.number, order, name, folder.path)
        for order, folder in enumerate(folders)
        for name in _listed(folder.path)
    ]
    return [
        FolderImage(rank, f"{folder.rstrip('/')}/{name.name}")
        for rank, _, _, _, name, folder in sorted(found)
    ]


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


def _listed(folder: str) -> Iterator[CoverName]:
    with os.scandir(to_bytes(folder)) as entries:
        for entry in entries:
            name = cover_name(to_text(entry.name))
            if name is not None and _is_file(entry):
                yield name


def _is_file(entry: os.DirEntry[bytes]) -> bool:
    """Whether it is a file or leads to one; a link in a circle does not."""
    try:
        return entry.is_file()
    except OSError:
        return False
