"""From a picture in the store to its row in `images` and its thumbnails."""

import os
from collections.abc import Collection, Iterator
from typing import Any

from db.covers import KnownImage
from db.image_files import THUMBNAIL_SIZE
from jobs.covers import store
from jobs.covers.confined import confined
from jobs.covers.faults import Fault
from jobs.metadata.pictures import mime_of

MEMORY = 400 * 1024 * 1024
"""Bytes that decoding one picture may need: about 50 megapixels with transparency."""
SECONDS = 20.0
_SIGNATURE_LENGTH = 32
_STANDARD_ERROR = 2


def examine(digests: Collection[str]) -> Iterator[KnownImage]:
    """Decode stored pictures and store their thumbnails. One that does not decode has a fault.

    Raises StoreError when a thumbnail cannot be written.
    """
    ordered = sorted(digests)
    work = [(digest, THUMBNAIL_SIZE) for digest in ordered]
    outcomes = confined(_look_at, work, extra_memory=MEMORY, seconds=SECONDS)
    for digest, outcome in zip(ordered, outcomes, strict=True):
        found: dict[str, Any] = {"fault": str(outcome)} if isinstance(outcome, Fault) else outcome
        path = store.original(digest)
        with path.open("rb") as file:
            mime = mime_of(file.read(_SIGNATURE_LENGTH), "")
        yield KnownImage(
            digest=digest,
            mime=mime,
            width=found.get("width"),
            height=found.get("height"),
            bytes=path.stat().st_size,
            fault=found["fault"],
            animated=found.get("animated", False),
            colour=found.get("colour"),
            placeholder=found.get("placeholder"),
        )


def make_thumbnail(digest: str, size: int) -> Fault | None:
    """Make and store the thumbnail of a stored picture in one of the sizes, or tell why not.

    Raises StoreError when it cannot be written.
    """
    outcomes = confined(_look_at, [(digest, size)], extra_memory=MEMORY, seconds=SECONDS)
    (outcome,) = outcomes
    if isinstance(outcome, Fault):
        return outcome
    return Fault.from_text(outcome["fault"]) if outcome["fault"] else None


def _look_at(work: tuple[str, int]) -> dict[str, Any]:
    """Decode a picture and store its thumbnail in a size. Runs in the child."""
    from jobs.covers import thumbnails  # noqa: PLC0415  # Pillow is loaded in the child alone

    digest, size = work
    _silence()
    decoded = thumbnails.decode(store.original(digest), size)
    if isinstance(decoded, Fault):
        return {"fault": str(decoded)}
    store.put_thumbnail(digest, decoded.thumbnail, size)
    return {
        "fault": None,
        "width": decoded.width,
        "height": decoded.height,
        "animated": decoded.animated,
        "colour": decoded.placeholder.colour,
        "placeholder": decoded.placeholder.hash,
    }


def _silence() -> None:
    """Let nothing more of this process reach the log: libtiff remarks on every odd tag there."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STANDARD_ERROR)
    os.close(nowhere)
