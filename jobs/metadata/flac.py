"""FLAC files: Vorbis comments and pictures; ID3v2 in front, which some taggers add, fills gaps."""

from collections.abc import Callable
from typing import Any, BinaryIO

from mutagen.flac import FLAC

from jobs.metadata import id3, vorbis
from jobs.metadata.contents import Contents, filled
from jobs.metadata.pictures import picture
from jobs.records import AudioProperties

_load: Callable[[BinaryIO], Any] = FLAC


def read_flac(file: BinaryIO, _size: int) -> Contents:
    """The contents of a FLAC file."""
    front, front_pictures, _ = id3.tags_at(file, 0)
    file.seek(0)
    flac = _load(file)
    info = flac.info
    audio = AudioProperties(
        codec="flac",
        container="flac",
        duration=info.length,
        bit_rate=info.bitrate,
        sample_rate=info.sample_rate,
        bit_depth=info.bits_per_sample,
        channels=info.channels,
    )
    tags, pictures = vorbis.fields_and_pictures(list.__iter__(flac.tags or []))
    blocks = [picture(block.type, block.mime, block.data) for block in flac.pictures]
    return Contents(
        audio,
        filled(tags, front),
        [block for block in blocks if block] + pictures or front_pictures,
    )
