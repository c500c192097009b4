"""ID3v1 tags as fields: 128 bytes at the end of a file. Source: https://id3.org/ID3v1."""

from jobs.metadata.contents import RawTags
from jobs.metadata.genres import GENRES

SIZE = 128
"""Bytes of a tag."""


def tags_of(tail: bytes) -> RawTags | None:
    """The fields of an ID3v1 tag that ends with `tail`; None when it holds no tag."""
    block = tail[-SIZE:]
    if len(block) < SIZE or block[:3] != b"TAG":
        return None
    track = block[126] if block[125] == 0 else 0
    values = {
        "title": _fixed(block[3:33]),
        "artists": _fixed(block[33:63]),
        "album": _fixed(block[63:93]),
        "date": _fixed(block[93:97]),
        "track": str(track or ""),
        "genres": GENRES[block[127]] if block[127] < len(GENRES) else "",
    }
    return {field: [value] for field, value in values.items() if value}


def _fixed(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1").strip()
