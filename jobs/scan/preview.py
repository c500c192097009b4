"""What a scan would find, without changing anything."""

import os
from typing import Any

from db import settings, tracks
from db.paths import to_bytes
from jobs.scan import comparing
from jobs.scan.walking import Walk


def preview(root: str, *, deep: bool) -> dict[str, Any]:
    """Walk a root, and count what a scan would read, move and mark missing."""
    comparison, to_read = comparing.compare(root, deep=deep), []
    walk = Walk(to_bytes(root), os.fsencode(settings.data_dir()))
    for group in walk.groups():
        to_read += comparing.files_to_read(group, comparison)
    gone = comparing.vanished(comparison, walk.unreadable) if comparison.found else []
    moved = comparing.recognise_moved(comparison.held_back, tracks.gone_files(gone))
    changed = sum(file.track_id is not None for file in to_read)
    return {
        "root": root,
        "counts": {
            "found": comparison.found,
            "new": len(to_read) - changed + len(comparison.held_back) - len(moved),
            "changed": changed,
            "moved": len(moved),
            "missing": len(set(gone) - {track.id for track in moved.values()}),
            "unchanged": comparison.unchanged,
        },
    }
