"""MP4 and QuickTime containers (m4a, m4b, ALAC, AAC): iTunes atoms as fields.

Sources: mutagen.mp4, ISO/IEC 14496-12 (fragments: moof, trun, sidx), QuickTime File Format
Specification (sound descriptions of version 2; `meta` without version and flags),
https://github.com/xiph/flac/blob/master/doc/isoflac.txt (dfLa),
https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html.

Our own is what mutagen does not read: the length of a fragmented file, the rate of a sound
description that has no place for it (FLAC beyond 65 kHz, QuickTime's version 2), tags of a `meta`
as QuickTime writes it, and whether there is a film beside the sound.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from mutagen.mp4 import MP4

from jobs.content import Spans
from jobs.errors import UnreadableFileError
from jobs.metadata.contents import (
    FRONT_COVER,
    SILENT,
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

_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_BY_DESCRIPTION = ("", "fLaC", "lpcm")
"""Codecs of which mutagen may not know the rate."""
_STILLS = (b"jpeg", b"png ", b"mjpa", b"mjpb", b"tiff", b"gif ")
"""Sample formats of chapters with pictures."""
_MOST_MOVIE = 64 * 1024 * 1024
"""Bytes of a `moov` that are put right."""

_load: Callable[[BinaryIO], Any] = MP4


def _read_mp4(file: BinaryIO, size: int) -> Contents:
    """The contents of an MP4 file. Raises UnreadableFileError when it holds no sound."""
    mp4 = _loaded(file, size)
    info = mp4.info
    tracks = [] if _is_plain(file, info) else list(_tracks(file, size))
    films = [t for t in tracks if t.kind == b"vide" and t.description[4:8] not in _STILLS]
    if not info.codec and films:
        raise UnreadableFileError(ProblemCode.SILENT_VIDEO, SILENT)
    if not info.codec:
        message = "the MP4 container holds no sound track"
        raise UnreadableFileError(ProblemCode.NOT_AUDIO, message)
    sound = next((track for track in tracks if track.kind == b"soun"), None)
    description = sound.description if sound else b""
    rate, channels, bits = _described(description) or (
        info.sample_rate,
        info.channels,
        info.bits_per_sample,
    )
    codec = _codec(info.codec)
    audio = AudioProperties(
        codec=codec,
        container="mp4",
        duration=info.length or (_fragmented_seconds(file, size, sound) if sound else None),
        bit_rate=info.bitrate,
        sample_rate=rate,
        bit_depth=bits if codec in _LOSSLESS else None,
        channels=channels,
    )
    tags = mp4.tags or {}
    return Contents(audio, _fields(tags), _pictures(tags), _media(file, size), is_video=bool(films))


def _is_plain(file: BinaryIO, info: Any) -> bool:  # mutagen's MP4Info
    """Whether mutagen says all of a file, which is what its brand says: sound, and no film.

    Going through the tracks takes a third of the time of reading one.
    """
    file.seek(8)
    is_whole = info.length and info.sample_rate > 1 and info.codec not in _BY_DESCRIPTION
    return bool(is_whole) and file.read(4) in _SOUND_BRANDS


def _loaded(file: BinaryIO, size: int) -> Any:  # mutagen's MP4
    """The file as mutagen reads it; one with a QuickTime `meta`, when that is put right."""
    try:
        mp4 = _load(file)
    except Exception as error:  # it raises nearly anything
        if (movie := _put_right(file, size)) is not None:
            with suppress(Exception):
                if (mp4 := _load(movie)).info.codec:
                    return mp4
        raise error from None
    movie = None if mp4.tags else _put_right(file, size)
    return mp4 if movie is None else _load(movie)


class _Atom(NamedTuple):
    """Where an atom's content stands."""

    name: bytes
    start: int
    end: int


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[_Atom]:
    """The atoms between two offsets, as far as they make sense."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        size, name = int.from_bytes(header[:4], "big"), header[4:8]
        length = 8
        if size == 1:
            size, length = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < length:
            return
        yield _Atom(name, start + length, min(start + size, end))
        start += size


def _inside(file: BinaryIO, atom: _Atom, *path: bytes) -> _Atom | None:
    """The first atom of that path in another."""
    found: _Atom | None = atom
    for name in path:
        if found is None:
            return None
        each = (inner for inner in _atoms(file, found.start, found.end) if inner.name == name)
        found = next(each, None)
    return found


def _content(file: BinaryIO, atom: _Atom | None, limit: int = 256) -> bytes:
    if atom is None:
        return b""
    file.seek(atom.start)
    return file.read(min(atom.end - atom.start, limit))


class _Track(NamedTuple):
    """A track of the movie."""

    kind: bytes
    """Of its handler: soun, vide …"""
    description: bytes
    """Its first sample description, with its size and format."""
    number: int
    units: int
    """Of its time, a second."""


def _tracks(file: BinaryIO, size: int) -> Iterator[_Track]:
    movie = _inside(file, _Atom(b"", 0, size), b"moov")
    for trak in _atoms(file, movie.start, movie.end) if movie else ():
        if trak.name != b"trak" or (media := _inside(file, trak, b"mdia")) is None:
            continue
        table = _inside(file, media, b"minf", b"stbl", b"stsd")
        header = _content(file, _inside(file, trak, b"tkhd"))
        media_header = _content(file, _inside(file, media, b"mdhd"))
        yield _Track(
            _content(file, _inside(file, media, b"hdlr"))[8:12],
            _content(file, table)[8:],
            int.from_bytes(header[20:24] if header[:1] == b"\1" else header[12:16], "big"),
            int.from_bytes(
                media_header[20:24] if media_header[:1] == b"\1" else media_header[12:16], "big"
            ),
        )


def _described(entry: bytes) -> tuple[int, int, int] | None:
    """Rate, channels and bits of a sound description where its usual fields have no place."""
    if entry[16:18] == b"\0\2" and len(entry) >= 72:  # version 2 of QuickTime
        rate, channels = struct.unpack_from(">dI", entry, 40)
        (bits,) = struct.unpack_from(">I", entry, 56)
        return (round(rate), channels, bits) if 0 < rate < 1e7 else None
    position = entry.find(b"dfLa")
    if entry[4:8] != b"fLaC" or position < 0 or len(entry) < position + 12 + 18:
        return None
    packed = int.from_bytes(entry[position + 12 + 10 : position + 12 + 18], "big")
    return packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1


def _fragmented_seconds(file: BinaryIO, size: int, track: _Track) -> float | None:
    """How long a track is whose samples stand in fragments: by these, else by their index."""
    units = indexed = 0
    default = 0
    for atom in _atoms(file, 0, size):
        if atom.name == b"moov":
            default = _default_duration(file, atom, track.number)
        elif atom.name == b"moof":
            units += sum(
                _run_units(file, part, track.number, default)
                for part in _atoms(file, atom.start, atom.end)
                if part.name == b"traf"
            )
        elif atom.name == b"sidx":
            indexed += _indexed_microseconds(_content(file, atom, atom.end - atom.start))
    if units and track.units:
        return units / track.units
    return indexed / 1e6 if indexed else None


def _default_duration(file: BinaryIO, movie: _Atom, number: int) -> int:
    """Of a sample of a track, by its `trex`."""
    extends = _inside(file, movie, b"mvex")
    for each in _atoms(file, extends.start, extends.end) if extends else ():
        content = _content(file, each)
        if each.name == b"trex" and content[4:8] == number.to_bytes(4, "big"):
            return int.from_bytes(content[12:16], "big")
    return 0


def _run_units(file: BinaryIO, part: _Atom, number: int, default: int) -> int:
    """The duration of a track's samples in one `traf`; 0 when it is another track's."""
    header = _content(file, _inside(file, part, b"tfhd"))
    if header[4:8] != number.to_bytes(4, "big"):
        return 0
    flags, position = int.from_bytes(header[1:4], "big"), 8
    position += 8 * bool(flags & 1) + 4 * bool(flags & 2)
    if flags & 8:
        default = int.from_bytes(header[position : position + 4], "big")
    units = 0
    for run in _atoms(file, part.start, part.end):
        if run.name == b"trun":
            units += _samples_units(_content(file, run, run.end - run.start), default)
    return units


def _samples_units(run: bytes, default: int) -> int:
    flags, count = int.from_bytes(run[1:4], "big"), int.from_bytes(run[4:8], "big")
    if not flags & 0x100:
        return count * default
    step = 4 * sum(bool(flags & flag) for flag in (0x100, 0x200, 0x400, 0x800))
    start = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    durations = range(start, min(start + count * step, len(run) - 3), step)
    return sum(int.from_bytes(run[each : each + 4], "big") for each in durations)


def _indexed_microseconds(index: bytes) -> int:
    """The duration of what a segment index lists."""
    units = int.from_bytes(index[8:12], "big")
    start = 32 if index[:1] == b"\1" else 24
    references = range(start, len(index) - 11, 12)
    total = sum(int.from_bytes(index[each + 4 : each + 8], "big") for each in references)
    return total * 1_000_000 // units if units else 0


def _put_right(file: BinaryIO, size: int) -> BinaryIO | None:
    """The movie alone, each `meta` that lacks version and flags with them; None if none does."""
    movie = _inside(file, _Atom(b"", 0, size), b"moov")
    if movie is None or movie.end - movie.start > _MOST_MOVIE:
        return None
    written = _content(file, movie, movie.end - movie.start)
    right = _with_full_meta(written)
    if right == written:
        return None
    return BytesIO(_atom(b"ftyp", b"M4A \0\0\0\0") + _atom(b"moov", right))


def _with_full_meta(content: bytes) -> bytes:
    inside, parts = BytesIO(content), []
    for atom in _atoms(inside, 0, len(content)):
        inner = content[atom.start : atom.end]
        if atom.name in {b"trak", b"udta"}:
            inner = _with_full_meta(inner)
        elif atom.name == b"meta" and inner[4:8] == b"hdlr":
            inner = bytes(4) + inner
        parts.append(_atom(atom.name, inner))
    return b"".join(parts)


def _atom(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def _media(file: BinaryIO, size: int) -> Spans:
    """The contents of the media data boxes, of which a fragmented file has one for each part."""
    boxes = islice(_atoms(file, 0, size), _MOST_BOXES)
    return [(box.start, box.end) for box in boxes if box.name == b"mdat"]


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
    return filled(mapped(atoms, _ATOMS), mapped(free, FREE_NAMES))


def _pictures(tags: Any) -> list[Picture]:  # mutagen's MP4Tags, or none
    covers = (picture(FRONT_COVER, "", bytes(data)) for data in tags.get("covr", []))
    return [cover for cover in covers if cover]


READERS: dict[str, Reader] = {"mp4": _read_mp4}
"""By container name."""
