"""Chunks of RIFF, AIFF and DSDIFF files: four letters, a size, the content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

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


def chunks(  # noqa: PLR0913  # what the three formats differ in
    file: BinaryIO,
    start: int,
    end: int,
    order: Literal["big", "little"],
    *,
    size_bytes: int = 4,
    true_sizes: Mapping[bytes, int] | None = None,
) -> Iterator[Chunk]:
    """The chunks between two offsets, until the end or something that is no chunk.

    `true_sizes` are sizes of chunks that are known from elsewhere, by name.
    """
    while start + 4 + size_bytes <= end:
        file.seek(start)
        header = file.read(4 + size_bytes)
        name = header[:4]
        if len(header) < 4 + size_bytes or not _is_name(name):
            return
        written = (true_sizes or {}).get(name, int.from_bytes(header[4:], order))
        start += len(header)
        yield Chunk(name, start, min(written, end - start), written)
        start += written + written % 2


def _is_name(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in name)


def text_of(data: bytes) -> str:
    """Text of a chunk, which ends at a NUL: UTF-8, as writers use it today, or else Latin-1."""
    data = data.partition(b"\0")[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
