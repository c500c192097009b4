"""ID3v2 tags as frames: sizes, unsynchronisation, compression of versions 2.2, 2.3 and 2.4.

Source: https://id3.org/id3v2-00, https://id3.org/id3v2.3.0, https://id3.org/id3v2.4.0-structure.
Written for reading whatever taggers wrote: a frame that cannot be understood is left out, and the
rest is read.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from jobs.errors import UnreadableFileError
from jobs.records import ProblemCode

MAX_INFLATED = 64 * 1024 * 1024
"""Bytes that a compressed frame may grow to. Pictures are the largest that are seen."""

_HEADER = 10
_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{3}")
_SHORT_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{2}")
_FALSE_SYNC = re.compile(rb"\xff[\xe0-\xff]")


@dataclass(frozen=True)
class Id3Tag:
    """One ID3v2 tag: its frames in file order, and where the sound may begin."""

    version: int
    """2, 3 or 4."""
    frames: list[tuple[str, bytes]]
    """Identifier (of version 2.2: three letters) and content, decompressed."""
    end: int
    """Offset in the file of the first byte behind the tag."""


def synchsafe(data: bytes) -> int:
    """The integer of bytes that carry seven bits each."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value


def tag_at(file: BinaryIO, offset: int) -> Id3Tag | None:
    """The ID3v2 tag that begins at `offset`, or None when none does.

    Raises UnreadableFileError (too much memory) when a frame inflates beyond MAX_INFLATED.
    """
    file.seek(offset)
    header = file.read(_HEADER)
    if len(header) < _HEADER or header[:3] != b"ID3" or 0xFF in header[3:5]:
        return None
    version, flags = header[3], header[5]
    size = synchsafe(header[6:]) if max(header[6:]) < 0x80 else int.from_bytes(header[6:], "big")
    end = offset + _HEADER + size + (_HEADER if version == 4 and flags & 0x10 else 0)
    if version not in (2, 3, 4):
        return Id3Tag(version, [], end)
    data = file.read(size)
    cut = len(data) < size
    if flags & 0x80 and version < 4:
        data = _synchronised(data)
    start = _extended_header(data, version) if flags & 0x40 and version > 2 else 0
    found = list(_frames(data, start, version, bool(flags & 0x80)))
    if cut:
        end = offset + _HEADER + max((position for _, _, position in found), default=0)
    return Id3Tag(version, [(name, content) for name, content, _ in found], end)


def _extended_header(data: bytes, version: int) -> int:
    """The length of the extended header; 0 when a tagger set the flag without writing one."""
    if _FRAME_ID.match(data[:4]):
        return 0
    if version == 4:
        return synchsafe(data[:4])
    return int.from_bytes(data[:4], "big") + 4


def _frames(
    data: bytes, position: int, version: int, unsynchronised: bool
) -> Iterator[tuple[str, bytes, int]]:
    """Each frame's identifier, content and end, until padding or nonsense begins."""
    id_length, header = (3, 6) if version == 2 else (4, 10)
    while position + header < len(data):
        name = _identifier(data[position : position + id_length])
        if name is None:
            return
        start = position + header
        size = _frame_size(data, position, version)
        position = min(start + size, len(data))
        content = data[start:position]
        if version > 2:
            flags = int.from_bytes(data[start - 2 : start], "big")
            content = _content(name, content, flags, version, unsynchronised)
        if content:
            yield name, content, position


def _identifier(data: bytes) -> str | None:
    """The frame identifier, or None. Some taggers write names of 2.2 into tags of 2.3."""
    if _FRAME_ID.fullmatch(data) or _SHORT_FRAME_ID.fullmatch(data.rstrip(b"\0 ")):
        return data.rstrip(b"\0 ").decode("ascii")
    return None


def _frame_size(data: bytes, position: int, version: int) -> int:
    """The size of the frame at `position`.

    Version 2.4 writes seven bits a byte and earlier ones eight, but iTunes and others got it wrong
    both ways: the other reading holds where it alone leads to a next frame, padding or the end.
    """
    if version == 2:
        return int.from_bytes(data[position + 3 : position + 6], "big")
    field = data[position + 4 : position + 8]
    plain, safe = int.from_bytes(field, "big"), synchsafe(field)
    if plain == safe or max(field) >= 0x80:
        return plain
    likely, other = (safe, plain) if version == 4 else (plain, safe)
    start = position + _HEADER
    if not _leads_on(data, start + likely) and _leads_on(data, start + other):
        return other
    return likely


def _leads_on(data: bytes, position: int) -> bool:
    following = data[position : position + 4]
    if not following.strip(b"\0"):
        return position <= len(data)
    return _FRAME_ID.fullmatch(following) is not None


def _content(name: str, body: bytes, flags: int, version: int, unsynchronised: bool) -> bytes:
    """The frame's content behind what its format flags announce; empty when unreadable."""
    if not flags & 0xFF and not unsynchronised:
        return body
    grouped, compressed, encrypted, escaped, measured = (
        (0x40, 0x08, 0x04, 0x02, 0x01) if version == 4 else (0x20, 0x80, 0x40, 0, 0x80)
    )
    if flags & encrypted:
        return b""
    if version == 4 and (unsynchronised or flags & escaped):
        body = _synchronised(body)
    skipped = (1 if flags & grouped else 0) + (4 if flags & measured else 0)
    body = body[skipped:]
    return _inflated(name, body) if flags & compressed else body


def _synchronised(data: bytes) -> bytes:
    """The data without the zero bytes that keep players from taking it for sound.

    Data in which a false sync stands was never treated, whatever the flag says.
    """
    return data if _FALSE_SYNC.search(data) else data.replace(b"\xff\0", b"\xff")


def _inflated(name: str, data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""
    if inflater.unconsumed_tail:
        raise UnreadableFileError(
            ProblemCode.TOO_MUCH_MEMORY,
            f"the compressed ID3 frame {name} of {len(data)} bytes grows beyond"
            f" {MAX_INFLATED // 2**20} MiB: remove the frame",
        )
    return content
