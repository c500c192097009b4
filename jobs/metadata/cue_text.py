"""The text of a cue sheet: its album, the files that it names, and the tracks of each.

Source: the CDRWIN user guide, appendix A; https://wiki.hydrogenaud.io/index.php?title=Cue_sheet.
"""

import re
from dataclasses import dataclass, field

from jobs.metadata.text import Guessed
from jobs.tags import FREE_NAMES

MOST_CHARACTERS = 30_000
"""Of a sheet. A hundred tracks take some 15,000."""
_MOST_TRACKS = 500
_MOST_DIGITS = 4
_FRAMES = 75
"""A second."""
_TIME = re.compile(r"(\d{1,4}):([0-5]?\d):(\d\d?)")
_NAME_AND_TYPE = re.compile(r"(.+?)(?:\s+(?:wave|mp3|aiff|flac|binary|motorola))?", re.IGNORECASE)
_COMMANDS = {"title": "title", "performer": "artist", "songwriter": "composer", "isrc": "isrc"}
"""Each with the name that tags have for it."""
_NO_REMARKS = {*_COMMANDS.values(), "album", "albumartist", "tracknumber", "track", "lyrics"}


class SheetError(Exception):
    """Why a sheet is not used."""


@dataclass
class SheetTrack:
    """A TRACK."""

    number: int
    is_audio: bool
    said: dict[str, list[str]] = field(default_factory=dict)
    """By the free names of tags."""
    tags: dict[str, list[str]] = field(default_factory=dict)
    """What the tags of the file say of it, by field."""
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
