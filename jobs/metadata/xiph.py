"""FLAC and Ogg files (Vorbis, Opus, FLAC, Speex), both with Vorbis comments.

ID3v2 in front of FLAC, which some taggers add, fills gaps. Ogg may hold a film beside the sound.

Sources: https://xiph.org/vorbis/doc/v-comment.html, https://wiki.xiph.org/VorbisComment,
RFC 7845 section 5.2.1 (R128 gains), RFC 9639 section 8.8 (pictures).
"""

import base64
import binascii
import re
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from mutagen.flac import FLAC
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from jobs.content import Spans
from jobs.errors import UnreadableFileError
from jobs.metadata import id3
from jobs.metadata.contents import (
    FRONT_COVER,
    Contents,
    Picture,
    RawTags,
    Reader,
    by_folded_name,
    filled,
    mapped,
    picture,
)
from jobs.metadata.text import number
from jobs.records import AudioProperties, ProblemCode
from jobs.tags import CUE_SHEET, FREE_NAMES

_PICTURE_BLOCK = "metadatablockpicture"
_LEGACY_PICTURE = "coverart"
_R128 = {
    "r128trackgain": "replaygain_track_gain",
    "r128albumgain": "replaygain_album_gain",
}
_R128_TO_REPLAYGAIN = 5.0
"""dB between the reference levels: -23 LUFS of R128, -18 LUFS of ReplayGain 2.0."""


def vorbis_fields(comments: Iterable[tuple[str, str]]) -> tuple[RawTags, list[Picture]]:
    """The fields and pictures of comments given as (name, value) in file order."""
    values = by_folded_name(comments)
    pictures = [
        *filter(None, map(_picture_block, _decoded(values.pop(_PICTURE_BLOCK, [])))),
        *filter(None, map(_legacy_picture, _decoded(values.pop(_LEGACY_PICTURE, [])))),
    ]
    return filled(mapped(values, FREE_NAMES), _r128_gains(values)), pictures


def _r128_gains(values: dict[str, list[str]]) -> RawTags:
    """Opus gains, written as 1/256 dB towards -23 LUFS, as ReplayGain in dB."""
    gains: RawTags = {}
    for name, field in _R128.items():
        written = number(values[name][0]) if name in values else None
        if written is not None and abs(written) <= 2**15:
            gains[field] = [f"{written / 256 + _R128_TO_REPLAYGAIN:.6f}"]
    return gains


def _decoded(values: list[str]) -> Iterator[bytes]:
    for value in values:
        try:
            yield _from_base64(value)
        except (binascii.Error, ValueError):
            continue


_latest: deque[tuple[str, bytes]] = deque(maxlen=4)
"""The last texts that were decoded: the tracks of an album mostly carry the same picture."""
_MOST_KEPT = 4 * 1024 * 1024


def _from_base64(text: str) -> bytes:
    for known, data in _latest:
        if known == text:
            return data
    data = base64.b64decode(text)
    if len(text) <= _MOST_KEPT:
        _latest.append((text, data))
    return data


def _picture_block(block: bytes) -> Picture | None:
    """The picture of a FLAC picture block; None when it is cut."""
    try:
        kind, mime_length = struct.unpack_from(">2I", block)
        mime = block[8 : 8 + mime_length].decode("latin-1")
        (text_length,) = struct.unpack_from(">I", block, 8 + mime_length)
        position = 12 + mime_length + text_length + 16
        (length,) = struct.unpack_from(">I", block, position)
    except struct.error:
        return None
    return picture(kind, mime, block[position + 4 : position + 4 + length])


def _legacy_picture(data: bytes) -> Picture | None:
    """COVERART held the bytes alone, before METADATA_BLOCK_PICTURE; it was the front cover."""
    return picture(FRONT_COVER, "", data)


_load: Callable[[BinaryIO], Any] = FLAC


def _read_flac(file: BinaryIO, size: int) -> Contents:
    """The contents of a FLAC file."""
    front, front_pictures, end = id3.tags_at(file, 0)
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
    comments = list(list.__iter__(flac.tags or []))
    tags, pictures = vorbis_fields(comments)
    # A block has no titles: beside the title of a song alone it says how a disc was cut.
    is_one = "title" in tags and not any(_OF_TRACK.fullmatch(name) for name, _ in comments)
    if flac.cuesheet is not None and info.sample_rate and not is_one:
        tags.setdefault(CUE_SHEET, [_sheet_text(flac.cuesheet.tracks, info.sample_rate, comments)])
    blocks = [picture(block.type, block.mime, block.data) for block in flac.pictures]
    return Contents(
        audio,
        filled(tags, front),
        [block for block in blocks if block] + pictures or front_pictures,
        sound_id=f"{info.md5_signature:032x}" if info.md5_signature else None,
        sound=() if info.md5_signature else sound_frames(file, end, size),
    )


