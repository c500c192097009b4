"""Thumbnails that are made when somebody asks for them."""

from db import covers
from db.image_files import is_digest
from jobs.covers import store
from jobs.covers.errors import NoThumbnailError
from jobs.covers.examining import make_thumbnail


def make_requested(digest: str, size: int) -> None:
    """Make the thumbnail of a picture in one of the fixed sizes, unless it is there.

    A picture that is known to be undecodable has none, which is no error. Raises NoThumbnailError
    and StoreError.
    """
    if size not in store.SIZES:
        sizes = ", ".join(map(str, store.SIZES))
        raise NoThumbnailError(f"there are no thumbnails of {size!r} pixels — ask for {sizes}")
    image = covers.images([digest]).get(digest) if is_digest(digest) else None
    if image is None:
        raise NoThumbnailError(
            f"there is no picture {digest!r} — ask for one whose digest is in the table images"
        )
    if image.fault is not None or store.thumbnail(digest, size).exists():
        return
    if not store.original(digest).exists():
        raise NoThumbnailError(
            f"the picture {digest} is lost — run `fleet doctor --fix`, which restores it"
        )
    fault = make_thumbnail(digest, size)
    if fault is not None:
        raise NoThumbnailError(
            f"the picture {digest} does not decode to {size} pixels: {fault} — if it is damaged "
            "in the store, delete it there and run `fleet doctor --fix`"
        )
