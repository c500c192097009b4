"""What a change of a file or folder concerns, told from its path and what is there now."""

import os
from enum import Enum, auto
from typing import NamedTuple

from db.album_folders import album_folder
from db.library_files import IGNORE_FILES, is_hidden, is_of_interest
from db.paths import to_text


class Kind(Enum):
    """What is to be looked at."""

    FOLDER = auto()
    """An album's folder, with its disc folders."""
    NEW_FOLDER = auto()
    """A folder that came, with all below it."""
    TREE = auto()
    """All that is known below a path that is gone, or below a folder that was hidden or shown."""
    ALL = auto()
    """The whole root, for a link leads who knows where."""
    STIR = auto()
    """Nothing, but work on the folder goes on."""


class Concern(NamedTuple):
    """What a change concerns; `path` is in the text form of `db.paths`."""

    kind: Kind
    path: str


class Sorter:
    """Sorts the changes below one root."""

    def __init__(self, root: bytes, data_dir: bytes) -> None:
        """`data_dir` is the fleet's own data folder, where changes are no concern."""
        self._root = root
        self._data_dir = os.path.realpath(data_dir)

    def concern(self, path: bytes) -> Concern | None:
        """What a change of this path concerns; None when a scan would not look there."""
        if not path.startswith(self._root.rstrip(b"/") + b"/") or self._is_own(path):
            return None
        above, name = os.path.split(path)
        if above != self._root and self._has_hidden(above):
            return None
        real = os.path.realpath(above)
        if real != above:
            leads_inside = (real + b"/").startswith(self._root.rstrip(b"/") + b"/")
            return Concern(Kind.ALL, to_text(self._root)) if leads_inside else None
        if name in IGNORE_FILES:
            return Concern(Kind.TREE, to_text(above))
        return None if is_hidden(name) else self._of(path, above)

    def _of(self, path: bytes, above: bytes) -> Concern:
        if not os.path.lexists(path):
            return Concern(Kind.TREE, to_text(path))
        if os.path.islink(path):  # noqa: PTH114  # bytes
            return Concern(Kind.ALL, to_text(self._root))
        if os.path.isdir(path):
            return Concern(Kind.NEW_FOLDER, to_text(path))
        folder = album_folder(to_text(self._root), to_text(above))
        return Concern(Kind.FOLDER if is_of_interest(path) else Kind.STIR, folder)

    def _is_own(self, path: bytes) -> bool:
        return path == self._data_dir or path.startswith(self._data_dir + b"/")

    def _has_hidden(self, folder: bytes) -> bool:
        below = os.path.relpath(folder, self._root)
        return any(is_hidden(name) for name in below.split(b"/"))
