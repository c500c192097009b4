"""Small real music files: a tone in any format that libsndfile writes, tagged by mutagen."""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from demo import files, sounds


def write_track(path: Path, pictures: Sequence[bytes] = (), pitch: int = 440, **tags: Any) -> Path:
    """Write an audio file in the format of its extension.

    `tags` are Vorbis comment names in lower case; a list is written as several values. `pictures`
    are the bytes of pictures, the first the front cover, the others back covers. Files of
    different `pitch` have different sound.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tone(path.suffix[1:], pitch))
    if tags or pictures:
        values = {
            name: [str(each) for each in (value if isinstance(value, list) else [value])]
            for name, value in tags.items()
        }
        files.tag(path, values, pictures[:1], pictures[1:])
    return path


@cache
def tone(extension: str, pitch: int = 440) -> bytes:
    """Three tenths of a second of a sine at 48 kHz, encoded, without tags."""
    return files.encoded(sounds.tone(pitch, 0.3, files.RATE, partials=1), extension)


def picture(colour: str, size: tuple[int, int] = (400, 400), form: str = "JPEG") -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()
