"""Pictures that nothing points to any more: their rows and files, after a time of grace."""

from datetime import timedelta

from db import image_files, unused_images
from db.models import utc_now

GRACE = timedelta(days=30)
"""How long nothing must have pointed to a picture, nor any job have relied on its file."""


def remove_unused() -> int:
    """Forget the pictures whose grace is over and delete their files; how many.

    Rows go first: what is left when this ends half way is files without row, which `fleet doctor`
    finds. Nothing is done while the store is not there, for instance not mounted. Raises OSError.
    """
    unused_images.mark(utc_now())
    if not image_files.originals_dir().is_dir():
        return 0
    seconds = GRACE.total_seconds()
    due = [
        digest
        for digest in unused_images.unused_before(utc_now() - GRACE)
        if not image_files.is_young(image_files.original(digest), seconds)
    ]
    forgotten = unused_images.forget(due)
    for digest in forgotten:
        for size in image_files.SIZES:
            image_files.delete_old(image_files.thumbnail(digest, size))
        image_files.delete_old(image_files.original(digest), seconds)
    return len(forgotten)
