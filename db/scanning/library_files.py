"""Which files and folders of a library a scan takes: by their names, and by its scope."""

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import Expression, Field

from db.settings import cover_orders
from db.sql.queries import below, slices

READABLE_EXTENSIONS = frozenset(
    (
        *("mp3", "mp2", "mp1", "mpga"),
        *("flac", "fla"),
        *("ogg", "oga", "oggflac", "opus", "spx"),
        *("m4a", "m4b", "m4p", "m4r", "mp4"),
        *("wav", "wave", "bwf", "rf64"),
        *("aif", "aiff", "aifc", "afc"),
        *("wma", "asf"),
        *("aac", "adts", "adif", "ac3", "eac3"),
        *("ape", "wv", "tta", "tak", "ofr", "ofs"),
        *("mpc", "mp+", "mpp"),
        *("dsf", "dff"),
    )
)
"""Of formats that are read here."""

UNREADABLE_EXTENSIONS = frozenset(
    ("caf", "mka", "weba", "dts", "dtshd", "shn", "amr", "au", "snd", "w64", "ra", "la")
)
"""Music that musicfleet cannot read: discovery finds it, so that it is reported."""

AUDIO_EXTENSIONS = READABLE_EXTENSIONS | UNREADABLE_EXTENSIONS
"""Lower case, without the dot: what discovery picks up."""

ARTIST_NFO = "artist.nfo"
"""What Kodi and its like keep beside an artist's albums; its <thumb> may name a picture file."""

KNOWN_EXTENSIONS = AUDIO_EXTENSIONS | frozenset(cover_orders.EXTENSIONS)
"""Of music and of pictures."""

_LITTER = frozenset(
    (
        b"@eadir",
        b"#recycle",
        b"$recycle.bin",
        b"#snapshot",
        b"lost+found",
        b"system volume information",
    )
)
IGNORE_FILES = (b".nomedia", b".ndignore")
"""The files that hide what lies in their folder and below."""


def is_hidden(name: bytes) -> bool:
    """One leading dot hides; two or three begin the name of many an album."""
    return (name.startswith(b".") and not name.startswith(b"..")) or name.lower() in _LITTER


def is_of_interest(name: bytes) -> bool:
    """Whether a file of this name, or path, is one that a scan takes note of."""
    return extension_of(name) in KNOWN_EXTENSIONS or is_artist_nfo(name)


def is_artist_nfo(path: bytes) -> bool:
    """Whether a file may name an artist's pictures."""
    return os.path.basename(path).lower() == ARTIST_NFO.encode()


def extension_of(path: bytes) -> str:
    """The extension in lower case, without the dot; "" when there is none."""
    return os.path.splitext(path)[1][1:].lower().decode("ascii", "replace")


_TREES = 50
"""How many trees one statement asks for: each takes a term of its own."""


@dataclass(frozen=True)
class Scope:
    """Folders without what lies in folders below them, and trees with all of that.

    Absolute paths in the text form of `db.sql.path_text`. A tree may also be a file, or be gone.
    """

    folders: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Whether the scan covers a file or folder of that path."""
        if path in self.folders or posixpath.dirname(path) in self.folders:
            return True
        above = path
        while above not in self.trees:
            above, last = posixpath.dirname(above), above
            if above == last:
                return False
        return True

    def conditions(self, path: "Field[Any]", folder: "Field[Any]") -> Iterator[Expression]:
        """What finds the rows that it holds, by the indexes of both; a row may be found twice."""
        for part in slices(sorted(self.folders)):
            yield folder.in_(list(part))
        for part in slices(sorted(self.trees), _TREES):
            yield reduce(or_, ((path == tree) | below(path, tree) for tree in part))

    def as_json(self) -> dict[str, list[str]]:
        """As `scans.scope` keeps it."""
        return {"folders": sorted(self.folders), "trees": sorted(self.trees)}

    @classmethod
    def of(cls, folders: Iterable[str], trees: Iterable[str]) -> "Scope":
        """The scope of these paths."""
        return cls(frozenset(folders), frozenset(trees))
