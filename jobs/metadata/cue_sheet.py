"""Cue sheets: what the tracks of a file are, where it holds several, or what its tags lack.

A sheet lies beside the file or is one of its tags. One beside the file that can be used comes
first, for that is the one that people edit. A file of which a sheet says one track alone keeps its
tags, and the sheet says what they lack.

A sheet speaks of files in its own folder alone, whatever path it writes. Their names are compared
without case, and without extension where there is no such file: most were encoded after the sheet
was written. The sheet of a single file may be of the file that is called as the sheet is.

Source: the CDRWIN user guide, appendix A; https://wiki.hydrogenaud.io/index.php?title=Cue_sheet.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from posixpath import basename, dirname
from typing import Any

from db.files import read_small
from db.models import Guesses, Source
from db.scanning.library_files import AUDIO_EXTENSIONS, disc_of, extension_of, is_sheet
from db.settings.reading import tag_charsets
from db.sql.path_text import shown, to_bytes, to_text
from jobs.metadata.contents import Contents, RawTags
from jobs.metadata.fields import guesses_of, tags_of
from jobs.metadata.text import Guessed, decoded
from jobs.records import FoundFile, PartRecord
from jobs.tags import CUE_SHEET, FREE_NAMES, Tags

MOST_CHARACTERS = 30_000
"""Of a sheet. A hundred tracks take some 15,000."""
_MOST_BYTES = 4 * MOST_CHARACTERS
_MOST_TRACKS = 500
_MOST_DIGITS = 4
_FRAMES = 75
"""A second."""
_TIME = re.compile(r"(\d{1,4}):([0-5]?\d):(\d\d?)")
_NAME_AND_TYPE = re.compile(r"(.+?)(?:\s+(?:wave|mp3|aiff|flac|binary|motorola))?", re.IGNORECASE)
_COMMANDS = {"title": "title", "performer": "artist", "songwriter": "composer", "isrc": "isrc"}
"""Each with the name that tags have for it."""
_NO_REMARKS = {*_COMMANDS.values(), "album", "albumartist", "tracknumber", "track", "lyrics"}
_OF_OTHERS = (
    *("title", "track", "isrcs", "acoustid", "bpm", "key", "title_sort", "has_lyrics"),
    *("replaygain_track_gain", "replaygain_track_peak"),
    *("musicbrainz_recording_id", "musicbrainz_track_id"),
)
"""Tags of a file that say nothing of its parts."""


class SheetError(Exception):
    """Why a sheet is not used."""


@dataclass
class SheetTrack:
    """A TRACK."""

    number: int
    is_audio: bool
    said: dict[str, list[str]] = field(default_factory=dict)
    """By the free names of tags."""
    start: float = -1.0
    """Seconds from the beginning of the file; negative as long as it is not known."""

    @property
    def name(self) -> str:
        """As a sheet calls it."""
        return f"TRACK {self.number:02}"


@dataclass
class Sheet:
    """What a sheet says."""

    said: dict[str, list[str]] = field(default_factory=dict)
    """Of the album, as of a track."""
    files: dict[str, list[SheetTrack]] = field(default_factory=dict)
    """The tracks of each FILE, by its name as written."""
    is_certain: bool = True
    """Whether its character set was not guessed."""

    @property
    def total(self) -> int:
        """How many tracks it has that are no data."""
        return sum(track.is_audio for tracks in self.files.values() for track in tracks)


@dataclass(frozen=True)
class Described:
    """A file with what sheets say of it."""

    tags: Tags
    """Those of the file, or what is common to its parts."""
    guessed: Guesses
    parts: list[PartRecord] = field(default_factory=list)
    """None for a file that is one track."""
    sheets: dict[str, str | None] = field(default_factory=dict)
    """Of each sheet why it is not used, or None; by its path, or the file's for one in it."""


