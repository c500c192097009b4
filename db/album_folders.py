"""Which folders belong together: the disc folders of one album and their parent."""

import posixpath
import re

from db.paths import is_under

_DISC = re.compile(
    r"(?:cd|dis[ck]|disque|dvd|sacd|lp)[\s._#-]*\d{1,3}(?!\d)(?:\b|_)", re.IGNORECASE
)


def is_disc_folder(folder: str) -> bool:
    """Whether the folder's name is that of one disc: "CD1", "Disc 2 - Live", "disk_03"."""
    return bool(_DISC.match(posixpath.basename(folder)))


def group_folder(folder: str) -> str:
    """The folder that stands for an album's place: a disc folder's parent, else the folder."""
    return posixpath.dirname(folder) if is_disc_folder(folder) else folder


def folder_of(path: str) -> str:
    """The folder that holds a file."""
    return posixpath.dirname(path)


def album_folder(root: str, folder: str) -> str:
    """The folder that stands for an album's place; the root itself when that lies outside."""
    group = group_folder(folder)
    return group if is_under(group, root) else folder
