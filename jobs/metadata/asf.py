"""ASF containers (WMA): attributes as fields.

Sources: Advanced Systems Format specification, https://learn.microsoft.com/windows/win32/wmformat/
attributes (WM/Picture), https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from mutagen.asf import ASF

from jobs.content import Spans
from jobs.metadata.contents import Contents, Picture, Reader, by_folded_name, mapped, picture
from jobs.records import AudioProperties
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


def _read_asf(file: BinaryIO, size: int) -> Contents:
    """The contents of an ASF file."""
    asf = _load(file)
    info = asf.info
    audio = AudioProperties(
        codec=_codec(f"{info.codec_name} {info.codec_type}"),
        container="asf",
        duration=info.length,
        bit_rate=info.bitrate,
        sample_rate=info.sample_rate,
        channels=info.channels,
    )
    texts = [(name, str(value)) for name, value in asf.tags if name != _PICTURE]
    pictures = [_picture(value.value) for name, value in asf.tags if name == _PICTURE]
    tags = mapped(by_folded_name(texts), _ATTRIBUTES)
    return Contents(audio, tags, [p for p in pictures if p], _data_packets(file, size))


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
