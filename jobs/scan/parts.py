"""A scan of a part of a root: what it looks at, as things are now."""

import os
from collections.abc import Iterator

from db.album_folders import album_folder, folder_of
from db.paths import is_under, to_bytes
from db.scope import Scope
from jobs.scan.walking import FolderGroup, Walk


def at_present(root: str, scope: Scope) -> Scope:
    """The scope as it fits the disk: a folder that is gone is a tree, for all below is gone too.

    A tree that is a file, or the disc folder of an album, has its album's folder looked at.
    """
    folders = {each for each in scope.folders if is_under(each, root)}
    trees = {each for each in scope.trees if is_under(each, root)}
    gone = {folder for folder in folders if not os.path.lexists(to_bytes(folder))}
    for tree in trees:
        place = to_bytes(tree)
        if os.path.isfile(place):
            folders.add(album_folder(root, folder_of(tree)))
        elif os.path.isdir(place):
            folders.add(album_folder(root, tree))
    return Scope.of(folders - gone - trees, trees | gone)


def walked(walk: Walk, scope: Scope) -> tuple[list[FolderGroup], Scope] | None:
    """The folder groups of a part, and all that was looked at.

    None when only a walk over the whole root can tell, for a symbolic link lies there.
    """
    groups = list(walk.groups_in(scope))
    if walk.met_links:
        return None
    return groups, Scope(scope.folders | walk.listed, scope.trees)


def holds_audio(root: str, data_dir: bytes) -> bool:
    """Whether there is any audio file below the root; the walk ends with the first."""
    groups: Iterator[FolderGroup] = Walk(to_bytes(root), data_dir).groups()
    return any(group.audio for group in groups)
