"""From a picture in the store to its row in `images` and its thumbnail."""

from collections.abc import Collection, Iterator
from typing import Any

from db.covers import KnownImage
from jobs.covers import store
from jobs.covers.confined import confined
from jobs.covers.faults import Fault
from jobs.metadata.pictures import mime_of

MEMORY = 400 * 1024 * 1024
"""Bytes that decoding one picture may need: about 50 megapixels with transparency."""
SECONDS = 20.0
_SIGNATURE_LENGTH = 32


def examine(digests: Collection[str]) -> Iterator[KnownImage]:
    """Decode stored pictures and store their thumbnails. One that does not decode has a fault.

    Raises StoreError when a thumbnail cannot be written.
    """
    ordered = sorted(digests)
    outcomes = confined(_look_at, ordered, extra_memory=MEMORY, seconds=SECONDS)
    for digest, outcome in zip(ordered, outcomes, strict=True):
        width, height, fault = None, None, None
        if isinstance(outcome, Fault):
            fault = str(outcome)
        else:
            width, height, fault = outcome["width"], outcome["height"], outcome["fault"]
        path = store.original(digest)
        with path.open("rb") as file:
            mime = mime_of(file.read(_SIGNATURE_LENGTH), "")
        yield KnownImage(digest, mime, width, height, path.stat().st_size, fault)


def _look_at(digest: str) -> dict[str, Any]:
    from jobs.covers import thumbnails  # noqa: PLC0415  # Pillow is loaded in the child alone

    decoded = thumbnails.decode(store.original(digest))
    if isinstance(decoded, Fault):
        return {"width": None, "height": None, "fault": str(decoded)}
    store.put_thumbnail(digest, decoded.thumbnail)
    return {"width": decoded.width, "height": decoded.height, "fault": None}