def described(contents: Contents, file: FoundFile, duration: float | None) -> Described:
    """What the tags of a file of so many seconds say, and sheets beside it and in it."""
    beside = [path for path in file.beside if is_sheet(path)]
    tags, guessed = tags_of(contents.tags), guesses_of(contents.tags)
    text = next(iter(contents.tags.get(CUE_SHEET, [])), "")
    if not beside and not text:
        return Described(tags, guessed)
    notes: dict[str, str | None] = {}
    best = _beside(file.path, beside, duration, notes) or _inside(file.path, text, duration, notes)
    if best is None:
        return Described(tags, guessed, sheets=notes)
    sheet, tracks = best
    if len(tracks) > 1:
        found = _divided(tags, sheet, tracks, duration)
        disc = found.tags.disc or disc_of(_stem(file.path))
        guessed |= found.guessed
        guessed |= {} if disc == found.tags.disc else {"disc": Source.FILE_NAME}
        return replace(found, tags=replace(found.tags, disc=disc), guessed=guessed, sheets=notes)
    lacked = _lacked(tags, sheet, tracks[0])
    guessed |= dict.fromkeys(lacked, Source.CUE_SHEET)
    return Described(replace(tags, **lacked), guessed, sheets=notes)


_Found = tuple[Sheet, list[SheetTrack]]


def _beside(
    path: str, sheets: Sequence[str], duration: float | None, notes: dict[str, str | None]
) -> _Found | None:
    """The best of the sheets that are of this file; why others are not used goes to `notes`.

    Better is what needs no guess of its character set, then what is called as the file is.
    """
    folder = _Folder.of(dirname(path)) if sheets else _Folder([])
    found: dict[tuple[bool, bool, str], _Found] = {}
    for each in sheets:
        try:
            sheet = _read(each)
            tracks = _of_file(sheet, basename(path), each, folder)
            if tracks is not None:
                _check(tracks, duration)
                order = not sheet.is_certain, _stem(each) != _stem(path), each
                found[order] = sheet, tracks
        except SheetError as error:
            notes[each] = str(error)
    if not found:
        return None
    best = min(found)
    used = f"{shown(basename(best[-1]))} says the tracks of {shown(basename(path))}"
    notes |= {each[-1]: None if each == best else used for each in found}
    return found[best]


def _inside(
    path: str, text: str, duration: float | None, notes: dict[str, str | None]
) -> _Found | None:
    """What a sheet in the tags of the file says; why it is not used goes to `notes`."""
    if not text:
        return None
    try:
        sheet = parse(text)
        tracks = _of_file(sheet, basename(path), path, _Folder([basename(path)])) or []
        _check(tracks, duration)
    except SheetError as error:
        notes[path] = f"in the tags of the file: {error}"
        return None
    notes[path] = None
    return sheet, tracks


def _divided(
    tags: Tags, sheet: Sheet, tracks: Sequence[SheetTrack], duration: float | None
) -> Described:
    """The parts of a file. What the sheet does not say of the album the file's tags say."""
    whole = replace(tags, **{name: getattr(Tags(), name) for name in _OF_OTHERS})
    raw = _raw(sheet, _of_album(sheet))
    common = replace(whole, **_said(tags_of(raw), whole), track_total=sheet.total)
    parts = []
    ends = [*(track.start for track in tracks[1:]), duration]
    for track, end in zip(tracks, ends, strict=True):
        if track.is_audio:
            own = _raw(sheet, track.said)
            said = {"title": None, **_said(tags_of(own), common), "track": track.number}
            length = None if end is None else round(end - track.start, 3)
            parts.append(PartRecord(track.number, track.start, length, said, guesses_of(own)))
    first = {name: parts[0].tags[name] for name in ("title", "track")}  # names are not asked
    return Described(replace(common, **first), guesses_of(raw), parts)


def _of_album(sheet: Sheet) -> dict[str, list[str]]:
    """What a sheet says of the album, by names of tags: its performer is that of each track."""
    as_album = {"title": "album", "artist": "albumartist"}
    said = {as_album.get(name, name): values for name, values in sheet.said.items()}
    return said | {name: each for name, each in sheet.said.items() if name == "artist"}


