"""Picture files beside the music: what their names say, which lie in a folder, and reading them.

And which of them an artist.nfo names.
"""

import html
import os
import re
import unicodedata
from collections.abc import Callable, Container, Sequence
from functools import cache
from typing import NamedTuple

from db.files import NotAFileError, opened
from db.models import Role
from db.publishing.written_files import OwnArt
from db.scanning import roots
from db.settings.cover_orders import EXTENSIONS, NEVER_FRONT, OTHER_SUBJECTS, PICTURE_FOLDERS
from db.sql.path_text import is_under, to_bytes, to_text
from jobs import nfo
from jobs.pictures.errors import Fault
from jobs.pictures.store import MAX_PICTURE_BYTES
from jobs.pictures.stored_images import confined
from jobs.records import ProblemCode

UNNUMBERED = -1
_NUMBER = re.compile(r"[\s._-]*\(?(\d{1,3})\)?")
_WORD = re.compile(r"[^\W\d_]+")
_EXTENSION = "|".join(EXTENSIONS)


class CoverName(NamedTuple):
    """What the name of a picture file says; names that come first are the better covers."""

    rank: int
    """The place in the order of the entry that it is."""
    number: int
    """The number in it; UNNUMBERED, which is before all others, for a name without."""
    extension: int
    name: str


def folded(name: str) -> str:
    """A name as names are compared: without regard to case and composition."""
    return unicodedata.normalize("NFC", name).casefold()


def plain(name: str) -> str:
    """Just the letters and digits of a name; the name itself when it has none.

    File names cannot hold all that a title can: "AC/DC" is "AC_DC.jpg".
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in text if character.isalnum()) or text


def cover_name(name: str, order: Sequence[str]) -> CoverName | None:
    """Which entry of the order a file name is, the best one; None when it is none.

    A word that says that it is no front, such as "back", is not allowed where `*` stands.
    """
    text = folded(name)
    for rank, entry in enumerate(order):
        match = _matcher(entry)
        if match and (found := match.pattern.fullmatch(text)):
            number = _number(found["rest"], numbered_only=not match.is_wild)
            if number is not None:
                return CoverName(rank, number, EXTENSIONS.index(found["extension"]), name)
    return None


def picture_stem(name: str) -> str | None:
    """The name of a picture file without its extension; None for other files."""
    stem, _, extension = name.rpartition(".")
    return stem if stem and extension.lower() in EXTENSIONS else None


class _Matcher(NamedTuple):
    pattern: re.Pattern[str]
    """With the groups `rest`, what follows the part of the name that is fixed, and `extension`."""
    is_wild: bool


@cache
def _matcher(entry: str) -> _Matcher | None:
    """How the file names of an entry are recognised; None for an entry that is a word."""
    stem, dot, extension = entry.rpartition(".")
    if not dot:
        return None
    fixed = re.match(r"[^*?]*", stem)
    begin = fixed[0] if fixed else ""
    wild = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in stem[len(begin) :])
    ending = _EXTENSION if extension == "*" else re.escape(extension)
    pattern = rf"{re.escape(begin)}(?P<rest>{wild or '.*'})\.(?P<extension>{ending})"
    return _Matcher(re.compile(pattern, re.DOTALL), bool(wild))


def _number(rest: str, *, numbered_only: bool) -> int | None:
    """The number in the rest of a name; None when the rest says that it is another picture."""
    if not rest:
        return UNNUMBERED
    if numbered_only:
        number = _NUMBER.fullmatch(rest)
        return int(number[1]) if number else None
    if NEVER_FRONT.intersection(_WORD.findall(rest)):
        return None
    digits = re.search(r"\d{1,9}", rest)
    return int(digits[0]) if digits else UNNUMBERED


PICTURES_DISTANCE = 2
"""Of a folder for pictures below one of an album's."""


class Folder(NamedTuple):
    """A folder whose pictures may be an album's."""

    path: str
    distance: int
    """0 where tracks of the album lie, 1 for a parent of disc folders, PICTURES_DISTANCE below."""
    root: str = "/"
    """Where its picture files must really lie: the library root."""
    is_shared: bool = False
    """Whether tracks of other albums lie there too."""


class FolderImage(NamedTuple):
    """A picture file in a folder."""

    name: str
    folder: Folder
    order: int
    """The place of the folder among those that were listed."""

    @property
    def path(self) -> str:
        """Where the file is."""
        return f"{self.folder.path.rstrip('/')}/{self.name}"


class NamedImage(NamedTuple):
    """A picture file that an order of choice has an entry for."""

    name: CoverName
    image: FolderImage

    @property
    def tier(self) -> tuple[int, ...]:
        """The entry counts most, then the nearer folder, the number, and the folders' order."""
        folder = self.image.folder
        return self.name.rank, folder.distance, self.name.number, self.image.order


class Listing:
    """The picture files in folders, each of which is listed once."""

    def __init__(self) -> None:
        self._names: dict[str, _Listed] = {}

    def of(self, folders: Sequence[Folder]) -> list[FolderImage]:
        """Every picture file in these folders. Raises OSError when a folder cannot be listed."""
        return [
            FolderImage(name, folder, order)
            for order, folder in enumerate(folders)
            for name in self._in(folder.path).pictures
        ]

    def picture_folders(self, folders: Sequence[Folder]) -> list[Folder]:
        """The folders for pictures right below these, such as Scans. Raises OSError."""
        return [
            Folder(f"{folder.path.rstrip('/')}/{name}", PICTURES_DISTANCE, folder.root)
            for folder in folders
            for name in self._in(folder.path).folders
        ]

    def _in(self, path: str) -> "_Listed":
        if path not in self._names:
            self._names[path] = _listed(path)
        return self._names[path]


