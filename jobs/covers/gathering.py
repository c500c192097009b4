"""Having pictures at hand: in the store, decoded, with a thumbnail, or a reason why not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from db import covers
from db.covers import KnownImage
from jobs.covers import store
from jobs.covers.embedded import fetch
from jobs.covers.examining import examine
from jobs.covers.faults import Fault
from jobs.records import ProblemCode


@dataclass(frozen=True)
class Gathered:
    """What is known of pictures that were asked for."""

    images: Mapping[str, KnownImage]
    """By digest: those that are in the store."""
    fresh: Collection[KnownImage]
    """Those of them whose rows are to be written, see `db.covers.record_images`."""
    faults: Mapping[str, Fault]
    """Why the others are not in the store."""

    def fault(self, digest: str) -> Fault | None:
        """Why this picture can be no cover; None when it can."""
        if digest in self.faults:
            return self.faults[digest]
        image = self.images[digest]
        if image.fault is not None:
            return Fault.from_text(image.fault)
        width, height = image.width or 0, image.height or 0
        if min(width, height) <= 1:
            return Fault(ProblemCode.BAD_PICTURE, f"{width} x {height} pixels are no picture")
        return None

    def unavailable(self, digest: str) -> bool:
        """Whether the picture may well be good and just could not be had this time."""
        fault = self.faults.get(digest)
        return fault is not None and fault.code is not ProblemCode.PICTURE_TOO_LARGE


def gather(sizes: Mapping[str, int], *, look_again: bool = False) -> Gathered:
    """Have these pictures (bytes by digest) at hand, whatever of that is still to be done.

    Each of the three jobs calls it, so none depends on another having run. With `look_again` those
    that did not decode before are tried once more. Raises StoreError.
    """
    known = {
        digest: image
        for digest, image in covers.images(sizes).items()
        if _is_stored(image) and not (look_again and image.fault)
    }
    too_large = {
        digest: Fault(
            ProblemCode.PICTURE_TOO_LARGE,
            f"{size:,} bytes, more than {store.MAX_PICTURE_BYTES:,}",
        )
        for digest, size in sizes.items()
        if size > store.MAX_PICTURE_BYTES
    }
    unknown = set(sizes) - set(known) - set(too_large)
    faults = fetch({digest for digest in unknown if not store.holds(store.original(digest))})
    fresh = {image.digest: image for image in examine(unknown - set(faults))}
    return Gathered({**known, **fresh}, fresh.values(), {**too_large, **faults})


def _is_stored(image: KnownImage) -> bool:
    """Whether the store has the files that the row speaks of."""
    if not store.holds(store.original(image.digest)):
        return False
    return image.fault is not None or store.holds(store.thumbnail(image.digest))
