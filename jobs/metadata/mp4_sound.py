"""What mutagen leaves out of MP4 sound tracks: their bytes, and version 2 sample descriptions.

Sources: ISO 14496-12 (mdhd, stsz, mehd), QuickTime File Format Specification, "Sound Sample
Descriptions".
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from jobs.errors import UnreadableFileError
from jobs.records import ProblemCode

_MAX_TABLE = 16 * 1024 * 1024
"""Bytes of a table of sample sizes that are read: a day of AAC."""


@dataclass(frozen=True)
class Mp4Sound:
    """The first sound track of a file, as far as its atoms tell."""

    size: int
    """Bytes of all its samples; 0 when they stand in fragments."""
    sample_rate: int | None
    """Hz, where only a version 2 sample description tells it."""
    channels: int | None
    fragments_duration: float | None
    """Seconds that the head of a fragmented file states."""


def sound_of(file: BinaryIO, size: int) -> Mp4Sound:
    """The first sound track of a file of `size` bytes.

    Raises UnreadableFileError when there is none, or the atom that lists the tracks is not whole.
    """
    movie = _path(file, (0, sys.maxsize), b"moov")
    if movie is None:
        message = "the MP4 file has no moov atom: it is cut off or was never finished"
        raise UnreadableFileError(ProblemCode.DAMAGED, message)
    for name, start, end in _atoms(file, movie):
        media = _path(file, (start, end), b"mdia") if name == b"trak" else None
        if media and _handler(file, media) == b"soun":
            table = _path(file, media, b"minf", b"stbl")
            rate, channels = _version_2_description(file, table) if table else (None, None)
            return Mp4Sound(
                _sample_bytes(file, table) if table else 0,
                rate,
                channels,
                _fragments_duration(file, movie),
            )
    if movie[1] > size:
        raise UnreadableFileError(ProblemCode.DAMAGED, "the MP4 file is cut off in its moov atom")
    raise UnreadableFileError(ProblemCode.NOT_AUDIO, "the MP4 container holds no sound track")


def _atoms(file: BinaryIO, within: tuple[int, int]) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each atom in a range."""
    position, end = within
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return
        length, name, content = int.from_bytes(header[:4], "big"), header[4:8], position + 8
        if length == 1:
            length, content = int.from_bytes(header[8:16], "big"), position + 16
        following = end if length == 0 else position + length
        if following < content:
            return
        yield name, content, min(following, end)
        position = following


def _path(file: BinaryIO, within: tuple[int, int], *names: bytes) -> tuple[int, int] | None:
    """The content of the first atom on a path of names."""
    for wanted in names:
        found = ((start, end) for name, start, end in _atoms(file, within) if name == wanted)
        first = next(found, None)
        if first is None:
            return None
        within = first
    return within


def _content(file: BinaryIO, within: tuple[int, int], limit: int, *names: bytes) -> bytes:
    """At most `limit` bytes of the atom on a path; none when it is not there."""
    place = _path(file, within, *names)
    if place is None:
        return b""
    file.seek(place[0])
    return file.read(min(limit, place[1] - place[0]))


def _handler(file: BinaryIO, media: tuple[int, int]) -> bytes:
    return _content(file, media, 12, b"hdlr")[8:12]


def _sample_bytes(file: BinaryIO, table: tuple[int, int]) -> int:
    sizes = _content(file, table, _MAX_TABLE, b"stsz")
    if len(sizes) < 12:
        return 0
    common, count = struct.unpack_from(">II", sizes, 4)
    if common:
        return int(common) * int(count)
    entries = array("I", sizes[12 : len(sizes) & ~3])
    entries.byteswap()
    return sum(entries)


def _version_2_description(file: BinaryIO, table: tuple[int, int]) -> tuple[int | None, int | None]:
    """Sample rate and channels of a QuickTime version 2 description; None for the other ones."""
    entry = _content(file, table, 64, b"stsd")[16:]
    if len(entry) < 44 or int.from_bytes(entry[8:10], "big") != 2:
        return None, None
    rate, channels = struct.unpack_from(">dI", entry, 32)
    return (round(rate) if 0 < rate < 2**31 else None), channels


def _fragments_duration(file: BinaryIO, movie: tuple[int, int]) -> float | None:
    """The duration in the mehd atom, in the time scale of the mvhd atom."""
    scale = _content(file, movie, 32, b"mvhd")
    extends = _content(file, movie, 12, b"mvex", b"mehd")
    if len(scale) < 24 or len(extends) < 8:
        return None
    units = int.from_bytes(scale[20:24] if scale[0] == 1 else scale[12:16], "big")
    duration = int.from_bytes(extends[4:12] if extends[0] == 1 else extends[4:8], "big")
    return duration / units if units else None