def named(images: Sequence[FolderImage], order: Sequence[str]) -> list[NamedImage]:
    """Those of the files that are named as an entry of the order, best first."""
    found = [NamedImage(name, image) for image in images if (name := cover_name(image.name, order))]
    return sorted(found, key=lambda each: (each.tier, each.name))


def only(images: Sequence[FolderImage], names: Container[str]) -> FolderImage | None:
    """The one of a folder's files that may be a front, when there is one.

    None is named as something else, or as one of `names`, which are plain.
    """
    left = [each for each in images if _may_be_front(each.name, names)]
    return left[0] if len(left) == 1 else None


def _may_be_front(name: str, names: Container[str]) -> bool:
    stem = picture_stem(name) or ""
    return plain(stem) not in names and OTHER_SUBJECTS.isdisjoint(_WORD.findall(folded(stem)))


def read(path: str, root: str) -> bytes | Fault:
    """The bytes of a picture file, or why it cannot be taken.

    A symbolic link is followed as long as the file that it leads to lies below `root`: asked of
    the file that was opened, so nothing can be exchanged in between.
    """
    try:
        descriptor = opened(to_bytes(path))
        with open(descriptor, "rb") as file:
            real = os.readlink(f"/proc/self/fd/{descriptor}".encode())  # noqa: PTH115  # bytes
            if not is_under(to_text(real), to_text(os.path.realpath(to_bytes(root)))):
                return Fault(
                    ProblemCode.UNREADABLE,
                    "the link leads out of the library — put the picture itself there",
                )
            data = file.read(MAX_PICTURE_BYTES + 1)
    except NotAFileError as error:
        return Fault(ProblemCode.UNREADABLE, f"{error.strerror} — remove it")
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        found = roots.obstacle(path, error.errno)
        is_gone = found is not None and found.is_of_item
        return Fault(ProblemCode.UNREADABLE, message, None if is_gone else found)
    if len(data) > MAX_PICTURE_BYTES:
        message = f"the file is larger than {MAX_PICTURE_BYTES:,} bytes"
        return Fault(ProblemCode.PICTURE_TOO_LARGE, message)
    if not data:
        return Fault(ProblemCode.BAD_PICTURE, "the file is empty")
    return data


_NFO_MEMORY, _NFO_SECONDS = 64 * 1024 * 1024, 20.0
_ROLE_OF_ASPECT = {"fanart": Role.FANART, "clearlogo": Role.LOGO, "logo": Role.LOGO}


def named_in_nfo(path: str, root: str) -> list[tuple[str, str]] | Fault:
    """What the <thumb> of an artist.nfo name, each with its role, or why it cannot be read."""
    data = read(path, root)
    if isinstance(data, Fault):
        return data
    part = data[: nfo.LONGEST]
    (found,) = confined(_Thumbs.of, [part], extra_memory=_NFO_MEMORY, seconds=_NFO_SECONDS)
    return found if isinstance(found, Fault) else [(role, name) for role, name in found]


class _Thumbs:
    """Reads the <thumb> of an artist.nfo: what each names, and the role that it has."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._in_fanart = 0
        self._role = ""
        self._text: list[str] = []

    @classmethod
    def of(cls, data: bytes) -> list[tuple[str, str]]:
        """The role and the name of each, in order; those in <fanart> last."""
        thumbs = cls()
        nfo.parse(data, thumbs.begin, thumbs.end, thumbs.take)
        named = [(role, html.unescape(name).strip()) for role, name in thumbs.found]
        return sorted(named, key=lambda each: each[0] == Role.FANART)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name.lower() == "fanart":
            self._in_fanart += 1
        elif name.lower() == "thumb":
            aspect = {key.lower(): value for key, value in attributes.items()}.get("aspect", "")
            role = Role.FANART if self._in_fanart else Role.FRONT
            self._role = _ROLE_OF_ASPECT.get(aspect.lower(), role)
            self._text = []

    def take(self, text: str) -> None:
        """Text within an element."""
        if self._role:
            self._text.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if name.lower() == "fanart":
            self._in_fanart -= 1
        elif self._role and name.lower() == "thumb":
            self.found.append((self._role, "".join(self._text)))
            self._role = ""


class _Listed(NamedTuple):
    """What a folder holds, by name."""

    pictures: list[str]
    folders: list[str]
    """Those for pictures."""


def _listed(folder: str) -> _Listed:
    found, own = _Listed([], []), OwnArt.within([folder])
    with os.scandir(to_bytes(folder)) as entries:
        for entry in entries:
            name = to_text(entry.name)
            if picture_stem(name) is not None and _is(entry.is_file):
                if not _is_own(own, folder, name, entry):
                    found.pictures.append(name)
            elif name.lower() in PICTURE_FOLDERS and _is(entry.is_dir):
                found.folders.append(name)
    return _Listed(*map(sorted, found))


def _is_own(own: OwnArt, folder: str, name: str, entry: os.DirEntry[bytes]) -> bool:
    """Whether a picture file is one that the fleet wrote itself."""
    if not own:
        return False
    status = entry.stat()
    return own.holds(f"{folder.rstrip('/')}/{name}", status.st_size, status.st_mtime_ns)


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is, or leads to, one of a kind; a link in a circle does not."""
    try:
        return kind()
    except OSError:
        return False
