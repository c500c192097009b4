"""Cue sheets: what the tracks of a file are, where it holds several, or what its tags lack.

A sheet lies beside the file or is one of its tags. One beside the file that can be used comes
first, for that is the one that people edit. A file of which a sheet says one track alone keeps its
tags, and the sheet says what they lack.

A sheet speaks of files in its own folder, whatever path it writes, and of those in the folders of
discs in it. Names are compared without case, and without extension where there is no such file:
most were encoded after the sheet was written. The sheet of a single file may be of the file that is
called as the sheet is. Where several discs have such a file, it is that of the folder which the
sheet names, or of the disc in the sheet's own name.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from math import inf
from posixpath import basename, dirname
from typing import Any

from db.files import read_small
from db.models import Guesses, Source
from db.scanning.library_files import (
    AUDIO_EXTENSIONS,
    disc_of,
    extension_of,
    is_disc_folder,
    is_sheet,
)
from db.settings.reading import tag_charsets
from db.sql.path_text import shown, to_bytes, to_text
from jobs.metadata.contents import Contents, RawTags
from jobs.metadata.cue_text import MOST_CHARACTERS, Sheet, SheetError, SheetTrack, parse
from jobs.metadata.fields import guesses_of, lyrics_of, tags_of
from jobs.metadata.text import MAX_LYRICS, Guessed, decoded, lyrics_between
from jobs.records import FoundFile, LyricsText, PartRecord
from jobs.tags import CUE_PARTS, CUE_SHEET, FREE_NAMES, Tags

_MOST_BYTES = 4 * MOST_CHARACTERS
_MOST_DISCS = 100
_OF_OTHERS = (
    *("title", "track", "isrcs", "acoustid", "bpm", "key", "title_sort", "has_lyrics"),
    *("replaygain_track_gain", "replaygain_track_peak"),
    *("musicbrainz_recording_id", "musicbrainz_track_id"),
)
"""Tags of a file that say nothing of its parts."""


class _UnreadError(Exception):
    """The number and the words of what keeps a sheet from being read."""


@dataclass(frozen=True)
class Described:
    """A file with what sheets say of it."""

    tags: Tags
    """Those of the file, or what is common to its parts."""
    guessed: Guesses
    parts: list[PartRecord] = field(default_factory=list)
    """None for a file that is one track."""
    unread: dict[str, Sequence[Any]] = field(default_factory=dict)
    """Sheets that could not be read: the number of the error and its words."""
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
    unread: dict[str, Sequence[Any]] = {}
    best = _beside(file.path, beside, duration, notes, unread)
    best = best or _inside(file.path, text, duration, notes)
    if best is None:
        return Described(tags, guessed, unread=unread, sheets=notes)
    sheet, tracks = best
    if len(tracks) > 1:
        tracks = _with_own_tags(tracks, contents.tags.get(CUE_PARTS, []))
        found = _divided(tags, sheet, tracks, duration)
        disc = found.tags.disc or disc_of(_stem(file.path))
        guessed |= found.guessed
        guessed |= {} if disc == found.tags.disc else {"disc": Source.FILE_NAME}
        found = replace(found, tags=replace(found.tags, disc=disc), guessed=guessed)
        return replace(found, unread=unread, sheets=notes)
    lacked = _lacked(tags, sheet, tracks[0])
    guessed |= dict.fromkeys(lacked, Source.CUE_SHEET)
    return Described(replace(tags, **lacked), guessed, unread=unread, sheets=notes)


_Found = tuple[Sheet, list[SheetTrack]]


def _beside(
    path: str,
    sheets: Sequence[str],
    duration: float | None,
    notes: dict[str, str | None],
    unread: dict[str, Sequence[Any]],
) -> _Found | None:
    """The best of the sheets that are of this file; why others are not used goes to `notes`.

    What cannot be read goes to `unread`.

    Better is what needs no guess of its character set, then what is called as the file is.
    """
    folders = {each: _Folder.of(each) for each in {dirname(sheet) for sheet in sheets}}
    found: dict[tuple[bool, bool, str], _Found] = {}
    for each in sheets:
        try:
            sheet = _read(each)
            tracks = _of_file(sheet, path, each, folders[dirname(each)])
            if tracks is not None:
                _check(tracks, duration)
                order = not sheet.is_certain, _stem(each) != _stem(path), each
                found[order] = sheet, tracks
        except SheetError as error:
            notes[each] = str(error)
        except _UnreadError as error:
            unread[each] = error.args
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
        tracks = _of_file(sheet, path, path, _Folder([path])) or []
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
            own = {**track.tags, **_raw(sheet, track.said)}
            said = {"title": None, **_said(tags_of(own), common), "track": track.number}
            length = None if end is None else round(end - track.start, 3)
            about = said, guesses_of(own), lyrics_of(own)
            parts.append(PartRecord(track.number, track.start, length, *about))
    first = {name: parts[0].tags[name] for name in ("title", "track")}  # names are not asked
    return Described(replace(common, **first), guesses_of(raw), parts)


def _with_own_tags(tracks: Sequence[SheetTrack], of_parts: Iterable[str]) -> list[SheetTrack]:
    """The tracks with what the file's tags say of each, see `jobs.metadata.contents.mapped`."""
    copies = [replace(track, tags={}) for track in tracks]
    by_number = {track.number: track for track in copies}
    for number, name, value in (each.split("\0", 2) for each in of_parts):
        if track := by_number.get(int(number)):
            track.tags.setdefault(name, []).append(value)
    return copies


