"""Playlists as M3U8 files: their text, and their names."""

import os
import re
from collections.abc import Sequence
from urllib.parse import quote

from db.errors import counted
from db.similarity.cluster_terms import ListedTrack
from db.sql.path_text import shown, to_bytes, visible

MARK = b"#EXTM3U\n# by musicfleet\n"
"""How a file of ours begins; no other is ever replaced."""
_UNSAFE = re.compile(r'[/\\:*?"<>|]')


def playlist(tracks: Sequence[ListedTrack], folder: str | None = None) -> bytes:
    """The text of a playlist, with the paths as the files are named, or as seen from a folder.

    One with a line break is a file: URI, for no line can hold it. Of a track that is a part of a
    file options say where it begins and ends, as VLC has them; other players play the whole file.
    """
    parts = [MARK]
    for track in tracks:
        path = to_bytes(track.path) if folder is None else _relative(track.path, folder)
        if _breaks_lines(track):
            path = f"file://{quote(to_bytes(track.path))}".encode()
        title = " - ".join(filter(None, (track.artist, track.title)))
        title = visible(" ".join((title or os.path.basename(shown(track.path))).split()))
        seconds = -1 if track.duration is None else round(track.duration)
        parts += [f"#EXTINF:{seconds},{title}\n".encode("utf-8", "replace"), _times(track)]
        parts += [path, b"\n"]
    return b"".join(parts)


def _relative(path: str, folder: str) -> bytes:
    """The path from a folder on; one that would be read as a remark or a URI begins with ./."""
    found = os.path.relpath(to_bytes(path), to_bytes(folder))
    return found if _PLAIN_BEGIN.match(found) else b"./" + found


_PLAIN_BEGIN = re.compile(rb"(?![#\s]|\w[\w+.-]*:)")


def _times(track: ListedTrack) -> bytes:
    """The options of VLC that play a part of a file."""
    if track.start is None:
        return b""
    lines = f"#EXTVLCOPT:start-time={track.start:.3f}\n"
    if track.duration is not None:
        lines += f"#EXTVLCOPT:stop-time={track.start + track.duration:.3f}\n"
    return lines.encode()


def remark(tracks: Sequence[ListedTrack]) -> str:
    """What people are to know of a playlist of these tracks; "" for nothing."""
    said = []
    if count := sum(track.start is not None for track in tracks):
        said.append(
            f"{counted(count, 'track is a part', 'tracks are parts')} of a file: VLC plays "
            "just the part, and most other players the whole file"
        )
    if count := sum(map(_breaks_lines, tracks)):
        said.append(
            f"{counted(count, 'file has', 'files have')} a line break in the name and "
            f"{'is' if count == 1 else 'are'} written as file: URI{'' if count == 1 else 's'} — "
            "rename what has one for players that take none"
        )
    return "; ".join(said)


def _breaks_lines(track: ListedTrack) -> bool:
    return "\n" in track.path or "\r" in track.path


def file_name(name: str) -> str:
    """A name that any file system takes, and that leads to no other folder."""
    printable = "".join(char if char.isprintable() else " " for char in name)
    safe = " ".join(_UNSAFE.sub(" ", printable).split()).strip(". ")
    return f"{safe.encode()[:120].decode(errors='ignore') or 'cluster'}.m3u8"
