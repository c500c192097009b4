"""The files and folders of a library: what they are by their names, and which belong together."""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import Expression, Field

from db.sql.path_text import is_under, shown
from db.sql.queries import below, slices

READER = 3
"""The version of reading. Raise it when more is read of a file, or otherwise: what an older one has
read, or could not read, the next scan reads again, though the file is unchanged. Of what concerns
just some formats, raise theirs in `_LATER`."""

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
        *("mka", "weba"),
    )
)
"""Of formats that are read here."""

UNREADABLE_EXTENSIONS = frozenset(
    ("caf", "dts", "dtshd", "shn", "amr", "au", "snd", "w64", "ra", "la")
)
"""Music that only FFmpeg may read: discovery finds it, so that it is read or reported."""

_LATER = dict.fromkeys(("mka", "weba", "mkv", "webm", *UNREADABLE_EXTENSIONS), 2)
"""By extension versions beyond READER: 2 identifies the sound of what FFmpeg reads."""


def reader_of(path: str) -> int:
    """The version of the reader of a file by its name."""
    return _LATER.get(path.rpartition(".")[2].lower(), READER)


AUDIO_EXTENSIONS = READABLE_EXTENSIONS | UNREADABLE_EXTENSIONS
"""Lower case, without the dot: what discovery picks up."""

VIDEO_EXTENSIONS = frozenset(("mkv", "webm", "mov", "m4v", "3gp", "3g2"))
"""Of containers that hold sound alone or a video: discovery picks them up too, reading decides."""

FILM_EXTENSIONS = frozenset(
    (
        *("avi", "divx", "wmv", "flv", "f4v", "mpg", "mpeg", "m2v", "vob", "ts", "mts", "m2ts"),
        *("ogv", "ogm", "rm", "rmvb", "mk3d"),
    )
)
"""Of containers that hold a video as a rule."""

CONTAINER_EXTENSIONS = frozenset(
    (
        *("mod", "xm", "it", "s3m", "mtm", "stm", "med", "669", "umx", "mptm"),
        *("mid", "midi", "kar", "rmi"),
        *("sid", "nsf", "nsfe", "spc", "vgm", "vgz", "gbs", "hes", "sap", "psf", "minipsf"),
        *("aa", "aax", "aaxc", "oma", "omg", "aa3", "at3", "at9", "vqf", "adx", "brstm"),
        *("voc", "iff", "8svx", "gsm", "dss", "mlp", "thd", "truehd", "nist", "sph", "paf"),
    )
)
"""Of sound, and of scores that a synthesiser plays, in formats that hardly a player reads."""

ARTIST_NFO = "artist.nfo"
"""What Kodi and its like keep beside an artist's albums; its <thumb> may name a picture file."""

ALBUM_NFO = "album.nfo"
"""What they keep beside an album."""
LYRICS_EXTENSION = "lrc"
SHEET_EXTENSION = "cue"
_MOST_SHEETS = 20
"""Of those in its folder a file is read with, those called as it is first."""

IGNORE_FILES = (b".nomedia", b".ndignore")
"""The files that hide what lies in their folder and below."""


def is_companion(path: str) -> bool:
    """Whether a file says something of the music beside it: its lyrics, tracks, artist or album."""
    name = path.rpartition("/")[2].lower()
    return name in (ARTIST_NFO, ALBUM_NFO) or name.endswith(_BESIDE)


_BESIDE = (f".{LYRICS_EXTENSION}", f".{SHEET_EXTENSION}")


def is_sheet(path: str) -> bool:
    """Whether a file is called as a cue sheet is."""
    return path.lower().endswith(f".{SHEET_EXTENSION}")


def companions_of(path: str, companions: Iterable[str]) -> list[str]:
    """Those of the files beside music that may say something of this audio file.

    Lyrics have the file's name, a cue sheet any name in its folder. A cue sheet and an album.nfo
    may also lie in that of its discs' album, an artist.nfo one folder above too.
    """
    folder, stem = folder_of(path), path.rpartition(".")[0]
    album = group_folder(folder)
    places = {ALBUM_NFO: (folder, album), ARTIST_NFO: (folder, album, folder_of(album))}
    found = [
        each
        for each in companions
        if (each.rpartition(".")[0] == stem and each.lower().endswith(f".{LYRICS_EXTENSION}"))
        or folder_of(each) in places.get(each.rpartition("/")[2].lower(), ())
    ]
    sheets = [each for each in companions if is_sheet(each) and folder_of(each) in (folder, album)]
    if len(sheets) > _MOST_SHEETS:
        sheets.sort(key=lambda each: (not each.startswith(stem), folder_of(each) != folder))
    return found + sheets[:_MOST_SHEETS]


