"""What one container yields before it becomes a record: raw tags, pictures, audio properties."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from jobs.content import Spans, mime_of
from jobs.metadata.text import folded
from jobs.pictures import store
from jobs.records import AudioProperties, PictureInfo

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
    return tags


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
