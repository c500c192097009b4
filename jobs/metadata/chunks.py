"""Chunks of files: four letters, a size, and the content.

Where one does not begin as it should, the next is looked for near there.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from db.settings.reading import tag_charsets
from jobs.metadata.text import decoded

MAX_TEXT = 64 * 1024
"""Bytes of a text chunk that are read."""


@dataclass(frozen=True)
class Chunk:
    """Where a chunk's content stands."""

    name: bytes
    start: int
    size: int
    """Bytes that are there: never beyond the enclosing chunk or the file."""
    written_size: int
    """Bytes that its header claims."""

    def content(self, file: BinaryIO, limit: int) -> bytes:
        """Its first `limit` bytes at most."""
        file.seek(self.start)
        return file.read(min(self.size, limit))


@dataclass(frozen=True)
class Layout:
    """How headers of chunks are written, and what is known of them."""

    order: Literal["big", "little"]
    size_bytes: int = 4
    true_sizes: Mapping[bytes, int] = field(default_factory=dict)
    """Sizes of chunks that are known from elsewhere, by name."""

    @property
    def header(self) -> int:
        """Bytes before a chunk's content."""
        return 4 + self.size_bytes

    def parsed(self, data: bytes) -> tuple[bytes, int]:
        """Name and size of a chunk by its header."""
        name = data[:4]
        return name, self.true_sizes.get(name, int.from_bytes(data[4 : self.header], self.order))

    def unpacked(self, form: str, data: bytes) -> tuple[Any, ...]:
        """Numbers of a chunk's content."""
        return struct.unpack(("<" if self.order == "little" else ">") + form, data)


LITTLE, BIG, LONG = Layout("little"), Layout("big"), Layout("big", size_bytes=8)
_KNOWN_NAMES = re.compile(
    rb"fmt |data|LIST|bext|fact|[Ii][Dd]3 |ID32|I[A-Z]{3}|COMM|SSND|NAME|AUTH|DIIN|DIAR|DITI"
)
"""Where reading goes on behind bytes that are no chunk."""
_SEARCHED = (4 * 1024, 1024 * 1024)
"""Bytes in which the next chunk is looked for, first and then; and as many before the end."""
_MOST_SEARCHES = 50


def chunks(file: BinaryIO, start: int, end: int, layout: Layout) -> Iterator[Chunk]:
    """The chunks between two offsets.

    Some writers leave out the byte that makes a size even, or write stray bytes, chunks whose name
    is none, and sizes that are too large. What makes no sense at one place is looked for near it.
    """
    searches, is_odd = 0, False
    while start + layout.header <= end:
        place = _near(file, start, end, layout, is_odd=is_odd)
        if place is None and searches < _MOST_SEARCHES:
            searches += 1
            place = _next_chunk(file, start, end, layout)
        if place is None:
            return
        chunk = _chunk_at(file, place, end, layout)
        yield chunk
        is_odd = bool(chunk.written_size % 2)
        start = chunk.start + chunk.written_size + is_odd
        if start > end + is_odd and searches < _MOST_SEARCHES:
            searches += 1  # cut off, or the size is wrong, and tags stand at the end
            start = _next_chunk(file, max(chunk.start, end - _SEARCHED[-1]), end, layout) or end
            is_odd = False


def _chunk_at(file: BinaryIO, place: int, end: int, layout: Layout) -> Chunk:
    file.seek(place)
    name, written = layout.parsed(file.read(layout.header))
    start = place + layout.header
    return Chunk(name, start, min(written, end - start), written)


def _near(file: BinaryIO, start: int, end: int, layout: Layout, *, is_odd: bool) -> int | None:
    """Where a chunk begins that is expected at `start`; None where none can."""
    places = (start, start - 1) if is_odd else (start, start + 1)
    for place in places:
        if _is_chunk(file, place, end, layout):
            return place
    file.seek(start)
    name, written = layout.parsed(file.read(layout.header))
    if _is_name(name):
        return start  # it is cut off, or its size is wrong
    behind = start + layout.header + written + written % 2
    if behind == end or (behind < end and _is_chunk(file, behind, end, layout)):
        return start  # a chunk with another name than it should have
    return None


def _is_chunk(file: BinaryIO, place: int, end: int, layout: Layout) -> bool:
    """Whether a chunk that fits begins here."""
    file.seek(place)
    header = file.read(layout.header)
    name, written = layout.parsed(header)
    fits = place + layout.header + written <= end
    return len(header) == layout.header and _is_name(name) and fits


def _next_chunk(file: BinaryIO, start: int, end: int, layout: Layout) -> int | None:
    """The next place where a chunk of a known name begins that fits."""
    for first, size in (*((start, size) for size in _SEARCHED), (end - _SEARCHED[-1], 0)):
        begin = max(first, start)
        file.seek(begin)
        data = file.read(min(size or _SEARCHED[-1], end - begin))
        for match in _KNOWN_NAMES.finditer(data):
            if _is_chunk(file, begin + match.start(), end, layout):
                return begin + match.start()
    return None


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in name)


def chunk_text(data: bytes) -> str:
    """Text of a chunk, which ends at a NUL: UTF-8, as writers use it today, or else Latin-1."""
    return decoded(data.partition(b"\0")[0], tag_charsets())
