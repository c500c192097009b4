"""Playlists as M3U8 files: their text, and their names."""

import os
import re
from collections.abc import Sequence

from db.similarity.cluster_terms import ListedTrack
from db.sql.path_text import shown, to_bytes, visible

MARK = b"#EXTM3U\n# by musicfleet\n"
"""How a file of ours begins; no other is ever replaced."""
_UNSAFE = re.compile(r'[/\\:*?"<>|]')


def playlist(tracks: Sequence[ListedTrack]) -> bytes:
    """The text of a playlist, with the paths as the files are named."""
    parts = [MARK]
    for track in tracks:
        path = to_bytes(track.path)
        if b"\n" in path or b"\r" in path:  # no line of a playlist can hold it
            continue
        title = " - ".join(filter(None, (track.artist, track.title)))
        title = visible(" ".join((title or os.path.basename(shown(track.path))).split()))
        seconds = -1 if track.duration is None else round(track.duration)
        parts += [f"#EXTINF:{seconds},{title}\n".encode("utf-8", "replace"), path, b"\n"]
    return b"".join(parts)


def file_name(name: str) -> str:
    """A name that any file system takes, and that leads to no other folder."""
    printable = "".join(char if char.isprintable() else " " for char in name)
    safe = " ".join(_UNSAFE.sub(" ", printable).split()).strip(". ")
    return f"{safe.encode()[:120].decode(errors='ignore') or 'cluster'}.m3u8"
