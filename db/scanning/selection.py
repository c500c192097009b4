"""What a scan takes of a library and what it leaves out: by rule, and by what the owner set.

The litter of systems and programs is what Navidrome, Syncthing and MusicBrainz Picard leave out,
and what Synology, QNAP, Samba, Windows and macOS name in their manuals.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from db import settings
from db.errors import SettingError
from db.scanning.library_files import (
    AUDIO_EXTENSIONS,
    CONTAINER_EXTENSIONS,
    FILM_EXTENSIONS,
    VIDEO_EXTENSIONS,
    extension_of,
    is_companion,
    recordable,
)
from db.settings import cover_orders
from db.sql.path_text import shown, to_text


class LeftOut(StrEnum):
    """Why a scan does not take an entry of a folder. A folder counts as one, whatever is in it."""

    OTHER = "other"
    HIDDEN = "hidden"
    HIDDEN_MUSIC = "hidden-music"
    LITTER = "litter"
    IGNORED = "ignored"
    OWN = "own"
    LINK = "link"
    LINK_OUT = "link-out"
    LINK_BROKEN = "link-broken"
    CONTAINER = "container"
    VIDEO = "video"
    CUE = "cue"
    NO_FILE = "no-file"
    LONG_PATH = "long-path"
    UNREADABLE = "unreadable"


_MEANINGS: dict[str, str] = {
    LeftOut.OTHER: "neither music nor pictures",
    LeftOut.HIDDEN: "hidden",
    LeftOut.HIDDEN_MUSIC: "hidden, with music inside",
    LeftOut.LITTER: "put there by a system or a NAS",
    LeftOut.IGNORED: "by .nomedia or .ndignore",
    LeftOut.OWN: "of the fleet itself",
    LeftOut.LINK: "linked to what is found anyway",
    LeftOut.LINK_OUT: "linked to another place",
    LeftOut.LINK_BROKEN: "linked to nothing",
    LeftOut.CONTAINER: "in a format that is not taken",
    LeftOut.VIDEO: "with a video",
    LeftOut.CUE: "named .cue, with no music beside",
    LeftOut.NO_FILE: "a pipe, socket or device",
    LeftOut.LONG_PATH: "with a path that is too long",
    LeftOut.UNREADABLE: "beside music that may not be read",
}
"""Behind a number: of one or of many."""
_REMEDIES: dict[str, str] = {
    LeftOut.HIDDEN_MUSIC: "FLEET_HIDDEN=on takes it in",
    LeftOut.LITTER: "move out of there what is yours",
    LeftOut.LINK_OUT: "FLEET_FOLLOW_LINKS=on follows it",
    LeftOut.LINK_BROKEN: "repair or remove it",
    LeftOut.CONTAINER: "FLEET_EXTENSIONS={extensions} takes it in",
    LeftOut.VIDEO: "FLEET_EXTENSIONS={extensions} takes in the sound",
    LeftOut.UNREADABLE: "give the fleet's user the right to read it",
    LeftOut.CUE: "put it beside the file that it is of",
}
"""What may be music that somebody misses, and what to do then."""


def left_out_text(counts: Mapping[str, int] | None) -> str:
    """How many entries were left out, and why, the most first; "" for none."""
    ordered = sorted((counts or {}).items(), key=lambda each: -each[1])
    return ", ".join(f"{count:,} {_MEANINGS[reason]}" for reason, count in ordered if count)


_LITTER = frozenset(
    (
        # Synology
        *(b"@eadir", b"@tmp", b"@sharebin", b"@sharesnap", b"@synoresource"),
        *(b"#recycle", b"#snapshot"),
        # QNAP
        *(b"@recycle", b"@recently-snapshot", b"@__thumb", b"@transcode", b".streams", b".qsync"),
        # Windows
        *(b"$recycle.bin", b"system volume information"),
        # macOS and what shares files with it
        *(b"__macosx", b"network trash folder", b"temporary items", b"thevolumesettingsfolder"),
        *(b".appledouble", b".appledb", b".appledesktop", b".temporaryitems", b".fseventsd"),
        *(b".ds_store", b".documentrevisions-v100", b".spotlight-v100", b".localized"),
        # Linux and other systems
        *(b"lost+found", b".snapshot", b".snapshots", b"~snapshot", b".zfs", b".thumbnails"),
        # programs that keep folders equal
        *(b".stversions", b".stfolder", b".stignore", b".sync", b".dropbox", b".dropbox.cache"),
    )
)
"""In lower case."""
_LITTER_AS_WRITTEN = frozenset((b"RECYCLER", b"RECYCLED"))
"""Of older Windows; "Recycler" is an album."""
_LITTER_BEGINS = (
    *(b"._", b".trash", b".@", b".nfs0", b".fuse_hidden", b".syncthing.", b"~syncthing~"),
)
_THUMBNAILS = frozenset((b"@eadir", b"@__thumb", b".@__thumb", b".ds_store", b".appledouble"))
"""Litter that may lie in each folder and never has music of its owner."""


def is_litter(name: bytes) -> bool:
    """Whether a system or program leaves a file or folder of this name."""
    lower = name.lower()
    return lower in _LITTER or lower.startswith(_LITTER_BEGINS) or name in _LITTER_AS_WRITTEN


_MOST_HIDDEN = 1_000
"""Files of a hidden folder among which music is looked for."""


@dataclass(frozen=True)
class Selection:
    """What a scan takes."""

    hidden: bool = False
    """Whether what has a name that begins with a dot is taken; litter never is."""
    follow_links: bool = False
    """Whether symbolic links that lead out of the root are followed."""
    extensions: frozenset[str] = frozenset()
    """Extensions that are taken too, in lower case, without the dot."""

    @classmethod
    def of_settings(cls) -> "Selection":
        """What the owner set. Raises SettingError."""
        return cls(
            settings.switch("FLEET_HIDDEN"),
            settings.switch("FLEET_FOLLOW_LINKS"),
            _extensions(),
        )

    @property
    def audio(self) -> frozenset[str]:
        """The extensions of files that are read; what is in a video file reading decides."""
        return AUDIO_EXTENSIONS | VIDEO_EXTENSIONS | self.extensions

    def refusal(self, name: bytes) -> LeftOut | None:
        """Why nothing of this name is taken; None for any that may be.

        One leading dot hides; two or three begin the name of many an album.
        """
        if is_litter(name):
            return LeftOut.LITTER
        if name.startswith(b".") and not name.startswith(b"..") and not self.hidden:
            return LeftOut.HIDDEN
        return None

    def kind_of(self, path: bytes) -> "Kind | LeftOut":
        """What a file of this name, or path, is to a scan."""
        extension = extension_of(path)
        if extension in AUDIO_EXTENSIONS or extension in self.extensions:
            return Kind.AUDIO
        if extension in cover_orders.EXTENSIONS or is_companion(os.fsdecode(path)):
            return Kind.IMAGE
        if extension in VIDEO_EXTENSIONS:
            return Kind.AUDIO
        return _OTHERS.get(extension, LeftOut.OTHER)

    def is_of_interest(self, path: bytes) -> bool:
        """Whether a file of this name, or path, is one that a scan takes note of."""
        return isinstance(self.kind_of(path), Kind)

    def holds_music(self, entry: os.DirEntry[bytes]) -> bool:
        """Whether a hidden file is music, or a hidden folder holds any, as far as that is seen."""
        if not entry.is_dir(follow_symlinks=False):
            return self.kind_of(entry.name) is Kind.AUDIO
        seen = 0
        for _, folders, files in os.walk(entry.path):
            folders[:] = [name for name in folders if not self.refusal(name)]
            if any(self.kind_of(name) is Kind.AUDIO for name in files):
                return True
            seen += 1 + len(files)
            if seen > _MOST_HIDDEN:
                break
        return False


class Kind(StrEnum):
    """What a scan takes a file for."""

    AUDIO = "audio"
    IMAGE = "image"
    """A picture, or what speaks of music: see `db.scanning.library_files.is_companion`."""


_OTHERS = {
    **dict.fromkeys(CONTAINER_EXTENSIONS, LeftOut.CONTAINER),
    **dict.fromkeys(FILM_EXTENSIONS, LeftOut.VIDEO),
}
_EXTENSION = re.compile(r"[a-z0-9+_-]{1,10}")


def _extensions() -> frozenset[str]:
    """What FLEET_EXTENSIONS names. Raises SettingError."""
    words = os.environ.get("FLEET_EXTENSIONS", "").replace(",", " ").split()
    found = [word.lower().removeprefix("*").removeprefix(".") for word in words]
    for word, extension in zip(words, found, strict=True):
        if not _EXTENSION.fullmatch(extension):
            raise SettingError(
                f"FLEET_EXTENSIONS names {word!r}, which is no extension — write extensions with "
                "commas, such as mkv, mod"
            )
        if extension in cover_orders.EXTENSIONS:
            raise SettingError(
                f"FLEET_EXTENSIONS names {word!r}, which is one of pictures — leave it out"
            )
    return frozenset(found)


_MOST_NOTES = 2_000
"""Folders with notes; what further ones leave out is only counted."""
_MOST_NAMES = 3


class Note(NamedTuple):
    """What may be music and was not taken from a folder."""

    reason: LeftOut
    """The one of most of it."""
    text: str


class Tally:
    """What a walk leaves out: how much for which reason, and notes of what may be music."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._names: dict[str, dict[LeftOut, list[str]]] = {}
        """The names of what may be music, by folder and reason."""

    def add(self, path: bytes, reason: LeftOut) -> None:
        """Count an entry that is not taken."""
        self.counts[reason] += 1
        folder, name = os.path.split(path)
        if reason not in _REMEDIES or _is_thumbnails(name):
            return
        place = recordable(to_text(folder))
        if place in self._names or len(self._names) < _MOST_NOTES:
            self._names.setdefault(place, {}).setdefault(reason, []).append(shown(to_text(name)))

    def notes(self) -> dict[str, Note]:
        """The note of each folder from which music may be missing."""
        return {folder: _note(names) for folder, names in self._names.items()}


def _is_thumbnails(name: bytes) -> bool:
    """Whether litter of this name is never somebody's music."""
    return name.lower() in _THUMBNAILS or name.startswith(b"._")


def _note(names: Mapping[LeftOut, list[str]]) -> Note:
    most = sorted(names, key=lambda each: -len(names[each]))
    return Note(most[0], "; ".join(note_text(each, names[each]) for each in most))


def note_text(reason: LeftOut, names: Sequence[str]) -> str:
    """How many entries were left out for a reason, the first names, and what may be done."""
    some = ", ".join(sorted(names)[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    extensions = sorted({extension_of(name.encode()) for name in names})
    remedy = _REMEDIES[reason].format(extensions=",".join(extensions))
    return f"{len(names):,} {_MEANINGS[reason]} ({some}) — {remedy}"
