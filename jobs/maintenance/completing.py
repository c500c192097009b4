"""Pictures that came in before placeholders were made: what they lack, a few at a time."""

from db import covers, images
from db.connection import transaction
from db.slices import slices
from jobs.covers import store
from jobs.covers.examining import examine

MOST = 500
"""Pictures that one turn looks at: some ten seconds of work."""
_AT_ONCE = 50


def complete() -> int:
    """Look again at some pictures without placeholder; how many are complete now.

    A picture that is not in the store is left to `fleet doctor`. One that fails to decode this time
    keeps what is known of it, for something shows it. Raises StoreError.
    """
    completed = 0
    for part in slices(images.incomplete(MOST), _AT_ONCE):
        there = [digest for digest in part if store.holds(store.original(digest))]
        found = [image for image in examine(there) if image.fault is None]
        with transaction():
            covers.record_images(found)
        completed += len(found)
    return completed
