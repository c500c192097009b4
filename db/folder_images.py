"""Picture files beside the music: which were seen, so that a scan notices a change."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from peewee import fn

from db.models import FolderImage
from db.rows import tuples
from db.scope import Scope
from db.slices import slices


class SeenImage(NamedTuple):
    """A picture file as a scan saw it."""

    path: str
    folder: str
    size: int
    mtime_ns: int


def known(root: str, scope: Scope | None = None) -> dict[str, SeenImage]:
    """Every picture file below `root`, or in that part of it, by its path."""
    prefix = root.rstrip("/") + "/"
    query = FolderImage.select(
        FolderImage.path, FolderImage.folder, FolderImage.size, FolderImage.mtime_ns
    )
    below = fn.SUBSTR(FolderImage.path, 1, len(prefix)) == prefix
    where = [below] if scope is None else scope.conditions(FolderImage.path, FolderImage.folder)
    return {
        row[0]: SeenImage(*row) for condition in where for row in tuples(query.where(condition))
    }


def in_folders(folders: Collection[str]) -> dict[str, list[str]]:
    """The names of the picture files right in each of these folders that has any."""
    found: dict[str, list[str]] = defaultdict(list)
    for part in slices(sorted(folders)):
        query = FolderImage.select(FolderImage.folder, FolderImage.path)
        for folder, path in tuples(query.where(FolderImage.folder.in_(list(part)))):
            found[folder].append(path.rpartition("/")[2])
    return {folder: sorted(names) for folder, names in found.items()}


def record(images: Sequence[SeenImage]) -> None:
    """Write what was seen."""
    for part in slices(images):
        FolderImage.insert_many([image._asdict() for image in part]).on_conflict(
            conflict_target=[FolderImage.path],
            preserve=[FolderImage.folder, FolderImage.size, FolderImage.mtime_ns],
        ).execute()


def drop(paths: Sequence[str]) -> None:
    """Forget picture files that are gone."""
    for part in slices(paths):
        FolderImage.delete().where(FolderImage.path.in_(list(part))).execute()