def with_lyrics(parts: Sequence[PartRecord], of_file: Iterable[LyricsText]) -> list[PartRecord]:
    """The parts, each with its lines of the synced lyrics of the whole file, if it has none itself.

    What of them is sung when a text without times does not say, so no part has it.
    """
    left, found = 2 * MAX_LYRICS, []
    synced = [each for each in of_file if each.is_synced]
    for part in parts:
        end = inf if part.duration is None else part.start + part.duration
        cut = [replace(each, text=lyrics_between(each.text, part.start, end)) for each in synced]
        lyrics = part.lyrics or [each for each in cut if each.text]
        left -= sum(len(each.text) for each in lyrics)
        kept = lyrics if left >= 0 else []
        tags = part.tags | ({"has_lyrics": bool(kept)} if lyrics else {})
        found.append(replace(part, lyrics=kept, tags=tags))
    return found


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
    """The audio files of a folder, and of the folders of discs in it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._ways: list[dict[str, list[str]]] = [{}, {}, {}]
        for path in paths:
            for way, key in zip(self._ways, _keys(basename(path)), strict=True):
                way.setdefault(key, []).append(path)

    @classmethod
    def of(cls, folder: str) -> "_Folder":
        """Those that can be listed."""
        names = _names_in(folder)
        discs = [f"{folder}/{each}" for each in names if is_disc_folder(each)]
        own = [f"{folder}/{each}" for each in names]
        below = [f"{disc}/{each}" for disc in discs[:_MOST_DISCS] for each in _names_in(disc)]
        return cls(each for each in own + below if extension_of(to_bytes(each)) in AUDIO_EXTENSIONS)

    def meant(self, written: str, sheet_path: str, own: str | None) -> list[str]:
        """The files that a FILE may mean: by the best way that finds any, or by its `own` name."""
        *above, name = re.split(r"[\\/]", written)
        ways = [*zip(self._ways, _keys(name), strict=True)]
        ways += [(way, own) for way in self._ways[1:] if own]
        found = next(filter(None, (way.get(key) for way, key in ways)), [])
        if len({dirname(each) for each in found}) > 1:
            disc, here = disc_of(_stem(sheet_path)), dirname(sheet_path)
            named = [each for each in found if above and _is_called(each, above[-1])]
            named = named or [each for each in found if dirname(each) == here]
            found = named or [each for each in found if disc and disc_of(dirname(each)) == disc]
        return found

    def holds(self, names: Iterable[str]) -> bool:
        """Whether any file is called so, in whichever folder."""
        keys = [_keys(re.split(r"[\\/]", name)[-1]) for name in names]
        return any(key in way for each in keys for way, key in zip(self._ways, each, strict=True))


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(map(to_text, os.listdir(to_bytes(folder))))
    except OSError:
        return []


def _is_called(path: str, folder: str) -> bool:
    return _plain(basename(dirname(path))) == _plain(folder)


def _keys(name: str) -> tuple[str, str, str]:
    return name, _plain(name), _stem(name)


def _of_file(sheet: Sheet, path: str, sheet_path: str, folder: _Folder) -> list[SheetTrack] | None:
    """The tracks that a sheet says of this file of the folder; None when it is of another.

    Raises SheetError for one that is of none.
    """
    own = _stem(sheet_path) if len(sheet.files) == 1 else None
    meant = {written: folder.meant(written, sheet_path, own) for written in sheet.files}
    if not any(meant.values()):
        named = ", ".join(map(repr, sheet.files))
        if folder.holds(sheet.files):
            raise SheetError(f"files in several folders are called as it names: {named[:200]}")
        raise SheetError(f"no audio file beside it is what it names: {named[:200]}")
    return next((sheet.files[each] for each in meant if path in meant[each]), None)


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
        raise _UnreadError(error.errno or 0, error.strerror or str(error)) from error


@lru_cache(maxsize=64)
def _read_once(path: str, *_: int) -> Sheet:
    """The sheet in a file of this size and time: the files of an album mostly have one."""
    data, is_whole = read_small(to_bytes(path), _MOST_BYTES)
    if not is_whole:
        raise SheetError(f"it has more than {_MOST_BYTES:,} bytes")
    return parse(decoded(data, tag_charsets()))
