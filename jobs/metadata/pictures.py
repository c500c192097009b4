"""Embedded pictures: what they are by their bytes, and how FLAC and ID3 write them."""

from jobs.metadata.contents import Picture

FRONT_COVER = 3
BACK_COVER = 4
OTHER = 0
_LAST_TYPE = 20
"""Of ID3v2; FLAC has the same."""

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
_LINK = "-->"


def picture(kind: int, declared: str, data: bytes) -> Picture | None:
    """The picture of these bytes; None when there are none, or just a link to one."""
    if not data or declared == _LINK:
        return None
    return Picture(kind if 0 <= kind <= _LAST_TYPE else OTHER, mime_of(data, declared), data)


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
