"""What one container yields before it becomes a record: raw tags, pictures, audio properties.

And how parts of it are found: what stands behind an offset, and chunks (four letters, a size, and
the content), of which the next is looked for near the place where it should begin.
"""

import io
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, cast

from db.settings.reading import tag_charsets
from jobs.content import Spans, mime_of
from jobs.metadata.text import decoded, folded
from jobs.pictures import store
from jobs.records import AudioProperties, PictureInfo
from jobs.tags import CUE_PARTS, CUE_SHEET, FREE_NAMES

RawTags = dict[str, list[str]]
"""Field of `jobs.tags.Tags` to the values as written."""


class Lyric(str):
    """The text of lyrics whose tag says their language, as ISO 639-2 has it."""

    __slots__ = ("language",)
    language: str

    @classmethod
    def of(cls, text: str, language: str) -> "Lyric":
        """The text with its language."""
        lyric = cls(text)
        lyric.language = language
        return lyric


@dataclass(frozen=True)
class Picture:
    """An embedded picture with its bytes."""

    type: int
    """The ID3v2 APIC picture type: 3 is the front cover."""
    mime: str
    data: bytes

    def info(self) -> PictureInfo:
        """The picture's record, without its bytes."""
        return PictureInfo(self.type, self.mime, len(self.data), store.digest_of(self.data))


@dataclass
class Contents:
    """What was found in one file."""

    audio: AudioProperties
    tags: RawTags = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    sound: Spans = ()
    """Where the sound stands, without tags; empty where that is not known."""
    sound_id: str | None = None
    """What the file itself says the sound is known by."""
    is_video: bool = False
    """Whether there is a film beside the sound."""


Reader = Callable[[BinaryIO, int], Contents]
"""What reads a file of so many bytes. It may raise anything at a damaged one."""


def mapped(values: Mapping[str, list[str]], table: Mapping[str, str]) -> RawTags:
    """`values` by their names in a tag family, as fields, by way of the family's `table`.

    Where several names mean one field, the name that stands first in the table wins.
    """
    tags: RawTags = {}
    for name, field_name in table.items():
        if name in values and field_name not in tags and any(values[name]):
            tags[field_name] = values[name]
    if of_parts := [name for name in values if _PART in name]:
        tags[CUE_PARTS] = [
            f"{part}\0{field_name}\0{value}"
            for name in of_parts[:_MOST_OF_PARTS]
            for part, field_name in _field_of_part(name)
            for value in values[name]
        ]
    return tags


_PART, _MOST_OF_PARTS = "cuetrack", 5_000
_OF_PART = re.compile(r"(?:TXXX:)?cuetrack(\d{1,3})([a-z]\w*)")
"""A tag of one track of a file with several, as foobar2000 writes it: cue_track02_artist."""


def _field_of_part(name: str) -> Iterator[tuple[int, str]]:
    """The number of the track and the field that such a name means."""
    match = _OF_PART.fullmatch(name)
    if match and (field_name := FREE_NAMES.get(match[2])) and field_name != CUE_SHEET:
        yield int(match[1]), field_name


def filled(tags: RawTags, *others: RawTags) -> RawTags:
    """`tags`, and of each further tag what the ones before it lack."""
    for other in others:
        for field_name, values in other.items():
            tags.setdefault(field_name, values)
    return tags


def by_folded_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Named values in file order, grouped by `jobs.metadata.text.folded` name."""
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(folded(name), []).append(value)
    return grouped


SILENT = "it holds a video without sound"
"""What is said of such a container."""

FRONT_COVER = 3
BACK_COVER = 4
OTHER = 0
_LAST_TYPE = 20
"""Of ID3v2; FLAC has the same."""

_LINK = "-->"


def picture(kind: int, declared: str, data: bytes) -> Picture | None:
    """The picture of these bytes; None when there are none, or just a link to one."""
    if not data or declared == _LINK:
        return None
    return Picture(kind if 0 <= kind <= _LAST_TYPE else OTHER, mime_of(data, declared), data)


class _Behind(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; all that is left when it is negative or None."""
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to an offset from the start of this part, as of a file."""
        before = self._start if whence == io.SEEK_SET else 0
        return self._file.seek(offset + before, whence) - self._start

    def tell(self) -> int:
        """Where it stands, from the start of this part."""
        return self._file.tell() - self._start


def behind(file: BinaryIO, start: int) -> BinaryIO:
    """A file from an offset on, as a file of its own."""
    return cast("BinaryIO", _Behind(file, start))


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
