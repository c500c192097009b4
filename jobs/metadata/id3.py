"""ID3 tags as fields: mutagen's frames by what they mean.

Sources: https://id3.org/id3v2.4.0-frames, https://id3.org/id3v2.3.0, and for MusicBrainz
https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from mutagen.id3 import (
    ID3,
    BitPaddedInt,
    Frames,
    Frames_2_2,
    ID3NoHeaderError,
    ID3UnsupportedVersionError,
    ParseID3v1,
    TextFrame,
)

from jobs.metadata import slashes
from jobs.metadata.contents import Picture, RawTags, filled, mapped
from jobs.metadata.names import FREE_NAMES
from jobs.metadata.pictures import picture
from jobs.metadata.text import folded

_FRAMES = {
    "TIT2": "title",
    "TXXX:artists": "artists",
    "TPE1": "artists",
    "TALB": "album",
    "TXXX:albumartists": "album_artists",
    "TPE2": "album_artists",
    "TRCK": "track",
    "TPOS": "disc",
    "TSST": "disc_subtitle",
    "TDRC": "date",
    "TYER": "date",
    "TDRL": "date",
    "TDOR": "original_date",
    "TORY": "original_date",
    "TCON": "genres",
    "TCOM": "composers",
    "TMOO": "moods",
    "TBPM": "bpm",
    "TKEY": "key",
    "TCMP": "compilation",
    "UFID:http://musicbrainz.org": "musicbrainz_recording_id",
    "TSRC": "isrcs",
    "TPUB": "labels",
    "TSOT": "title_sort",
    "XSOT": "title_sort",
    "TXXX:artistssort": "artist_sorts",
    "TSOP": "artist_sorts",
    "XSOP": "artist_sorts",
    "TSOA": "album_sort",
    "XSOA": "album_sort",
    "TSO2": "album_artist_sorts",
    "USLT": "has_lyrics",
    "SYLT": "has_lyrics",
    **{f"TXXX:{name}": field for name, field in FREE_NAMES.items()},
    "RVA2:track": "replaygain_track_gain",
    "RVA2:album": "replaygain_album_gain",
    "RVA2:": "replaygain_track_gain",
}
_PLAIN_TEXTS = ("TDRC", "TDRL", "TDOR", "XSOT", "XSOP", "XSOA")
"""Read as they are written. mutagen turns dates into time stamps, which loses "c. 1970"; the sort
names of version 2.3 it does not know."""
_KNOWN_FRAMES = {
    **{name: Frames[name] for name in {*(key[:4] for key in _FRAMES), "TDAT", "APIC"} & {*Frames}},
    **Frames_2_2,
    **{name: type(name, (TextFrame,), {}) for name in _PLAIN_TEXTS},
}
"""What mutagen parses: the others cost a fifth of its time."""
_NO_GENRE = "Unknown"
"""How mutagen tells a number that stands for no genre."""
_MASTER_VOLUME = 1
_HEADER = 10
VERSION_1_SIZE = 128
"""Bytes of an ID3v1 tag, which stands at the end of a file."""

_load: Callable[[BinaryIO], Any] = partial(
    ID3, known_frames=_KNOWN_FRAMES, translate=False, load_v1=False
)


def tags_at(file: BinaryIO, offset: int) -> tuple[RawTags, list[Picture], int]:
    """Fields and pictures of the ID3v2 tags that begin at `offset`, and where they end.

    Windows Media Player stacks several; the first that has a field wins. Without any tag the end
    is `offset`. A tag that claims to reach to the file's end or beyond may hold the sound.
    """
    tags: RawTags = {}
    pictures: list[Picture] = []
    while (tag := _tag_at(file, offset)) is not None:
        fields = _fields(tag.values())
        filled(tags, slashes.separated(fields) if tag.version < (2, 4) else fields)
        pictures = pictures or list(_pictures(tag))
        offset += tag.size if file.read(1) else _HEADER
    return tags, pictures, offset


def _tag_at(file: BinaryIO, offset: int) -> Any:  # mutagen's ID3, or none
    """The tag, as far as it lies in the file, which is left behind it."""
    file.seek(offset)
    header = file.read(_HEADER)
    data = file.read(BitPaddedInt(header[6:])) if header.startswith(b"ID3") else b""
    size = BitPaddedInt.to_str(len(data), width=4)
    try:
        return _load(BytesIO(header[:6] + size + data))
    except (ID3NoHeaderError, ID3UnsupportedVersionError):
        return None


def version_1_tags(data: bytes) -> RawTags | None:
    """The fields of the 128 bytes of an ID3v1 tag; None when they are no tag."""
    frames = ParseID3v1(data, v2_version=3) if data.startswith(b"TAG") else None
    return None if frames is None else _fields(frames.values())


def _fields(frames: Iterable[Any]) -> RawTags:
    values: dict[str, list[str]] = {}
    for frame in frames:
        for name, texts in _named_values(frame):
            values.setdefault(name, []).extend(texts)
    _join_year_and_day(values)
    return mapped(values, _FRAMES)


def _named_values(frame: Any) -> Iterator[tuple[str, list[str]]]:
    """A frame as names of `_FRAMES` with values; nothing for frames that carry no field."""
    name = frame.FrameID
    match name:
        case "TXXX":
            yield f"TXXX:{folded(frame.desc)}", frame.text
        case "TCON":
            yield name, [genre for genre in frame.genres if genre != _NO_GENRE]
        case "UFID":
            yield f"UFID:{frame.owner}", [frame.data.decode("latin-1")]
        case "USLT":
            yield name, [frame.text]
        case "SYLT":
            yield name, [text for text, _ in frame.text]
        case "RVA2" if frame.channel == _MASTER_VOLUME:
            yield f"RVA2:{frame.desc.lower()}", [f"{frame.gain:.6f}"]
        case _ if isinstance(frame, TextFrame):
            yield name, [*frame]


def _join_year_and_day(values: dict[str, list[str]]) -> None:
    """Version 2.3 writes the day apart from the year, as DDMM."""
    for year, day in zip(values.get("TYER", [])[:1], values.pop("TDAT", [])[:1], strict=False):
        if re.fullmatch(r"\d{4}", year) and re.fullmatch(r"\d{4}", day):
            values["TYER"][0] = f"{year}-{day[2:]}-{day[:2]}"


def _pictures(tag: Any) -> Iterator[Picture]:  # mutagen's ID3
    for frame in tag.getall("APIC"):
        if found := picture(frame.type, frame.mime, frame.data):
            yield found
