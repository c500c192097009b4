"""Vorbis comments, in FLAC and Ogg, as fields.

Sources: https://xiph.org/vorbis/doc/v-comment.html, https://wiki.xiph.org/VorbisComment,
RFC 7845 section 5.2.1 (R128 gains), RFC 9639 section 8.8 (pictures).
"""

import base64
import binascii
import struct
from collections.abc import Iterable, Iterator

from jobs.metadata.contents import Picture, RawTags, by_folded_name, filled, mapped
from jobs.metadata.names import FREE_NAMES
from jobs.metadata.pictures import FRONT_COVER, picture
from jobs.metadata.text import number

_PICTURE_BLOCK = "metadatablockpicture"
_LEGACY_PICTURE = "coverart"
_R128 = {
    "r128trackgain": "replaygain_track_gain",
    "r128albumgain": "replaygain_album_gain",
}
_R128_TO_REPLAYGAIN = 5.0
"""dB between the reference levels: -23 LUFS of R128, -18 LUFS of ReplayGain 2.0."""


def fields_and_pictures(comments: Iterable[tuple[str, str]]) -> tuple[RawTags, list[Picture]]:
    """The fields and pictures of comments given as (name, value) in file order."""
    values = by_folded_name(comments)
    pictures = [
        *filter(None, map(_picture_block, _decoded(values.pop(_PICTURE_BLOCK, [])))),
        *filter(None, map(_legacy_picture, _decoded(values.pop(_LEGACY_PICTURE, [])))),
    ]
    return filled(mapped(values, FREE_NAMES), _r128_gains(values)), pictures


def _r128_gains(values: dict[str, list[str]]) -> RawTags:
    """Opus gains, written as 1/256 dB towards -23 LUFS, as ReplayGain in dB."""
    gains: RawTags = {}
    for name, field in _R128.items():
        written = number(values[name][0]) if name in values else None
        if written is not None and abs(written) <= 2**15:
            gains[field] = [f"{written / 256 + _R128_TO_REPLAYGAIN:.6f}"]
    return gains


def _decoded(values: list[str]) -> Iterator[bytes]:
    for value in values:
        try:
            yield base64.b64decode(value)
        except (binascii.Error, ValueError):
            continue


def _picture_block(block: bytes) -> Picture | None:
    """The picture of a FLAC picture block; None when it is cut."""
    try:
        kind, mime_length = struct.unpack_from(">2I", block)
        mime = block[8 : 8 + mime_length].decode("latin-1")
        (text_length,) = struct.unpack_from(">I", block, 8 + mime_length)
        position = 12 + mime_length + text_length + 16
        (length,) = struct.unpack_from(">I", block, position)
    except struct.error:
        return None
    return picture(kind, mime, block[position + 4 : position + 4 + length])


def _legacy_picture(data: bytes) -> Picture | None:
    """COVERART held the bytes alone, before METADATA_BLOCK_PICTURE; it was the front cover."""
    return picture(FRONT_COVER, "", data)
