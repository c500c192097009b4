"""Asking for scans: of what changed, or of a whole root."""

import os
import posixpath
from collections.abc import Iterable

from db import folder_images, problems, scans, tracks
from db.paths import to_bytes
from db.scope import Scope
from worker import dispatch


def ask_for(root: str, scope: Scope | None) -> bool:
    """Have a root, or a part of it, scanned, and say whether that is so.

    It is not while another scan of the same files goes on. A part where nothing is known and
    nothing is there needs no scan.
    """
    if scope is not None:
        scope = Scope(scope.folders, _known(root, scope.trees))
        if not scope.folders and not scope.trees:
            return True
    scan_id = scans.start_unless_running(root, scope)
    if scan_id is None:
        return False
    dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    return True


def _known(root: str, trees: frozenset[str]) -> frozenset[str]:
    """Those of the trees where a scan saw something, or that can hold something now."""
    if not trees:
        return trees
    scope = Scope(trees=trees)
    paths: list[Iterable[str]] = [
        tracks.known_files(root, scope),
        folder_images.known(root, scope),
        problems.known_files(root, problems.Stage.READING, scope),
    ]
    found = {tree for each in paths for path in each for tree in _above(path) if tree in trees}
    return frozenset(found | {tree for tree in trees if _is_there(tree)})


def _above(path: str) -> Iterable[str]:
    """The path and every folder above it."""
    while True:
        yield path
        path, below = posixpath.dirname(path), path
        if path == below:
            return


def _is_there(path: str) -> bool:
    return os.path.lexists(to_bytes(path))
