"""WAV files, RF64 and BW64 among them: fmt, fact, LIST INFO, bext and ID3 chunks.

Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF, INFO),
https://learn.microsoft.com/windows/win32/api/mmreg (format tags), EBU Tech 3306 (RF64), EBU
Tech 3285 (bext).

Our own because mutagen reads neither INFO and bext nor RF64, nor lengths of compressed or cut off
sound: of the corpus's WAV files it lacks 4 of 17 titles and errs in 7 of 48 durations.
"""

import struct
from typing import BinaryIO

from jobs.errors import UnreadableFileError
from jobs.metadata import id3
from jobs.metadata.chunks import MAX_TEXT, Chunk, chunks, text_of
from jobs.metadata.contents import Contents, Picture, RawTags, filled, mapped
from jobs.records import AudioProperties, ProblemCode

_CODECS = {
    0x0001: "pcm",
    0x0002: "adpcm",
    0x0003: "pcm",
    0x0006: "alaw",
    0x0007: "mulaw",
    0x0011: "adpcm",
    0x0031: "gsm",
    0x0050: "mp2",
    0x0055: "mp3",
    0x00FF: "aac",
    0x0161: "wma",
    0x0162: "wmapro",
    0x0163: "wmalossless",
    0x2000: "ac3",
    0x2001: "dts",
}
_EXTENSIBLE = 0xFFFE
_INFO = {
    "INAM": "title",
    "IART": "artists",
    "IPRD": "album",
    "IAAR": "album_artists",
    "ITRK": "track",
    "IPRT": "track",
    "ICRD": "date",
    "IGNR": "genres",
    "IMUS": "composers",
}
_ID3_NAMES = (b"id3 ", b"ID3 ", b"ID32")
_BEXT_DATE = slice(320, 330)
"""The origination date, YYYY-MM-DD, of a broadcast extension chunk."""
_PCM_CODECS = ("pcm", "alaw", "mulaw")


def read_wave(file: BinaryIO, size: int) -> Contents:
    """The contents of a RIFF, RF64 or BW64 WAVE file.

    Raises UnreadableFileError when there is no format to play it by.
    """
    found: dict[bytes, Chunk] = {}
    tags: RawTags = {}
    info: RawTags = {}
    broadcast: RawTags = {}
    pictures: list[Picture] = []
    for chunk in chunks(file, 12, size, "little", true_sizes=_long_sizes(file)):
        found.setdefault(chunk.name, chunk)
        if chunk.name in _ID3_NAMES:
            tags, pictures, _ = id3.tags_at(file, chunk.start)
        elif chunk.name == b"LIST":
            filled(info, _info(file, chunk))
        elif chunk.name == b"bext":
            origination = chunk.content(file, _BEXT_DATE.stop)[_BEXT_DATE]
            broadcast = {"date": [text_of(origination)]}
    return Contents(_properties(file, size, found), filled(tags, info, broadcast), pictures)


def _long_sizes(file: BinaryIO) -> dict[bytes, int]:
    """Of RF64 and BW64, which write 0xFFFFFFFF at the data chunk: its size, from the ds64 chunk."""
    file.seek(0)
    head = file.read(36)
    if head[12:16] != b"ds64" or len(head) < 36:
        return {}
    return {b"data": int.from_bytes(head[28:36], "little")}


def _info(file: BinaryIO, chunk: Chunk) -> RawTags:
    """The fields of a LIST chunk, if it is one of type INFO."""
    if chunk.content(file, 4) != b"INFO":
        return {}
    values: dict[str, list[str]] = {}
    for entry in chunks(file, chunk.start + 4, chunk.start + chunk.size, "little"):
        name = entry.name.decode("latin-1").upper()
        values.setdefault(name, []).append(text_of(entry.content(file, MAX_TEXT)))
    return mapped(values, _INFO)


def _properties(file: BinaryIO, size: int, found: dict[bytes, Chunk]) -> AudioProperties:
    form = found[b"fmt "].content(file, 40) if b"fmt " in found else b""
    if len(form) < 16:
        raise UnreadableFileError(ProblemCode.DAMAGED, "the WAV file has no whole fmt chunk")
    tag, channels, rate, byte_rate, block, bits = struct.unpack("<HHIIHH", form[:16])
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = int.from_bytes(form[24:26], "little")
    codec = _CODECS.get(tag, "unknown")
    sound = _sound_size(size, found)
    if codec in _PCM_CODECS:
        duration = sound / (block * rate) if block * rate else None
        bit_rate = block * rate * 8
    else:
        duration = _compressed_duration(file, found, sound, rate, byte_rate)
        bit_rate = round(sound * 8 / duration) if duration else byte_rate * 8
    return AudioProperties(
        codec=codec,
        container="wav",
        duration=duration,
        bit_rate=bit_rate,
        sample_rate=rate,
        bit_depth=bits if codec == "pcm" else None,
        channels=channels,
    )


def _sound_size(size: int, found: dict[bytes, Chunk]) -> int:
    """Bytes of sound. A recorder that was cut off left a size of 0: all that follows is sound."""
    data = found.get(b"data")
    if data is None:
        return 0
    return data.size if data.written_size else size - data.start


def _compressed_duration(
    file: BinaryIO, found: dict[bytes, Chunk], sound: int, rate: int, byte_rate: int
) -> float | None:
    """By the count of samples in the fact chunk; without one by the average bytes a second."""
    fact = found[b"fact"].content(file, 4) if b"fact" in found else b""
    samples = int.from_bytes(fact, "little")
    if samples and rate:
        return samples / rate
    return sound / byte_rate if byte_rate else None