def extension_of(path: bytes) -> str:
    """The extension in lower case, without the dot; "" when there is none."""
    stem, _, extension = path.rpartition(b"/")[2].rpartition(b".")
    # As os.path.splitext has it, but quicker: dots at the beginning of a name are a part of it.
    return extension.lower().decode("ascii", "replace") if stem.strip(b".") else ""


_WORDS = {
    **dict.fromkeys(("one", "i", "a"), 1),
    **dict.fromkeys(("two", "ii", "b"), 2),
    **dict.fromkeys(("three", "iii", "c"), 3),
    **dict.fromkeys(("four", "iv", "d"), 4),
    **dict.fromkeys(("five", "v", "e"), 5),
    **dict.fromkeys(("six", "vi", "f"), 6),
    **dict.fromkeys(("seven", "vii", "g"), 7),
    **dict.fromkeys(("eight", "viii", "h"), 8),
}
"""The numbers of discs in words, and the sides of records."""
_DISC = r"(?:cd|dis[ck]|disque|dvd|sacd|lp)"
_COUNT = r"[\s._#-]*(\d{1,3})(?!\d)(?:\b|_)"
_WORD = rf"[\s._-]+({'|'.join(word for word in _WORDS if len(word) > 1 or word in 'iv')})\b"
_SIDE = r"side[\s._-]*([a-h]|\d)(?=$|[\s._]*[-_:(\[])"
_BONUS = r"bonus[\s._-]*(?:cd|dis[ck]|disque|dvd)\b"
_DISC_FOLDER = re.compile(rf"{_DISC}(?:{_COUNT}|{_WORD})|{_SIDE}|{_BONUS}", re.IGNORECASE)
_OF_ALBUM = re.compile(rf"[\s._(\[{{-](?:cd|dis[ck]|disque|dvd)(?:{_COUNT}|{_WORD})", re.IGNORECASE)
"""What follows the name of an album in the name of a disc's folder."""


def is_disc_folder(folder: str) -> bool:
    """Whether the folder's name is that of one disc: "CD1", "Disc Two - Live", "Side A"."""
    return bool(_DISC_FOLDER.match(posixpath.basename(folder)))


@lru_cache(maxsize=1024)
def disc_of(folder: str) -> int | None:
    """The number of the disc that the folder's name says: 2 for "CD2", "Live [Disc Two]", "Side B".

    None for a name without a number, such as that of a bonus disc.
    """
    name = posixpath.basename(folder)
    match = _DISC_FOLDER.match(name) or _OF_ALBUM.search(name)
    said = next(filter(None, match.groups()), "") if match else ""
    return _WORDS.get(said.lower()) or (int(said) if said else None) or None


def without_disc(name: str) -> str:
    """The name of an album's folder without its disc: "Live" of "Live [Disc Two]"."""
    match = _OF_ALBUM.search(name)
    return (name[: match.start()].rstrip(" ._-([{") or name) if match else name


@lru_cache(4096)  # it is asked for each track of a folder
def group_folder(folder: str) -> str:
    """The folder that stands for an album's place: a disc folder's parent, else the folder."""
    return posixpath.dirname(folder) if is_disc_folder(folder) else folder


def folder_of(path: str) -> str:
    """The folder that holds a file."""
    return posixpath.dirname(path)


LONGEST_PATH = 2_500
"""Bytes of UTF-8 of a path as text: an index of PostgreSQL takes no longer one."""


def recordable(path: str) -> str:
    """The path, or the nearest folder above it whose path is no longer than a column takes."""
    while len(path.encode()) > LONGEST_PATH:
        path = folder_of(path)
    return path


def album_folder(root: str, folder: str) -> str:
    """The folder that stands for an album's place; the root itself when that lies outside."""
    group = group_folder(folder)
    return group if is_under(group, root) else folder


_OF_THE_SYSTEM = ("/proc", "/sys")


