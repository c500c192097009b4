"""MP4 containers (m4a, m4b, ALAC, AAC): iTunes atoms as fields.

Sources: mutagen.mp4, https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.

mutagen reports no length of a fragmented file, and misreads the rate and channels of a QuickTime
version 2 sound description ("lpcm": one of the corpus's files); both are passed on.
"""

from collections.abc import Callable
from typing import Any, BinaryIO

from mutagen.mp4 import MP4

from jobs.content import Spans
from jobs.errors import UnreadableFileError
from jobs.metadata.contents import (
    FRONT_COVER,
    Contents,
    Picture,
    RawTags,
    Reader,
    filled,
    mapped,
    picture,
)
from jobs.metadata.text import folded
from jobs.records import AudioProperties, ProblemCode
from jobs.tags import FREE_NAMES, fields_by_name

_ATOMS = fields_by_name("mp4")
_FREE_FORM = "----:"
_PAIRS = ("trkn", "disk")
_CODECS = {
    "mp4a.40.36": "als",
    "mp4a.40": "aac",
    "mp4a.66": "aac",
    "mp4a.67": "aac",
    "mp4a.68": "aac",
    "mp4a.69": "mp3",
    "mp4a.6B": "mp3",
    "mp4a": "aac",
    "alac": "alac",
    "fLaC": "flac",
    "Opus": "opus",
    "ac-3": "ac3",
    "ec-3": "eac3",
    "sowt": "pcm",
    "twos": "pcm",
    "lpcm": "pcm",
    "in24": "pcm",
    "in32": "pcm",
    "ipcm": "pcm",
    "raw ": "pcm",
}
_MOST_BOXES = 2_000
"""Boxes of a file of which the media data are looked for; more are parts of a long one."""
_LOSSLESS = ("alac", "flac", "pcm", "als")

_load: Callable[[BinaryIO], Any] = MP4


def _read_mp4(file: BinaryIO, size: int) -> Contents:
    """The contents of an MP4 file. Raises UnreadableFileError when it holds no sound."""
    mp4 = _load(file)
    info = mp4.info
    if not info.codec:
        message = "the MP4 container holds no sound track"
        raise UnreadableFileError(ProblemCode.NOT_AUDIO, message)
    codec = _codec(info.codec)
    audio = AudioProperties(
        codec=codec,
        container="mp4",
        duration=info.length,
        bit_rate=info.bitrate,
        sample_rate=info.sample_rate,
        bit_depth=info.bits_per_sample if codec in _LOSSLESS else None,
        channels=info.channels,
    )
    tags = mp4.tags or {}
    return Contents(audio, _fields(tags), _pictures(tags), _media(file, size))


def _media(file: BinaryIO, size: int) -> Spans:
    """The contents of the media data boxes, of which a fragmented file has one for each part."""
    found: list[tuple[int, int]] = []
    start = 0
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            break
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        content = 16 if length == 1 else 8
        length = int.from_bytes(head[8:16], "big") if length == 1 else length or size - start
        if length < content:
            break
        if name == b"mdat":
            found.append((start + content, min(start + length, size)))
        start += length
    return found


def _codec(written: str) -> str:
    for prefix, codec in _CODECS.items():
        if written.startswith(prefix):
            return codec
    name = written.strip().lower()
    return name if name.isascii() and name.isprintable() and name else "unknown"


def _fields(tags: Any) -> RawTags:  # mutagen's MP4Tags, or none
    atoms: dict[str, list[str]] = {}
    free: dict[str, list[str]] = {}
    for name, values in tags.items():
        if name.startswith(_FREE_FORM):
            texts = [bytes(value).decode("utf-8", "replace") for value in values]
            free.setdefault(folded(name.rpartition(":")[2]), []).extend(texts)
        elif name in _PAIRS:
            atoms[name] = [f"{position}/{total}" for position, total in values]
        elif name in _ATOMS:
            atoms[name] = [
                str(value) for value in (values if isinstance(values, list) else [values])
            ]
    return filled(
        mapped(free, {"artists": "artists", "albumartists": "album_artists"}),
        mapped(atoms, _ATOMS),
        mapped(free, FREE_NAMES),
    )


def _pictures(tags: Any) -> list[Picture]:  # mutagen's MP4Tags, or none
    covers = (picture(FRONT_COVER, "", bytes(data)) for data in tags.get("covr", []))
    return [cover for cover in covers if cover]


READERS: dict[str, Reader] = {"mp4": _read_mp4}
"""By container name."""
