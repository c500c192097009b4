"""The least that a scan has to do, and nothing of what makes it safe: what ours is compared with.

    python -m bench.peers.bare_loop MUSIC OUT

Two processes walk from album folder to album folder: tags by mutagen, a digest of each picture,
embedded and beside the music, a thumbnail of 300 pixels of each that is new, and a row a track in
one transaction of SQLite. No entities, no queue, no limits on what a damaged file may cost, nothing
that survives an end in the middle. OUT gets the database and the thumbnails; what was found is
printed as JSON.
"""

import base64
import hashlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from PIL import Image

PROCESSES = 2
_KINDS: dict[str, Any] = {".mp3": MP3, ".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus}
_PICTURES = (".jpg", ".png")
_SIZE, _QUALITY = 300, 80
_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "date": "TDRC",
    "genre": "TCON",
}
_TABLE = f"CREATE TABLE tracks (path UNIQUE, size, mtime, picture, length, {', '.join(_FRAMES)})"

Found = tuple[list[tuple[Any, ...]], set[str]]
"""Rows of tracks, and digests of pictures."""


def main() -> None:
    """Scan, and print what was found."""
    music, out = sys.argv[1:]
    thumbnails = Path(out, "thumbnails")
    thumbnails.mkdir(parents=True)
    database = sqlite3.connect(Path(out, "tracks.db"))
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    database.execute(_TABLE)
    insert = f"INSERT INTO tracks VALUES ({', '.join('?' * (5 + len(_FRAMES)))})"  # noqa: S608  # a constant
    tracks, albums, pictures = 0, set(), set[str]()
    with ProcessPoolExecutor(PROCESSES) as processes:
        folders = processes.map(partial(_folder, thumbnails), _folders(music), chunksize=8)
        for rows, digests in folders:
            database.executemany(insert, rows)
            tracks += len(rows)
            albums |= {row[7] for row in rows}
            pictures |= digests
    database.commit()
    print(json.dumps({"tracks": tracks, "albums": len(albums), "pictures": len(pictures)}))


def _folders(music: str) -> Iterator[tuple[str, list[str]]]:
    for folder, _, names in os.walk(music):
        if names:
            yield folder, names


def _folder(thumbnails: Path, folder: tuple[str, list[str]]) -> Found:
    """The tracks and pictures of a folder."""
    place, names = folder
    rows, seen = [], set[str]()
    for name in names:
        path = os.path.join(place, name)
        suffix = os.path.splitext(name)[1]
        if suffix in _KINDS:
            rows.append(_track(thumbnails, path, suffix, seen))
        elif suffix in _PICTURES:
            _keep(thumbnails, Path(path).read_bytes(), seen)
    return rows, seen


def _track(thumbnails: Path, path: str, suffix: str, seen: set[str]) -> tuple[Any, ...]:
    status, file = os.stat(path), _KINDS[suffix](path)
    data, tags = None, file.tags or {}
    if suffix == ".mp3":
        values = [_text(tags.get(frame)) for frame in _FRAMES.values()]
        data = next((frame.data for key, frame in tags.items() if key[:4] == "APIC"), None)
    else:
        values = [_text(tags.get(name)) for name in _FRAMES]
        if suffix == ".flac":
            data = file.pictures[0].data if file.pictures else None
        elif coded := tags.get("metadata_block_picture"):
            data = Picture(base64.b64decode(coded[0])).data
    digest = None if data is None else _keep(thumbnails, data, seen)
    return path, status.st_size, status.st_mtime_ns, digest, file.info.length, *values


def _text(value: Any) -> str | None:
    first = value[0] if value else None
    return None if first is None else str(first)


def _keep(thumbnails: Path, data: bytes, seen: set[str]) -> str:
    """The digest of a picture; its thumbnail is made when this folder had none of it."""
    digest = hashlib.sha256(data).hexdigest()
    if digest not in seen:
        seen.add(digest)
        whole = Image.open(BytesIO(data))
        whole.draft("RGB", (_SIZE, _SIZE))
        image = whole.convert("RGB")
        image.thumbnail((_SIZE, _SIZE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        image.save(thumbnails / f"{digest}.jpg", "JPEG", quality=_QUALITY)
    return digest


if __name__ == "__main__":
    main()
