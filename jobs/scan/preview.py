"""What a scan would find, without changing anything."""

import os
from typing import Any

from db import settings, tracks
from db.paths import to_bytes
from jobs.scan import comparing
from jobs.scan.comparing import Seen
from jobs.scan.walking import Walk


def preview(root: str, *, deep: bool) -> dict[str, Any]:
    """Walk a root, and count what a scan would read, move and mark missing."""
    known, seen, to_read = comparing.load_known(root), Seen(), []
    walk = Walk(to_bytes(root), os.fsencode(settings.data_dir()))
    for group in walk.groups():
        to_read += comparing.files_to_read(group, known, seen, deep=deep)
    gone = comparing.vanished(known, seen, walk.unreadable) if seen.audio else []
    candidates = {track.id: track for track in (*gone, *tracks.missing_files())}
    held_back, moved = comparing.recognise_moved(seen.held_back, candidates.values())
    return {
        "root": root,
        "counts": {
            "found": len(seen.audio),
            "new": sum(file.track_id is None for file in (*to_read, *held_back)),
            "changed": sum(file.track_id is not None for file in to_read),
            "moved": len(moved),
            "missing": sum(track.id not in moved for track in gone),
            "unchanged": seen.unchanged,
        },
    }
