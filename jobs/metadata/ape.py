"""APEv2 tags as fields.

Source: https://wiki.hydrogenaud.io/index.php?title=APEv2_specification.

Our own because mutagen's APEv2 gives up the whole tag for one text that is not UTF-8 or one odd
key, and does not tell where the tag begins: the corpus's track numbers, genres and dates fall from
100 % to 99.4, 99.3 and 99.5 %.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from jobs.metadata.contents import Picture, RawTags, by_folded_name, mapped
from jobs.metadata.names import FREE_NAMES
from jobs.metadata.pictures import BACK_COVER, FRONT_COVER, OTHER, picture

_PREAMBLE = b"APETAGEX"
_FOOTER = 32
_HAS_HEADER = 1 << 31
_KIND, _TEXT, _BINARY = 0b110, 0b000, 0b010
_COVER_ART = "cover art"
_COVERS = {"cover art (front)": FRONT_COVER, "cover art (back)": BACK_COVER}


def tag_before(file: BinaryIO, end: int) -> tuple[RawTags, list[Picture], int]:
    """Fields and pictures of the tag that ends at `end`, and where it begins.

    Without a tag that is `end`. What is damaged in a tag ends it: the items before it count.
    """
    footer = _bytes_before(file, end, _FOOTER)
    if not footer.startswith(_PREAMBLE):
        return {}, [], end
    size, count, flags = struct.unpack("<III", footer[12:24])
    start = end - size
    if size < _FOOTER or start < 0:
        return {}, [], end - _FOOTER
    file.seek(start)
    items = list(_items(file.read(size - _FOOTER), count))
    texts = [
        (key, text)
        for key, kind, value in items
        if kind == _TEXT
        for text in _decoded(value).split("\0")
    ]
    pictures = [
        picture(_COVERS.get(key.lower(), OTHER), "", value.partition(b"\0")[2])
        for key, kind, value in items
        if kind == _BINARY and key.lower().startswith(_COVER_ART)
    ]
    start -= _FOOTER if flags & _HAS_HEADER else 0
    return mapped(by_folded_name(texts), FREE_NAMES), [p for p in pictures if p], start


def _items(data: bytes, count: int) -> Iterator[tuple[str, int, bytes]]:
    """Key, kind and value of each item, as far as the data reach."""
    position = 0
    for _ in range(count):
        if position + 8 > len(data):
            return
        size, flags = struct.unpack_from("<II", data, position)
        key_end = data.find(b"\0", position + 8)
        if key_end < 0 or key_end + 1 + size > len(data):
            return
        key = data[position + 8 : key_end].decode("latin-1")
        position = key_end + 1 + size
        yield key, flags & _KIND, data[key_end + 1 : position]


def _decoded(value: bytes) -> str:
    """UTF-8 by the specification; what old taggers wrote otherwise, byte for byte."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _bytes_before(file: BinaryIO, end: int, count: int) -> bytes:
    if end < count:
        return b""
    file.seek(end - count)
    return file.read(count)
