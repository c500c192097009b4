"""Pictures of the store: what is known of them, and decoding in a bounded child.

Faults of a picture, and errors of the store, come out of the child.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from db.artwork import images
from db.artwork.image_files import THUMBNAIL_SIZE, is_digest
from db.artwork.images import KnownImage
from db.ledger import Cause, Obstacle
from jobs.bounded import FailureKind, ItemFailure, run_bounded
from jobs.content import mime_of
from jobs.errors import HeldUpError
from jobs.pictures import store
from jobs.pictures.errors import Fault, NoThumbnailError, StoreError, StoreFullError
from jobs.records import ProblemCode

Item = TypeVar("Item")

_CODES = {
    FailureKind.MEMORY: ProblemCode.TOO_MUCH_MEMORY,
    FailureKind.TIME: ProblemCode.TOO_SLOW,
    FailureKind.CRASH: ProblemCode.CRASHED,
    FailureKind.ERROR: ProblemCode.BAD_PICTURE,
}
_STORE_ERRORS = {error.__name__: error for error in (StoreError, StoreFullError)}


def confined(
    function: Callable[[Item], Any], items: Sequence[Item], *, extra_memory: int, seconds: float
) -> Iterator[Any | Fault]:
    """What `function` (a JSON value) makes of each item, in order, or the fault of the item.

    The limits are those of `jobs.bounded.run_bounded`. A StoreError that the function raises, or
    what the surroundings are in the way of, is no fault of an item: it is raised here, the latter
    as HeldUpError.
    """
    work = partial(_carrying_store_errors, function)
    for outcome in run_bounded(work, items, extra_memory=extra_memory, seconds=seconds):
        if isinstance(outcome, ItemFailure) and outcome.obstacle is not None:
            raise HeldUpError(outcome.obstacle, outcome.message)
        if isinstance(outcome, ItemFailure):
            yield Fault(_CODES[outcome.kind], outcome.message)
        elif "store_error" in outcome.json:
            error = _STORE_ERRORS[outcome.json["store_error"]](outcome.json["message"])
            cause, place = outcome.json["obstacle"]
            error.obstacle = Obstacle(Cause(cause), place)
            raise error
        else:
            yield outcome.json["value"]


def _carrying_store_errors(function: Callable[[Item], Any], item: Item) -> dict[str, Any]:
    try:
        return {"value": function(item)}
    except StoreError as error:
        name = type(error).__name__
        return {"store_error": name, "message": str(error), "obstacle": error.obstacle}


@dataclass(frozen=True)
class Gathered:
    """What is known of the requested pictures."""

    images: Mapping[str, KnownImage]
    """By digest: those that are in the store."""
    fresh: Collection[KnownImage]
    """Those of them whose rows are to be written, see `db.artwork.images.record`."""
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


def at_hand(sizes: Mapping[str, int], *, look_again: bool = False) -> Gathered:
    """What is known of these pictures (bytes by digest) without anything being done for it.

    That is what the store has and a row speaks of, and what is too large for the store. With
    `look_again` those that did not decode before count as unknown. Raises StoreError.
    """
    known = {
        digest: image
        for digest, image in images.known_images(sizes).items()
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
    return Gathered(known, (), too_large)


def decode_unknown(sizes: Mapping[str, int]) -> list[KnownImage]:
    """Decode those of these pictures (bytes by digest) that the store has and no row speaks of.

    Raises StoreError, and HeldUpError for what the surroundings are in the way of.
    """
    known = at_hand(sizes)
    unknown = sizes.keys() - known.images.keys() - known.faults.keys()
    return list(decode_images([each for each in unknown if store.holds(store.original(each))]))


def _is_stored(image: KnownImage) -> bool:
    """Whether the store has the files that the row speaks of."""
    if not store.holds(store.original(image.digest)):
        return False
    return image.fault is not None or store.holds(store.thumbnail(image.digest))


MEMORY = 400 * 1024 * 1024
"""Bytes that decoding one picture may need: about 50 megapixels with transparency."""
SECONDS = 20.0
_SIGNATURE_LENGTH = 32
_STANDARD_ERROR = 2


def decode_images(digests: Collection[str]) -> Iterator[KnownImage]:
    """Decode stored pictures and store their thumbnails. One that does not decode has a fault.

    Raises StoreError when a thumbnail cannot be written.
    """
    ordered = sorted(digests)
    for digest in ordered:
        store.bring(store.original(digest))
    outcomes = _decoded(ordered, later=len(ordered) > 1)
    lost = [digest for digest, found in outcomes.items() if _is_lost(digest, found)]
    outcomes |= _decoded(lost, later=False)
    for digest, found in outcomes.items():
        with store.original(digest).open("rb") as file:
            mime = mime_of(file.read(_SIGNATURE_LENGTH), "")
            size = os.fstat(file.fileno()).st_size
        store.send(store.original(digest))
        if found["fault"] is None:
            store.send(store.thumbnail(digest))
        yield KnownImage(
            digest=digest,
            mime=mime,
            width=found.get("width"),
            height=found.get("height"),
            bytes=size,
            fault=found["fault"],
            animated=found.get("animated", False),
            colour=found.get("colour"),
            placeholder=found.get("placeholder"),
        )


def _decoded(digests: Sequence[str], *, later: bool) -> dict[str, dict[str, Any]]:
    """What became of each, as `_decode_one` says; with `later` thumbnails are stored together."""
    work: list[_Work | None] = [_Work(digest, THUMBNAIL_SIZE, later) for digest in digests]
    if later:
        work.append(None)
    outcomes = list(confined(_decode_one, work, extra_memory=MEMORY, seconds=SECONDS))
    return {
        digest: {"fault": str(outcome)} if isinstance(outcome, Fault) else outcome
        for digest, outcome in zip(digests, outcomes, strict=False)
    }


def _is_lost(digest: str, found: Mapping[str, Any]) -> bool:
    """Whether the process ended that had made the thumbnail, before it was in the store."""
    return found["fault"] is None and not store.holds(store.thumbnail(digest))


class _Work(NamedTuple):
    """A picture to decode, and the size of its thumbnail."""

    digest: str
    size: int
    later: bool


def make_thumbnail(digest: str, size: int) -> Fault | None:
    """Make and store the thumbnail of a stored picture in one of the sizes, or say why not.

    Raises StoreError when it cannot be written.
    """
    store.bring(store.original(digest))
    work = [_Work(digest, size, later=False)]
    (outcome,) = confined(_decode_one, work, extra_memory=MEMORY, seconds=SECONDS)
    if isinstance(outcome, Fault):
        return outcome
    if outcome["fault"]:
        return Fault.from_text(outcome["fault"])
    store.send(store.thumbnail(digest, size))
    return None


def _decode_one(work: _Work | None) -> dict[str, Any]:
    """Decode a picture and store its thumbnail in a size. Runs in the child.

    None comes last, and finishes the storing of all.
    """
    from jobs.pictures import thumbnails  # noqa: PLC0415  # Pillow is loaded in the child alone

    if work is None:
        store.finish()
        return {}
    digest, size, later = work
    with _silent_stderr():
        decoded = thumbnails.decode(store.original(digest), size)
    if isinstance(decoded, Fault):
        return {"fault": str(decoded)}
    store.put_thumbnail(digest, decoded.thumbnail, size, later=later)
    return {
        "fault": None,
        "width": decoded.width,
        "height": decoded.height,
        "animated": decoded.animated,
        "colour": decoded.placeholder.colour,
        "placeholder": decoded.placeholder.hash,
    }


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Let nothing reach the log meanwhile: libtiff remarks on every odd tag there."""
    kept = os.dup(_STANDARD_ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STANDARD_ERROR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)


def make_requested(digest: str, size: int) -> None:
    """Make the thumbnail of a picture in one of the fixed sizes, unless it is there.

    A picture that is known to be undecodable has none, which is no error. Raises NoThumbnailError
    and StoreError.
    """
    if size not in store.SIZES:
        sizes = ", ".join(map(str, store.SIZES))
        raise NoThumbnailError(f"there are no thumbnails of {size!r} pixels — ask for {sizes}")
    image = images.known_images([digest]).get(digest) if is_digest(digest) else None
    if image is None:
        raise NoThumbnailError(
            f"there is no picture {digest!r} — ask for one whose digest is in the table images"
        )
    if image.fault is not None or store.holds(store.thumbnail(digest, size)):
        return
    if not store.holds(store.original(digest)):
        raise NoThumbnailError(
            f"the picture {digest} is lost — run `fleet doctor --fix`, which restores it"
        )
    fault = make_thumbnail(digest, size)
    if fault is not None:
        raise NoThumbnailError(
            f"the picture {digest} does not decode to {size} pixels: {fault} — if it is damaged "
            "in the store, delete it there and run `fleet doctor --fix`"
        )