def _raw(sheet: Sheet, said: dict[str, list[str]]) -> RawTags:
    """As the readers have tags."""
    as_read = str if sheet.is_certain else Guessed
    return {FREE_NAMES[name]: list(map(as_read, values)) for name, values in said.items()}


_HANGING = {
    "artists": ("artist_credit", "artist_sorts", "musicbrainz_artist_ids"),
    "album_artists": ("album_artist_credit", "album_artist_sorts", "musicbrainz_album_artist_ids"),
    "album": ("album_sort",),
}
"""What belongs to a value, and goes with it."""


def _said(said: Tags, before: Tags) -> dict[str, Any]:
    """The fields that something is said of, and those that go with what is otherwise by it."""
    found: dict[str, Any] = {}
    for name, value in vars(said).items():
        if value:
            found[name] = value
            others = _HANGING.get(name, ()) if value != getattr(before, name) else ()
            found |= {each: getattr(said, each) for each in others}
    return found


def _lacked(tags: Tags, sheet: Sheet, track: SheetTrack) -> dict[str, Any]:
    """What the sheet says of a file that is one track, and its tags do not."""
    said = tags_of(_raw(sheet, {**_of_album(sheet), **track.said}))
    found = vars(replace(said, track=track.number, track_total=sheet.total)).items()
    return {name: each for name, each in found if each and not getattr(tags, name)}


def _check(tracks: Sequence[SheetTrack], duration: float | None) -> None:
    """Raises SheetError for times that cannot be."""
    if not any(track.is_audio for track in tracks):
        raise SheetError("it has no TRACK that is AUDIO")
    for track, later in pairwise(tracks):
        if later.start <= track.start:
            raise SheetError(f"{later.name} does not begin after {track.name}")
    last = tracks[-1]
    if duration is not None and len(tracks) > 1 and last.start >= duration:
        raise SheetError(
            f"{last.name} begins at {last.start:.1f} s, and the file ends at {duration:.1f} s"
        )
    numbers = [track.number for track in tracks]
    if len(set(numbers)) < len(numbers) or 0 in numbers:
        for number, track in enumerate(tracks, 1):
            track.number = number


class _Folder:
    """The names of the audio files of a folder."""

    def __init__(self, names: Iterable[str]) -> None:
        self._ways: list[dict[str, list[str]]] = [{}, {}, {}]
        for name in names:
            for way, key in zip(self._ways, _keys(name), strict=True):
                way.setdefault(key, []).append(name)

    @classmethod
    def of(cls, folder: str) -> "_Folder":
        """Those in this folder; none when it cannot be listed."""
        try:
            names = os.listdir(to_bytes(folder))
        except OSError:
            names = []
        return cls(to_text(each) for each in names if extension_of(each) in AUDIO_EXTENSIONS)

    def meant(self, written: str, own: str | None) -> list[str]:
        """The files that a FILE may mean: by the best way that finds any, or by its `own` name."""
        name = re.split(r"[\\/]", written)[-1]
        ways = [*zip(self._ways, _keys(name), strict=True)]
        ways += [(way, own) for way in self._ways[1:] if own]
        return next(filter(None, (way.get(key) for way, key in ways)), [])


def _keys(name: str) -> tuple[str, str, str]:
    return name, _plain(name), _stem(name)


def _of_file(sheet: Sheet, name: str, sheet_path: str, folder: _Folder) -> list[SheetTrack] | None:
    """The tracks that a sheet says of this file of the folder; None when it is of another.

    Raises SheetError for one that is of none.
    """
    own = _stem(sheet_path) if len(sheet.files) == 1 else None
    meant = {written: folder.meant(written, own) for written in sheet.files}
    if not any(meant.values()):
        named = ", ".join(map(repr, sheet.files))
        raise SheetError(f"no audio file beside it is what it names: {named[:200]}")
    return next((sheet.files[each] for each in meant if name in meant[each]), None)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(path: str) -> str:
    return _plain(os.path.splitext(basename(path))[0])


