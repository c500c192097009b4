"""What bytes say: the identity by which a moved file is known again, and the kind of a picture."""

import os
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
