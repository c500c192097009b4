"""ASF containers (WMA): attributes as fields.

mutagen takes rate and channels from whichever stream stands last, also from a film: these are our
own.

Sources: Advanced Systems Format specification, https://learn.microsoft.com/windows/win32/wmformat/
attributes (WM/Picture), https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.
"""

import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from mutagen.asf import ASF

from jobs.content import Spans
from jobs.errors import UnreadableFileError
from jobs.metadata.contents import Contents, Picture, Reader, by_folded_name, mapped, picture
from jobs.records import AudioProperties, ProblemCode
from jobs.tags import FREE_NAMES, fields_by_name

_ATTRIBUTES = {**fields_by_name("asf"), **FREE_NAMES}
_PICTURE = "WM/Picture"
_CODECS = (
    ("lossless", "wmalossless"),
    ("voice", "wmavoice"),
    ("pro", "wmapro"),
    ("windows media audio", "wma"),
    ("mpeg layer-3", "mp3"),
)

_DATA_OBJECT = bytes.fromhex("3626B2758E66CF11A6D900AA0062CE6C")
_DATA_HEAD = 50

_load: Callable[[BinaryIO], Any] = ASF


_STREAM = uuid.UUID("B7DC0791-A9B7-11CF-8EE6-00C00C205365").bytes_le
_SOUND = uuid.UUID("F8699E40-5B4D-11CF-A8FD-00805F5C442B").bytes_le
_FILM = uuid.UUID("BC19EFC0-5B4D-11CF-A8FD-00805F5C442B").bytes_le
_HEADER, _OBJECT = 30, 24
"""Bytes before the objects of the header, and before the content of each."""
_PROPERTIES = 66
"""Bytes of the properties of a stream that are read."""


class _Stream(NamedTuple):
    kind: bytes
    channels: int
    sample_rate: int
    byte_rate: int


def _streams(file: BinaryIO) -> Iterator[_Stream]:
    """The streams by their properties objects, in the header at the file's beginning."""
    file.seek(0)
    (end,) = struct.unpack("<16xQ6x", file.read(_HEADER))
    start = _HEADER
    while start + _OBJECT <= end:
        file.seek(start)
        head = file.read(_OBJECT + _PROPERTIES)
        size = int.from_bytes(head[16:_OBJECT], "little")
        if size < _OBJECT:
            return
        if head.startswith(_STREAM) and len(head) == _OBJECT + _PROPERTIES:
            properties = head[_OBJECT:]
            yield _Stream(properties[:16], *struct.unpack_from("<HII", properties, 56))
        start += size


def _read_asf(file: BinaryIO, size: int) -> Contents:
    """The contents of an ASF file. Raises UnreadableFileError without a stream of sound."""
    asf = _load(file)
    info = asf.info
    streams = list(_streams(file))
    sound = next((each for each in streams if each.kind == _SOUND), None)
    if sound is None:
        message = "the ASF container holds no stream of sound"
        raise UnreadableFileError(ProblemCode.NOT_AUDIO, message)
    audio = AudioProperties(
        codec=_codec(f"{info.codec_name} {info.codec_type}"),
        container="asf",
        duration=info.length,
        bit_rate=8 * sound.byte_rate,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
    )
    texts = [(name, str(value)) for name, value in asf.tags if name != _PICTURE]
    pictures = [_picture(value.value) for name, value in asf.tags if name == _PICTURE]
    tags = mapped(by_folded_name(texts), _ATTRIBUTES)
    is_video = any(each.kind == _FILM for each in streams)
    found = [p for p in pictures if p]
    return Contents(audio, tags, found, _data_packets(file, size), is_video=is_video)


def _data_packets(file: BinaryIO, size: int) -> Spans:
    """The packets of the data object, which follows the header object."""
    file.seek(16)
    start = int.from_bytes(file.read(8), "little")
    file.seek(start)
    head = file.read(24)
    if not head.startswith(_DATA_OBJECT):
        return ()
    length = int.from_bytes(head[16:24], "little")
    return [(start + _DATA_HEAD, min(start + length, size) if length else size)]


def _codec(description: str) -> str:
    """The codec by the name its encoder wrote; "wma" when it wrote none."""
    lowered = description.lower()
    return next((codec for part, codec in _CODECS if part in lowered), "wma")


def _picture(block: bytes) -> Picture | None:
    """The picture of a WM/Picture value: type, length, MIME and description in UTF-16, bytes."""
    try:
        kind, length = struct.unpack_from("<BI", block)
    except struct.error:
        return None
    mime, rest = _utf16(block[5:])
    _, data = _utf16(rest)
    return picture(kind, mime, data[:length])


def _utf16(data: bytes) -> tuple[str, bytes]:
    """The text up to its terminator, and what follows."""
    for position in range(0, len(data) - 1, 2):
        if data[position : position + 2] == b"\0\0":
            return data[:position].decode("utf-16-le", "replace"), data[position + 2 :]
    return "", b""


READERS: dict[str, Reader] = {"asf": _read_asf}
"""By container name."""