def _read(path: str) -> Sheet:
    """The sheet in a file. Raises SheetError."""
    try:
        status = os.stat(to_bytes(path))
        return _read_once(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise SheetError(f"it cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=64)
def _read_once(path: str, *_: int) -> Sheet:
    """The sheet in a file of this size and time: the files of an album mostly have one."""
    data, is_whole = read_small(to_bytes(path), _MOST_BYTES)
    if not is_whole:
        raise SheetError(f"it has more than {_MOST_BYTES:,} bytes")
    return parse(decoded(data, tag_charsets()))


def parse(text: str) -> Sheet:
    """What a text says as a cue sheet. Raises SheetError for one that cannot be used."""
    if len(text) > MOST_CHARACTERS:
        raise SheetError(f"it has more than {MOST_CHARACTERS:,} characters")
    reading = _Reading(Sheet(is_certain=not isinstance(text, Guessed)))
    for line in re.split(r"\r\n|\r|\n", text):
        word, *rest = line.strip("\ufeff \t\0").split(None, 1) or [""]
        reading.take(word.casefold(), *rest)
    if not reading.tracks:
        raise SheetError("it has no TRACK")
    if lacking := next((each for each in reading.tracks if each.is_audio and each.start < 0), None):
        raise SheetError(f"{lacking.name} has no INDEX 01")
    return reading.sheet


class _Reading:
    """The lines of a sheet, one after the other."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.tracks: list[SheetTrack] = []
        self._file = ""

    def take(self, word: str, rest: str = "") -> None:
        """Take a line: its command and what follows. What is none is passed over."""
        if word in _COMMANDS:
            self._said.setdefault(_COMMANDS[word], [_unquoted(rest)])
        elif word == "rem":
            self._remark(*rest.split(None, 1))
        elif word == "file":
            self._file = _file_name(rest)
        elif word == "track":
            number, *kind = rest.split() or ["0"]
            if len(self.tracks) == _MOST_TRACKS:
                raise SheetError(f"it has more than {_MOST_TRACKS} tracks")
            is_audio = not kind or kind[0].casefold() == "audio"
            self.tracks.append(SheetTrack(_number(number), is_audio))
        elif word == "index":
            self._index(rest)

    @property
    def _said(self) -> dict[str, list[str]]:
        return self.tracks[-1].said if self.tracks else self.sheet.said

    def _remark(self, name: str = "", value: str = "") -> None:
        """A REM names a tag: DATE, GENRE, DISCNUMBER, REPLAYGAIN_TRACK_GAIN."""
        plain = "".join(filter(str.isalnum, name.casefold()))
        if plain in FREE_NAMES and plain not in _NO_REMARKS:
            self._said.setdefault(plain, [_unquoted(value)])

    def _index(self, rest: str) -> None:
        """INDEX 01 is where a track begins; what is before it belongs to the track before."""
        number, *times = rest.split() or [""]
        if not self.tracks or _number(number) != 1:
            return
        track, time = self.tracks[-1], " ".join(times)
        match = _TIME.fullmatch(time)
        if match is None or int(match[3]) >= _FRAMES:
            raise SheetError(f"{track.name} begins at {time[:20]!r}, which is no time")
        if track.start < 0:
            minutes, seconds, frames = map(int, match.groups())
            track.start = 60 * minutes + seconds + frames / _FRAMES
            self.sheet.files.setdefault(self._file, []).append(track)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _unquoted(text: str) -> str:
    return text.strip().removeprefix('"').removesuffix('"')


def _file_name(rest: str) -> str:
    """The name behind FILE, without the type that follows it."""
    rest = rest.strip()
    if rest.startswith('"') and rest.count('"') > 1:
        return rest[1 : rest.rindex('"')]
    match = _NAME_AND_TYPE.fullmatch(rest)
    return match[1] if match else rest
