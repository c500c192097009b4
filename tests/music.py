"""Small real music files: a tone in any format that libsndfile writes, tagged by mutagen."""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from mutagen.flac import FLAC, Picture
from mutagen.id3 import (
    APIC,
    TALB,
    TCMP,
    TCON,
    TDRC,
    TIT2,
    TPE1,
    TPE2,
    TPOS,
    TRCK,
    TXXX,
)
from mutagen.mp3 import MP3
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from PIL import Image

_ENCODINGS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
}
_FRAMES = {
    "title": TIT2,
    "artist": TPE1,
    "album": TALB,
    "albumartist": TPE2,
    "tracknumber": TRCK,
    "discnumber": TPOS,
    "date": TDRC,
    "genre": TCON,
    "compilation": TCMP,
}


def write_track(path: Path, pictures: Sequence[bytes] = (), pitch: int = 440, **tags: Any) -> Path:
    """Write an audio file in the format of its extension.

    `tags` are Vorbis comment names in lower case; a list is written as several values. `pictures`
    are the bytes of pictures, the first the front cover, the others back covers. Files of
    different `pitch` have different sound.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_tone(path.suffix[1:].lower(), pitch))
    values = {
        name: [str(v) for v in (value if isinstance(value, list) else [value])]
        for name, value in tags.items()
    }
    if path.suffix.lower() == ".mp3":
        _tag_mp3(path, values, pictures)
    elif path.suffix.lower() in {".flac", ".ogg", ".opus"}:
        _tag_vorbis(path, values, pictures)
    elif tags or pictures:
        raise ValueError(f"{path}: tags are written to mp3, flac, ogg and opus here")
    return path


def picture(colour: str, size: tuple[int, int] = (400, 400), form: str = "JPEG") -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()


@cache
def _tone(extension: str, pitch: int) -> bytes:
    """Three tenths of a second of a sine, encoded."""
    rate = 48000
    wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(int(rate * 0.3)) / rate)
    buffer = io.BytesIO()
    form, subtype = _ENCODINGS[extension]
    soundfile.write(buffer, wave, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def _tag_mp3(path: Path, values: dict[str, list[str]], pictures: Sequence[bytes]) -> None:
    file = MP3(path)
    file.add_tags()
    for name, texts in values.items():
        frame = _FRAMES.get(name)
        if frame:
            file.tags.add(frame(encoding=3, text=texts))
        else:
            file.tags.add(TXXX(encoding=3, desc=_description(name), text=texts))
    for position, data in enumerate(pictures):
        kind = 3 if position == 0 else 4
        frame = APIC(encoding=0, mime="image/jpeg", type=kind, desc=str(position), data=data)
        file.tags.add(frame)
    file.save()


def _tag_vorbis(path: Path, values: dict[str, list[str]], pictures: Sequence[bytes]) -> None:
    file = {".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus}[path.suffix.lower()](path)
    for name, texts in values.items():
        file[name] = texts
    for position, data in enumerate(pictures):
        embedded = Picture()
        embedded.type, embedded.mime, embedded.data = (
            (3 if position == 0 else 4),
            "image/jpeg",
            data,
        )
        if isinstance(file, FLAC):
            file.add_picture(embedded)
        else:
            blocks = file.get("metadata_block_picture", [])
            file["metadata_block_picture"] = [*blocks, base64.b64encode(embedded.write()).decode()]
    file.save()


def _description(name: str) -> str:
    """The TXXX description that MusicBrainz Picard gives to a Vorbis comment name."""
    return {
        "musicbrainz_albumid": "MusicBrainz Album Id",
        "musicbrainz_artistid": "MusicBrainz Artist Id",
        "musicbrainz_albumartistid": "MusicBrainz Album Artist Id",
    }.get(name, name)