DEMO_FOLDER = "demo-music"
"""The one folder of the data folder that holds music: what `python -m demo` makes."""


def refused_root(root: str, data_dir: str) -> str | None:
    """Why a folder is not scanned, and what to name instead; None for one that may be.

    A folder may hold the data folder, which a scan leaves out, but is not to be it or lie in it,
    except for the demo library.
    """
    if root in {"/", "/dev"} or any(is_under(root, each) for each in _OF_THE_SYSTEM):
        return f"{shown(root)} belongs to the system — name the folder that holds the music"
    if is_under(root, data_dir) and not is_under(root, f"{data_dir}/{DEMO_FOLDER}"):
        return (
            f"{shown(root)} is, or is in, the fleet's own data folder — "
            "name the folder that holds the music"
        )
    return None


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


class _Pattern(NamedTuple):
    """A line of an .ndignore."""

    matcher: re.Pattern[str]
    hides: bool
    """False for a line that begins with "!"."""
    folders_only: bool
    by_name: bool
    """Whether it says no folder, and holds for every name below."""


@dataclass(frozen=True)
class IgnoreRules:
    """The patterns of one .ndignore and the folder that they are relative to."""

    folder: bytes
    patterns: list[_Pattern]
    """The last first: the last that fits decides."""

    @classmethod
    def of(cls, folder: bytes, lines: Sequence[str]) -> "IgnoreRules":
        """The rules of these lines, none of them empty or a comment."""
        return cls(folder, [_pattern(line) for line in reversed(lines)])

    def hide(self, path: bytes, is_folder: bool) -> bool:
        """Whether they hide this path below their folder."""
        relative = os.fsdecode(path[len(self.folder.rstrip(b"/")) + 1 :])
        name = relative.rpartition("/")[2]
        for each in self.patterns:
            if each.folders_only and not is_folder:
                continue
            if each.matcher.fullmatch(name if each.by_name else relative):
                return each.hides
        return False


def _pattern(line: str) -> _Pattern:
    """A line as in .gitignore. Matching takes time by the length of name and pattern alone."""
    hides = not line.startswith("!")
    glob = line if hides else line[1:]
    folders_only = glob.endswith("/")
    parts = glob.strip("/").split("/")
    by_name = "/" not in glob.rstrip("/")
    text = _segment(parts[0]) if by_name else _path(parts)
    return _Pattern(re.compile(text, re.DOTALL), hides, folders_only, by_name)


def _path(parts: list[str]) -> str:
    """The expression for the parts of a path, among which `**` stands for any folders.

    What stands between two `**` is found at its first place and not tried elsewhere: it is the
    best place for what follows.
    """
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(part))
    first, *others = ("/".join(run) for run in runs)
    if not others:
        return first
    between = "".join(f"(?>(?:[^/]+/)*?{run}/)" for run in others[:-1] if run)
    end = f"(?:[^/]+/)*{others[-1]}" if others[-1] else ".+"
    return (f"{first}/" if first else "") + between + end


def _segment(glob: str) -> str:
    """The expression for a name; as with `**`, what stands between two `*` is never tried twice."""
    runs = [""]
    for sign in _SIGN.findall(glob):
        if sign == "*":
            runs.append("")
        else:
            runs[-1] += _character(sign)
    first, *others = runs
    if not others:
        return first
    between = "".join(f"(?>[^/]*?{run})" for run in others[:-1] if run)
    return f"{first}{between}[^/]*{others[-1]}"


_SIGN = re.compile(r"\\.|\[[!^]?\]?[^\]]*\]|.", re.DOTALL)


def _character(sign: str) -> str:
    """The expression for one character of a name."""
    if sign == "?":
        return "[^/]"
    if len(sign) > 2 and sign.startswith("["):
        negated = sign[1] in "!^"
        inside = re.sub(r"\W", lambda each: "\\" + each[0], sign[1 + negated : -1])
        inside = re.sub(r"(\\?.)\\-(\\?.)", r"\1-\2", inside, flags=re.DOTALL)  # ranges
        expression = f"(?!/)[{'^' * negated}{inside}]"
        try:
            re.compile(expression)
        except re.error:  # a range from z to a
            return re.escape(sign)
        return expression
    return re.escape(sign[1] if len(sign) == 2 and sign[0] == "\\" else sign)
