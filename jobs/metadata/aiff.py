"""AIFF and AIFF-C files: COMM, text and ID3 chunks.

Source: Audio Interchange File Format 1.3 and AIFF-C draft (Apple, 1989 and 1991).

Our own because mutagen reads no text chunks and tells no codec: of the corpus's AIFF files it lacks
3 of 14 titles and 2 of 10 artists.
"""

import math
import struct
from typing import BinaryIO

from jobs.errors import UnreadableFileError
from jobs.metadata import id3
from jobs.metadata.chunks import MAX_TEXT, Chunk, chunks, text_of
from jobs.metadata.contents import Contents, Picture, RawTags, filled
from jobs.records import AudioProperties, ProblemCode

_CODECS = {
    b"NONE": "pcm",
    b"twos": "pcm",
    b"sowt": "pcm",
    b"raw ": "pcm",
    b"in24": "pcm",
    b"in32": "pcm",
    b"fl32": "pcm",
    b"FL32": "pcm",
    b"fl64": "pcm",
    b"FL64": "pcm",
    b"alaw": "alaw",
    b"ALAW": "alaw",
    b"ulaw": "mulaw",
    b"ULAW": "mulaw",
    b"ima4": "adpcm",
    b"GSM ": "gsm",
    b"agsm": "gsm",
    b"MAC3": "mace",
    b"MAC6": "mace",
    b"QDM2": "qdm2",
}
_TEXTS = {b"NAME": "title", b"AUTH": "artists"}
_ID3_NAMES = (b"ID3 ", b"id3 ")
_IMA4_PACKET = 64
"""Samples that a COMM chunk counts as one frame."""


def read_aiff(file: BinaryIO, size: int) -> Contents:
    """The contents of an AIFF or AIFF-C file. Raises UnreadableFileError without a COMM chunk."""
    found: dict[bytes, Chunk] = {}
    texts: RawTags = {}
    tags: RawTags = {}
    pictures: list[Picture] = []
    for chunk in chunks(file, 12, size, "big"):
        found.setdefault(chunk.name, chunk)
        if chunk.name in _ID3_NAMES:
            tags, pictures, _ = id3.tags_at(file, chunk.start)
        elif chunk.name in _TEXTS:
            text = text_of(chunk.content(file, MAX_TEXT))
            texts.setdefault(_TEXTS[chunk.name], []).append(text)
    return Contents(_properties(file, found), filled(tags, texts), pictures)


def _properties(file: BinaryIO, found: dict[bytes, Chunk]) -> AudioProperties:
    common = found[b"COMM"].content(file, 22) if b"COMM" in found else b""
    if len(common) < 18:
        raise UnreadableFileError(ProblemCode.DAMAGED, "the AIFF file has no whole COMM chunk")
    channels, frames, bits = struct.unpack(">hLh", common[:8])
    rate = _extended_float(common[8:18])
    codec = _CODECS.get(common[18:22] or b"NONE", "unknown")
    if common[18:22] == b"ima4":
        frames *= _IMA4_PACKET
    duration = frames / rate if rate else None
    sound = found[b"SSND"].size - 8 if b"SSND" in found else 0
    return AudioProperties(
        codec=codec,
        container="aiff",
        duration=duration,
        bit_rate=round(sound * 8 / duration) if duration else None,
        sample_rate=round(rate),
        bit_depth=bits if codec == "pcm" else None,
        channels=channels,
    )


def _extended_float(data: bytes) -> float:
    """The value of an 80 bit float; 0 for what is no sample rate."""
    exponent, mantissa = struct.unpack(">hQ", data)
    if not 16383 <= exponent < 16383 + 31:
        return 0.0
    return math.ldexp(mantissa, exponent - 16383 - 63)