_LEAD_OUT = {170, 255}
"""The numbers of what ends a block of cue sheets (RFC 9639, section 8.7)."""
_SHEET_FRAMES = 75
"""A second, in the text of a sheet."""
_OF_TRACK = re.compile(r"(title|artist|performer)\[(\d{1,3})\]", re.IGNORECASE)
"""A comment that belongs to one track, as MPD and others write it: TITLE[2]."""


def _sheet_text(tracks: Sequence[Any], rate: int, comments: Iterable[tuple[str, str]]) -> str:
    """A block of a cue sheet, whose times are samples, as the text of one."""
    said: dict[int, dict[str, str]] = {}
    for name, value in comments:
        if match := _OF_TRACK.fullmatch(name):
            words = "title" if match[1].lower() == "title" else "performer"
            said.setdefault(int(match[2]), {})[words] = " ".join(value.split())
    lines = ["FILE x WAVE"]
    for track in tracks:
        if track.track_number in _LEAD_OUT:
            continue
        first = next((each for each in track.indexes if each.index_number == 1), None)
        start = track.start_offset + (first.index_offset if first else 0)
        seconds, frames = divmod(round(start * _SHEET_FRAMES / rate), _SHEET_FRAMES)
        lines += [
            f"TRACK {track.track_number:02} {'DATA' if track.type else 'AUDIO'}",
            *(f"{word} {text}" for word, text in said.get(track.track_number, {}).items()),
            f"ISRC {track.isrc.strip(bytes(1)).decode('ascii', 'replace')}",
            f"INDEX 01 {seconds // 60}:{seconds % 60:02}:{frames:02}",
        ]
    return "\n".join(lines)


def sound_frames(file: BinaryIO, start: int, size: int) -> Spans:
    """What follows the metadata blocks, which begin at `start` behind the file's mark."""
    file.seek(start)
    head = file.read(8)
    position, is_last = start + 4, not head.startswith(b"fLaC")
    while not is_last:
        file.seek(position)
        head = file.read(4)
        position += len(head) + int.from_bytes(head[1:], "big")
        is_last = len(head) < 4 or bool(head[0] & 0x80)
    return [(position, size)]


_OPUS_RATE = 48_000
"""Hz at which every Opus stream is decoded (RFC 7845 section 5.1)."""
_NOMINAL = ("vorbis", "speex")
_PAGE_HEAD, _MOST_SEGMENTS = 27, 255
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


def _read_ogg(file: BinaryIO, size: int) -> Contents:
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
    tags, pictures = vorbis_fields(list.__iter__(ogg.tags or []))
    audio = AudioProperties(
        codec=codec.name,
        container="ogg",
        duration=info.length,
        bit_rate=_bit_rate(codec.name, info, size, pictures),
        sample_rate=_OPUS_RATE if codec.name == "opus" else info.sample_rate,
        bit_depth=info.bits_per_sample if codec.name == "flac" else None,
        channels=info.channels,
    )
    return Contents(audio, tags, pictures, [(_first_sound(file, size), size)])


def _first_sound(file: BinaryIO, size: int) -> int:
    """Where the first page with sound begins: those of headers end at no sample.

    No packet ends on a page that says all ones.
    """
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(_PAGE_HEAD + _MOST_SEGMENTS)
        if not head.startswith(b"OggS") or len(head) <= _PAGE_HEAD:
            break
        if int.from_bytes(head[6:14], "little", signed=True) > 0:
            return position
        segments = head[_PAGE_HEAD : _PAGE_HEAD + head[_PAGE_HEAD - 1]]
        position += _PAGE_HEAD + len(segments) + sum(segments)
    return size


def _bit_rate(codec: str, info: Any, size: int, pictures: Sequence[Picture]) -> int | None:
    """The nominal one where the codec has one, else that of the file without its pictures."""
    if codec in _NOMINAL and info.bitrate:
        return int(info.bitrate)
    in_base64 = sum(len(picture.data) * 4 // 3 for picture in pictures)
    return round((size - in_base64) * 8 / info.length) if info.length > 0 else None


READERS: dict[str, Reader] = {
    "flac": _read_flac,
    "ogg": _read_ogg,
}
"""By container name."""
