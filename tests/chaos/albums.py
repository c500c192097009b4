"""Small libraries whose every name and tag names its library."""

import zlib
from pathlib import Path

from tests.music import picture, write_track


def write_album(parent: Path, name: str, tracks: int = 2) -> Path:
    """An album with an embedded cover, and its folder: `name` below `parent`."""
    number = zlib.crc32(name.encode())
    cover = picture(f"#{number & 0xFFFFFF:06x}", (60, 60))
    for track in range(1, tracks + 1):
        write_track(
            parent / name / f"{name} {track}.mp3",
            [cover],
            pitch=220 + track,
            title=f"Song {track} of {name}",
            artist=f"Artist {name}",
            album=f"Album {name}",
            genre=f"Genre {name}",
            tracknumber=track,
        )
    return parent / name


def write_albums(parent: Path, name: str, count: int, tracks: int) -> Path:
    """A folder of albums: `name` below `parent`."""
    for number in range(count):
        write_album(parent / name, f"{name}-{number:03}", tracks)
    return parent / name
