"""ID3 tags as fields: mutagen's frames by what they mean.

Sources: https://id3.org/id3v2.4.0-frames, https://id3.org/id3v2.3.0, and for MusicBrainz
https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.

Version 2.3 knows no other way to write two artists than "A/B", and says so; but names hold slashes
too, and most readers leave the text alone. So a slash separates only where there is reason to
think so:

The file has as many MusicBrainz artist ids as there are parts; or one part is the
  album artist; else each slash that has a blank or a part of several words on a side. "Miles
  Davis/John Coltrane" are two, "AC/DC", "K/DA", "22/7" and "Smith/Kotzen" are one, and so they
  are beside others: "Jay Kay/AC/DC" are two. A part without a letter ("LOONA 1/3") is no name.
A file that spells its artists one by one (TXXX:ARTISTS) has several values, and several values are
never split.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

from mutagen.id3 import (
    ID3,
    BitPaddedInt,
    Encoding,
    Frames,
    Frames_2_2,
    ID3NoHeaderError,
    ID3UnsupportedVersionError,
    ParseID3v1,
    TextFrame,
)
from mutagen.id3._specs import EncodedTextSpec, MultiSpec

from db.settings.reading import tag_charsets
from jobs.metadata.contents import Lyric, Picture, RawTags, filled, mapped, picture
from jobs.metadata.text import Guessed, folded, in_charset, recoded
from jobs.tags import FREE_NAMES, fields_by_name

_MAX_PARTS = 100
"""A text of more parts is no list of artists."""


def split_slashes(tags: RawTags) -> RawTags:
    """The fields of a tag of version 2.2 or 2.3 with joined artists taken apart."""
    known = tags.get("album_artists", tags.get("album_artist_credit", []))
    ids = sum(len(text.split("/")) for text in tags.get("musicbrainz_artist_ids", []))
    if len(tags.get("artist_credit", [])) == 1 and "artists" not in tags:
        whole = tags["artist_credit"][0]
        tags["artist_credit"] = list(map(type(whole), split_artists(whole, known, ids)))
    return tags


def split_artists(text: str, known: list[str], ids: int) -> list[str]:
    """The artists of a joined text.

    `known` are names that may hold slashes themselves, `ids` is how many MusicBrainz artist ids
    stand beside it.
    """
    parts = text.split("/")
    if not 1 < len(parts) <= _MAX_PARTS or not all(part.strip() for part in parts):
        return [text]
    if 1 < ids == len(parts):
        return [part.strip() for part in parts]
    for name in known:
        if text == name:
            return [text]
        if text.startswith(f"{name}/"):
            return [name, *split_artists(text[len(name) + 1 :], known, 0)]
        if text.endswith(f"/{name}"):
            return [*split_artists(text[: -len(name) - 1], known, 0), name]
    return _joined_names(parts)


def _joined_names(parts: list[str]) -> list[str]:
    """The parts, with those put together again that a slash in a name took apart."""
    names = [[parts[0]]]
    for part in parts[1:]:
        if _one_name(names[-1][-1], part):
            names[-1].append(part)
        else:
            names.append([part])
    return ["/".join(name).strip() for name in names]


def _one_name(left: str, right: str) -> bool:
    both_single = " " not in left and " " not in right
    return both_single or not any(c.isalpha() for c in right)


_FRAMES = {
    **fields_by_name("id3"),
    **{f"TXXX:{name}": field for name, field in FREE_NAMES.items()},
    "RVA2:track": "replaygain_track_gain",
    "RVA2:album": "replaygain_album_gain",
    "RVA2:": "replaygain_track_gain",
}
_PLAIN_TEXTS = ("TDRC", "TDRL", "TDOR", "XSOT", "XSOP", "XSOA")
"""Read as they are written. mutagen turns dates into time stamps, which loses "c. 1970"; the sort
names of version 2.3 it does not know."""


class _Text(EncodedTextSpec):
    """A text as mutagen reads it, which decodes UTF-16 byte by byte, at ten times the price.

    Taggers write a byte-order mark before each text, as the format demands, or only before the
    first of a frame, which then holds for all, or none. An odd last byte is no text.
    """

    def read(self, header: Any, frame: Any, data: bytes) -> tuple[str, bytes]:
        """The text up to its terminator, and what is behind it."""
        if frame.encoding != Encoding.UTF16 or len(data) < len(_WIDE_NUL):
            return _read_text(self, header, frame, data)
        end = data.find(_WIDE_NUL)
        while end % 2 and end > 0:
            end = data.find(_WIDE_NUL, end + 1)
        text, rest = (data[: len(data) & ~1], b"") if end < 0 else (data[:end], data[end + 2 :])
        order = _BYTE_ORDERS.get(text[:2])
        if order is not None:
            frame.byte_order, text = order, text[2:]
        known = getattr(frame, "byte_order", None)
        with suppress(UnicodeDecodeError):
            found = text.decode(known or _likely_order(text))
            # In older versions what is left may be padding, and is then no further value.
            padded = header.version < header._V24 and not rest.strip(b"\0")
            return found if known else Guessed(found), b"" if padded or len(rest) == 1 else rest
        return _read_text(self, header, frame, data)


def _likely_order(text: bytes) -> str:
    """The byte order of UTF-16 that no mark names: the high bytes of a text differ little."""
    high_first, low_first = text[::2], text[1::2]
    if high_first.count(0) != low_first.count(0):
        return _BIG if high_first.count(0) > low_first.count(0) else _LITTLE
    return _BIG if len(set(high_first)) < len(set(low_first)) else _LITTLE


_read_text: Callable[..., tuple[str, bytes]] = EncodedTextSpec.read
_LITTLE, _BIG = "utf-16-le", "utf-16-be"
_BYTE_ORDERS = {codecs.BOM_UTF16_LE: _LITTLE, codecs.BOM_UTF16_BE: _BIG}
_WIDE_NUL = b"\0\0"


def _quicker(spec: Any) -> Any:
    """A part of a frame, its texts read by `_Text`."""
    other = copy(spec)
    if type(spec) is EncodedTextSpec:
        other.__class__ = _Text
    elif type(spec) is MultiSpec:
        other.specs = list(map(_quicker, spec.specs))
    return other


def _frame_type(name: str, base: Any) -> Any:
    """A type of frame whose texts are read by `_Text`."""
    return type(name, (base,), {"_framespec": list(map(_quicker, base._framespec))})


_KNOWN_FRAMES = {
    **{
        name: _frame_type(name, Frames[name])
        for name in {*(key[:4] for key in _FRAMES), "TDAT", "APIC"} & {*Frames}
    },
    **Frames_2_2,
    **{name: _frame_type(name, TextFrame) for name in _PLAIN_TEXTS},
}
"""What mutagen parses: the others cost a fifth of its time."""
_NO_GENRE = "Unknown"
"""What mutagen returns for a number that stands for no genre."""
_MASTER_VOLUME = 1
_MILLISECONDS = 2
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
        filled(tags, split_slashes(fields) if tag.version < (2, 4) else fields)
        pictures = pictures or list(_pictures(tag))
        offset += tag.size if file.read(1) else _HEADER
    return tags, pictures, offset


def _tag_at(file: BinaryIO, offset: int) -> Any:  # mutagen's ID3, or none
    """The tag, as far as it lies in the file, which is left behind it."""
    file.seek(offset)
    header = file.read(_HEADER)
    if not header.startswith(b"ID3"):
        return None
    data = file.read(BitPaddedInt(header[6:]))
    size = BitPaddedInt.to_str(len(data), width=4)
    try:
        return _load(BytesIO(header[:6] + size + data))
    except (ID3NoHeaderError, ID3UnsupportedVersionError):
        return None


def version_1_tags(data: bytes) -> RawTags | None:
    """The fields of the 128 bytes of an ID3v1 tag; None when they are no tag."""
    frames = ParseID3v1(data, v2_version=3) if data.startswith(b"TAG") else None
    # It claims nothing, and most programs take it for Latin-1: only the settings say otherwise.
    return None if frames is None else _fields(frames.values(), in_charset)


def _fields(
    frames: Iterable[Any], recode: Callable[[list[str], Sequence[str]], list[str]] = recoded
) -> RawTags:
    """The fields of frames; `recode` says what texts are that were read as Latin-1."""
    values: dict[str, list[str]] = {}
    latin: dict[str, None] = {}
    for frame in frames:
        claims_latin = getattr(frame, "encoding", None) == Encoding.LATIN1
        for name, texts in _named_values(frame):
            values.setdefault(name, []).extend(texts)
            if claims_latin and not all(map(str.isascii, texts)):
                latin[name] = None
    if latin:
        texts = recode([text for name in latin for text in values[name]], tag_charsets())
        for name in latin:
            count = len(values[name])
            values[name], texts = texts[:count], texts[count:]
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
            yield name, [Lyric.of(frame.text, frame.lang)]
        case "SYLT":
            yield "USLT", [Lyric.of(_with_times(frame), frame.lang)]
        case "RVA2" if frame.channel == _MASTER_VOLUME:
            yield f"RVA2:{frame.desc.lower()}", [f"{frame.gain:.6f}"]
        case _ if isinstance(frame, TextFrame):
            yield name, [*frame]


def _with_times(frame: Any) -> str:
    """The lines of synced lyrics as in LRC files; without times where they are not milliseconds."""
    lines = [(text.strip("\r\n"), time) for text, time in frame.text]
    if frame.format != _MILLISECONDS:
        return "\n".join(text for text, _ in lines)
    return "\n".join(
        f"[{time // 60_000:02}:{time % 60_000 / 1000:05.2f}]{text}" for text, time in lines
    )


def _join_year_and_day(values: dict[str, list[str]]) -> None:
    """Version 2.3 writes the day apart from the year, as DDMM."""
    for year, day in zip(values.get("TYER", [])[:1], values.pop("TDAT", [])[:1], strict=False):
        if re.fullmatch(r"\d{4}", year) and re.fullmatch(r"\d{4}", day):
            values["TYER"][0] = f"{year}-{day[2:]}-{day[:2]}"


def _pictures(tag: Any) -> Iterator[Picture]:  # mutagen's ID3
    for frame in tag.getall("APIC"):
        if found := picture(frame.type, frame.mime, frame.data):
            yield found
