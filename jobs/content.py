"""What bytes say: the identities by which a file is known again, and the kind of a picture.

One identity is of all bytes, which a moved file keeps. The other is of the sound alone, which one
keeps that was moved and retagged at once.
"""

import os
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import BinaryIO

from db.files import opened

_WINDOW = 64 * 1024
_DIGEST_BYTES = 16


def content_id(file: BinaryIO, size: int) -> str:
    """A digest (32 hex digits) of the size and of the first, middle and last 64 KiB.

    Files up to three windows long are read whole. `file` is left wherever reading ended. Raises
    OSError when it cannot be read.
    """
    digest = blake2b(size.to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    if size <= 3 * _WINDOW:
        file.seek(0)
        digest.update(file.read(3 * _WINDOW))
    else:
        for start in (0, (size - _WINDOW) // 2, size - _WINDOW):
            file.seek(start)
            digest.update(file.read(_WINDOW))
    return digest.hexdigest()


def content_id_of(path: bytes) -> str:
    """The `content_id` of the file at `path`. Raises OSError when it cannot be read."""
    with open(opened(path), "rb", buffering=0) as file:
        return content_id(file, os.fstat(file.fileno()).st_size)


_PART = "#"


def of_part(identity: str, start: float, duration: float | None) -> str:
    """The identity of a part of a file, given the file's: with the seconds that it is."""
    return f"{identity}{_PART}{start:.3f}+{duration or 0:.3f}"


def of_whole_file(identity: str) -> str:
    """The identity of the file, given that of a part of it, or its own."""
    return identity.partition(_PART)[0]


Spans = Sequence[tuple[int, int]]
"""The parts of a file that are its sound, without tags: where each begins and ends."""

_SOUND_WINDOW = 8 * 1024
_PAGES_WINDOW = 32 * 1024
"""Of Ogg: most pages are smaller."""
_PAGE = re.compile(rb"(OggS.{14}).{8}", re.DOTALL)
"""The header of a page up to its number and checksum, which follow from what stands before it."""
_PAGE_HEADER = 26


def sound_id(file: BinaryIO, spans: Spans, *, paged: bool = False) -> str | None:
    """A digest (32 hex digits) of the length of the sound and of its begin, middle and end.

    Of Ogg, which is `paged`, the headers of pages are left out as far as they change with the tags.
    None where it is not known what is sound. Raises OSError when it cannot be read.
    """
    spans = [(start, end) for start, end in spans if start < end]
    if not spans:
        return None
    window = _PAGES_WINDOW if paged else _SOUND_WINDOW
    length = sum(end - start for start, end in spans)
    digest = blake2b(length.to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    for start, end in _windows(spans, window):
        file.seek(start)
        data = file.read(end - start)
        digest.update(_without_numbers(data) if paged else data)
    return digest.hexdigest()


def _windows(spans: Spans, window: int) -> list[tuple[int, int]]:
    """What is digested of the sound: all of it when it is short."""
    (first, first_end), (last, last_end) = spans[0], spans[-1]
    if len(spans) == 1 and last_end - first <= 3 * window:
        return [(first, last_end)]
    start, end = spans[len(spans) // 2]
    middle = max(start, (start + end - window) // 2)
    return [
        (first, min(first + window, first_end)),
        (middle, min(middle + window, end)),
        (max(last, last_end - window), last_end),
    ]


def _without_numbers(pages: bytes) -> bytes:
    """From the first whole page on, without the pages' numbers and checksums."""
    begin, cut = pages.find(b"OggS"), pages.rfind(b"OggS", 1 - _PAGE_HEADER)
    return _PAGE.sub(rb"\1", pages[max(begin, 0) : cut if cut >= 0 else None])


_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\x01\0", "image/x-icon"),
)
_SHORT_NAMES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}


def mime_of(data: bytes, declared: str) -> str:
    """The MIME type by content; else the declared one; else application/octet-stream."""
    for signature, mime in _SIGNATURES:
        if data.startswith(signature):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "image/avif"
    declared = declared.strip("\0 ").lower()
    declared = _SHORT_NAMES.get(declared, declared)
    plain = declared.isascii() and declared.isprintable() and len(declared) < 100
    return declared if plain and "/" in declared else "application/octet-stream"
