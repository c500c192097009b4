"""Sound streams that carry their tags at both ends: ID3v2 in front, APEv2 and ID3v1 behind.

MPEG audio, AAC, AC-3, True Audio, Monkey's Audio, WavPack, Musepack, OptimFROG and TAK. Where one
field stands in several tags, APEv2 wins in the formats whose own tag it is, ID3v2 in the others;
ID3v1 only fills what is then still missing.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

from mutagen.aac import AACInfo
from mutagen.ac3 import AC3Info
from mutagen.monkeysaudio import MonkeysAudioInfo
from mutagen.musepack import MusepackInfo
from mutagen.optimfrog import OptimFROGInfo
from mutagen.tak import TAKInfo

from jobs.metadata import ape, id3
from jobs.metadata.contents import Contents, RawTags, filled
from jobs.metadata.mpeg import read_mpeg
from jobs.metadata.wavpack import read_wavpack
from jobs.records import AudioProperties

_LYRICS3_END = b"LYRICS200"
_LYRICS3_SIZE_DIGITS = 6


class Stream(NamedTuple):
    """How one such format is read."""

    info: Callable[[BinaryIO, int, int], Any]
    """Reads the properties of the sound between two offsets into an object like mutagen's."""
    lossless: bool = False
    ape_first: bool = True


class _TrueAudioInfo(NamedTuple):
    length: float
    sample_rate: int
    channels: int
    bits_per_sample: int


def _true_audio(file: BinaryIO, start: int, _end: int) -> _TrueAudioInfo:
    """Of version 1: https://www.true-audio.com/TTA_Lossless_Audio_Codec_-_Format_Description.

    mutagen's TrueAudioInfo leaves out the channels and the bit depth.
    """
    file.seek(start)
    _, channels, bits, rate, samples = struct.unpack("<4xHHHII", file.read(18))
    return _TrueAudioInfo(samples / rate, rate, channels, bits)


def _behind_id3(reader: Callable[[BinaryIO], Any]) -> Callable[[BinaryIO, int, int], Any]:
    """A reader of mutagen's that begins where the file stands."""

    def read(file: BinaryIO, start: int, _end: int) -> Any:  # any of mutagen's
        file.seek(start)
        return reader(file)

    return read


def _from_start(reader: Callable[[BinaryIO], Any]) -> Callable[[BinaryIO, int, int], Any]:
    """A reader of mutagen's that skips ID3v2 itself."""

    def read(file: BinaryIO, _start: int, _end: int) -> Any:  # any of mutagen's
        file.seek(0)
        return reader(file)

    return read


STREAMS = {
    "mp3": Stream(read_mpeg, ape_first=False),
    "aac": Stream(_from_start(AACInfo), ape_first=False),
    "ac3": Stream(_from_start(AC3Info), ape_first=False),
    "tta": Stream(_true_audio, lossless=True, ape_first=False),
    "ape": Stream(_behind_id3(MonkeysAudioInfo), lossless=True),
    "wavpack": Stream(read_wavpack, lossless=True),
    "musepack": Stream(_from_start(MusepackInfo)),
    "optimfrog": Stream(_behind_id3(OptimFROGInfo), lossless=True),
    "tak": Stream(_behind_id3(TAKInfo), lossless=True),
}
"""By container name."""


def read_stream(container: str, file: BinaryIO, size: int) -> Contents:
    """The contents of a file of a `container` of STREAMS."""
    stream = STREAMS[container]
    front, pictures, start = id3.tags_at(file, 0)
    version_1, end = _version_1_tags(file, size)
    behind, more_pictures, end = ape.tag_before(file, end)
    info = stream.info(file, start, end)
    tags = filled(behind, front) if stream.ape_first else filled(front, behind)
    bit_rate = round((end - start) * 8 / info.length) if info.length else None
    if container in ("mp3", "aac", "ac3"):
        bit_rate = info.bitrate
    audio = AudioProperties(
        codec=f"mp{info.layer}" if container == "mp3" else container,
        container=container,
        duration=info.length,
        bit_rate=bit_rate,
        sample_rate=info.sample_rate,
        bit_depth=info.bits_per_sample if stream.lossless else None,
        channels=info.channels,
    )
    return Contents(audio, filled(tags, version_1), pictures or more_pictures)


def _version_1_tags(file: BinaryIO, size: int) -> tuple[RawTags, int]:
    """Fields of an ID3v1 tag at the file's end, and where it and Lyrics3 before it begin."""
    length = id3.VERSION_1_SIZE + len(_LYRICS3_END) + _LYRICS3_SIZE_DIGITS
    file.seek(max(0, size - length))
    tail = file.read(length)
    tags = id3.version_1_tags(tail[-id3.VERSION_1_SIZE :])
    if tags is None:
        return {}, size
    end = size - id3.VERSION_1_SIZE
    before = tail[: -id3.VERSION_1_SIZE]
    digits = before[:_LYRICS3_SIZE_DIGITS]
    if before.endswith(_LYRICS3_END) and digits.isdigit():
        end = max(0, end - len(before) - int(digits))
    return tags, end
