"""Ogg files: Vorbis, Opus, FLAC and Speex, alone or beside a film."""

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple

from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from jobs.errors import UnreadableFileError
from jobs.metadata import vorbis
from jobs.metadata.contents import Contents, Picture
from jobs.records import AudioProperties, ProblemCode

_OPUS_RATE = 48_000
"""Hz at which every Opus stream is decoded (RFC 7845 section 5.1)."""
_NOMINAL = ("vorbis", "speex")
_FIRST_PAGES = 8192
"""Bytes in which the first page of every stream stands."""


class _Codec(NamedTuple):
    mark: bytes
    """How the first packet begins."""
    name: str
    load: Callable[[BinaryIO], Any]


_CODECS = (
    _Codec(b"\x01vorbis", "vorbis", OggVorbis),
    _Codec(b"OpusHead", "opus", OggOpus),
    _Codec(b"\x7fFLAC", "flac", OggFLAC),
    _Codec(b"Speex   ", "speex", OggSpeex),
)


def read_ogg(file: BinaryIO, size: int) -> Contents:
    """The contents of an Ogg file. Raises UnreadableFileError when it holds no sound we know."""
    file.seek(0)
    head = file.read(_FIRST_PAGES)
    codec = next((codec for codec in _CODECS if codec.mark in head), None)
    if codec is None:
        raise UnreadableFileError(
            ProblemCode.NOT_AUDIO,
            "the Ogg container holds no sound of Vorbis, Opus, FLAC or Speex",
        )
    file.seek(0)
    ogg = codec.load(file)
    info = ogg.info
    tags, pictures = vorbis.fields_and_pictures(list.__iter__(ogg.tags or []))
    audio = AudioProperties(
        codec=codec.name,
        container="ogg",
        duration=info.length,
        bit_rate=_bit_rate(codec.name, info, size, pictures),
        sample_rate=_OPUS_RATE if codec.name == "opus" else info.sample_rate,
        bit_depth=info.bits_per_sample if codec.name == "flac" else None,
        channels=info.channels,
    )
    return Contents(audio, tags, pictures)


def _bit_rate(codec: str, info: Any, size: int, pictures: Sequence[Picture]) -> int | None:
    """The nominal one where the codec has one, else that of the file without its pictures."""
    if codec in _NOMINAL and info.bitrate:
        return int(info.bitrate)
    in_base64 = sum(len(picture.data) * 4 // 3 for picture in pictures)
    return round((size - in_base64) * 8 / info.length) if info.length > 0 else None
