"""What is over: tracks whose files are long gone, and files of the store that no row knows."""

import os
from collections.abc import Sequence
from datetime import timedelta

from db import (
    albums,
    covers,
    facts,
    image_files,
    images,
    ledger,
    missing,
    named,
    scans,
    tracks,
    vectors,
)
from db.connection import transaction
from db.models import EntityType, utc_now
from db.paths import to_bytes
from db.slices import slices
from jobs.insert import heirs
from jobs.maintenance.unused_pictures import GRACE

_AT_ONCE = 200
"""Tracks that one transaction forgets."""


def forget_missing() -> int:
    """Forget tracks that have been missing for FLEET_FORGET_MISSING_DAYS; how many.

    Never by default. Only below roots that are there: what lies on a disk that is not mounted
    stays, however long. Albums, artists and genres that nothing is left of go too. Raises
    SettingError.
    """
    days = missing.forget_after()
    if days is None:
        return 0
    there = [root for root in scans.roots() if _is_there(root)]
    before, forgotten = utc_now() - timedelta(days=days), 0
    while ids := missing.missing_before(before, there):
        for part in slices(ids, _AT_ONCE):
            with transaction():
                _forget(part)
        forgotten += len(ids)
    return forgotten


def delete_unknown_files() -> int:
    """Delete files of the picture store that no row knows and no job relied on; how many.

    Raises OSError.
    """
    deleted = 0
    for shard in sorted(image_files.shards()):
        rows = images.in_shard(shard)
        found = [image_files.original(d) for d in image_files.originals_in(shard) - rows.keys()]
        for size in image_files.SIZES:
            unknown = image_files.thumbnails_in(shard, size) - rows.keys()
            found += [image_files.thumbnail(digest, size) for digest in unknown]
        for path in found:
            if not images.known([path.stem]):  # it may have its row by now
                deleted += image_files.delete_old(path, GRACE.total_seconds())
    return deleted


def _is_there(root: str) -> bool:
    """Whether a root is there and holds anything: an empty one is a mount point."""
    try:
        with os.scandir(to_bytes(root)) as entries:
            return any(entries)
    except OSError:
        return False


def _forget(track_ids: Sequence[int]) -> None:
    """Delete tracks with all that hangs on them. Call it in a transaction."""
    touched = sorted(tracks.albums_of(track_ids))
    used = named.used_by(track_ids, touched)
    chosen = heirs.chosen_members(touched)
    covers.forget(EntityType.TRACK, track_ids)
    ledger.forget(EntityType.TRACK, track_ids)
    vectors.forget(EntityType.TRACK, track_ids)
    facts.forget(EntityType.TRACK, track_ids)
    missing.delete(track_ids)
    heirs.hand_on(chosen)
    gone = albums.drop_empty(touched)
    albums.refresh(sorted(set(touched) - set(gone)))
    named.drop_unused(used)
