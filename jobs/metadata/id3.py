"""ID3v2 tags as fields.

Sources: https://id3.org/id3v2.4.0-frames, https://id3.org/id3v2.3.0, and for MusicBrainz
https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.
"""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from jobs.metadata import slashes
from jobs.metadata.contents import Picture, RawTags, filled, mapped
from jobs.metadata.genres import resolved_genres
from jobs.metadata.id3_frames import Id3Tag, tag_at
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
_TEXT_FRAMES = {name for name in _FRAMES if name[0] in "TX" and ":" not in name} | {"TDAT"}
_NAMES_OF_VERSION_2 = {
    "TT2": "TIT2",
    "TP1": "TPE1",
    "TAL": "TALB",
    "TP2": "TPE2",
    "TRK": "TRCK",
    "TPA": "TPOS",
    "TYE": "TYER",
    "TDA": "TDAT",
    "TOR": "TORY",
    "TCO": "TCON",
    "TCM": "TCOM",
    "TBP": "TBPM",
    "TKE": "TKEY",
    "TCP": "TCMP",
    "TRC": "TSRC",
    "TPB": "TPUB",
    "TST": "TSOT",
    "TSP": "TSOP",
    "TSA": "TSOA",
    "TS2": "TSO2",
    "TXX": "TXXX",
    "UFI": "UFID",
    "ULT": "USLT",
    "SLT": "SYLT",
    "PIC": "PIC",
}
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")


def tags_at(file: BinaryIO, offset: int) -> tuple[RawTags, list[Picture], int]:
    """Fields and pictures of the ID3v2 tags that begin at `offset`, and where they end.

    Windows Media Player stacks several; the first that has a field wins. Without any tag the end
    is `offset`.
    """
    tags: RawTags = {}
    pictures: list[Picture] = []
    while tag := tag_at(file, offset):
        filled(tags, _fields(tag))
        pictures = pictures or list(_pictures(tag))
        offset = tag.end
    return tags, pictures, offset


def _fields(tag: Id3Tag) -> RawTags:
    values: dict[str, list[str]] = {}
    for written_name, content in tag.frames:
        name = _NAMES_OF_VERSION_2.get(written_name, written_name)
        for key, texts in _named_values(name, content):
            values.setdefault(key, []).extend(texts)
    _join_year_and_day(values)
    if "TCON" in values:
        values["TCON"] = [genre for text in values["TCON"] for genre in resolved_genres(text)]
    tags = mapped(values, _FRAMES)
    return slashes.separated(tags) if tag.version < 4 else tags


def _named_values(name: str, content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A frame as names of `_FRAMES` with values; nothing for frames that carry no field."""
    if name in _TEXT_FRAMES:
        yield name, decoded(content[1:], content[0])
    elif name == "TXXX":
        description, *texts = decoded(content[1:], content[0])
        yield f"TXXX:{folded(description)}", texts
    elif name == "UFID":
        owner, _, identifier = content.partition(b"\0")
        yield f"UFID:{owner.decode('latin-1')}", [identifier.decode("latin-1")]
    elif name == "USLT":
        yield name, decoded(content[4:], content[0])[1:]
    elif name == "SYLT":
        yield name, [folded(decoded(content[6:], content[0])[-1])]
    elif name == "RVA2":
        yield from _relative_volume(content)


def decoded(data: bytes, encoding: int) -> list[str]:
    """The NUL-separated texts of an ID3 text field. Damaged text keeps what can be read of it."""
    if encoding > 3:
        return []
    codec = _ENCODINGS[encoding]
    if encoding == 1 and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    if encoding in (1, 2):
        text = data[: len(data) & ~1].decode(codec, "replace")
    else:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return [part.strip("\ufeff\ufffe") for part in text.rstrip("\0").split("\0")]


def _join_year_and_day(values: dict[str, list[str]]) -> None:
    """Version 2.3 writes the day apart from the year, as DDMM."""
    for year, day in zip(values.get("TYER", [])[:1], values.pop("TDAT", [])[:1], strict=False):
        if re.fullmatch(r"\d{4}", year) and re.fullmatch(r"\d{4}", day):
            values["TYER"][0] = f"{year}-{day[2:]}-{day[:2]}"


def _relative_volume(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """The master volume adjustment in dB, by its identification: "track" or "album"."""
    identification, _, rest = content.partition(b"\0")
    while len(rest) >= 4:
        channel, adjustment, peak_bits = struct.unpack(">BhB", rest[:4])
        if channel == 1:
            yield f"RVA2:{identification.decode('latin-1').lower()}", [f"{adjustment / 512:.6f}"]
        rest = rest[4 + (peak_bits + 7) // 8 :]


def _pictures(tag: Id3Tag) -> Iterator[Picture]:
    for name, content in tag.frames:
        if name == "APIC":
            mime, _, rest = content[1:].partition(b"\0")
        elif name == "PIC":
            mime, rest = content[1:4], content[4:]
        else:
            continue
        if not rest:
            continue
        data = _behind_text(rest[1:], content[0])
        if found := picture(rest[0], mime.decode("latin-1"), data):
            yield found


def _behind_text(data: bytes, encoding: int) -> bytes:
    """What follows a terminated text."""
    if encoding not in (1, 2):
        return data.partition(b"\0")[2]
    end = data.find(b"\0\0")
    while end % 2 and end > 0:
        end = data.find(b"\0\0", end + 1)
    return data[end + 2 :] if end >= 0 else b""
