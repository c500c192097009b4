"""Picture files on disk: those that scans found, and those that may show an artist."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from db.models import ArtistPicture, FolderImage
from db.scanning.library_files import Scope
from db.sql.queries import among, below, plain_tuples, slices, tuples


class SeenImage(NamedTuple):
    """A picture file as a scan saw it."""

    path: str
    folder: str
    size: int
    mtime_ns: int


def known_folder_images(root: str, scope: Scope | None = None) -> dict[str, SeenImage]:
    """Every picture file below `root`, or in that part of it, by its path."""
    query = FolderImage.select(
        FolderImage.path, FolderImage.folder, FolderImage.size, FolderImage.mtime_ns
    )
    where = (
        [below(FolderImage.path, root)]
        if scope is None
        else scope.conditions(FolderImage.path, FolderImage.folder)
    )
    return {
        row[0]: SeenImage(*row)
        for condition in where
        for row in plain_tuples(query.where(condition))
    }


def folder_images_in(folders: Collection[str]) -> dict[str, list[str]]:
    """The names of the picture files right in each of these folders that has any."""
    found: dict[str, list[str]] = defaultdict(list)
    for part in slices(sorted(folders)):
        query = FolderImage.select(FolderImage.folder, FolderImage.path)
        for folder, path in tuples(query.where(among(FolderImage.folder, part))):
            found[folder].append(path.rpartition("/")[2])
    return {folder: sorted(names) for folder, names in found.items()}


def record_folder_images(images: Sequence[SeenImage]) -> None:
    """Write what was seen."""
    for part in slices(images):
        FolderImage.insert_many([image._asdict() for image in part]).on_conflict(
            conflict_target=[FolderImage.path],
            preserve=[FolderImage.folder, FolderImage.size, FolderImage.mtime_ns],
        ).execute()


def look_again_at(paths: Collection[str]) -> None:
    """Have the next scan take these files for changed ones, because they could not be read."""
    for part in slices(sorted(paths)):
        FolderImage.update(mtime_ns=-1).where(among(FolderImage.path, part)).execute()


def drop_folder_images(paths: Sequence[str]) -> None:
    """Forget picture files that are gone."""
    for part in slices(paths):
        FolderImage.delete().where(among(FolderImage.path, part)).execute()


class FoundPicture(NamedTuple):
    """A picture file that may show an artist."""

    role: str
    rank: int
    """The place of its name in the order of choice; 0 is the best."""
    path: str
    digest: str | None
    """Its content in the store; None when it could not be read."""


def artist_pictures(artist_ids: Sequence[int]) -> dict[int, list[FoundPicture]]:
    """The picture files of each artist that has any, by role and rank."""
    found: dict[int, list[FoundPicture]] = defaultdict(list)
    for ids in slices(artist_ids):
        query = ArtistPicture.select(
            ArtistPicture.artist,
            ArtistPicture.role,
            ArtistPicture.rank,
            ArtistPicture.path,
            ArtistPicture.digest,
        ).where(among(ArtistPicture.artist, ids))
        for artist_id, *picture in tuples(query):
            found[artist_id].append(FoundPicture(*picture))
    return {artist_id: sorted(each, key=_artist_picture_order) for artist_id, each in found.items()}


def replace_artist_pictures(found: Mapping[int, Collection[FoundPicture]]) -> set[int]:
    """Write the picture files of these artists in place of what they had; who has others now."""
    before = artist_pictures(sorted(found))
    changed = {
        artist_id
        for artist_id, each in found.items()
        if sorted(each, key=_artist_picture_order) != before.get(artist_id, [])
    }
    for ids in slices(sorted(changed)):
        ArtistPicture.delete().where(among(ArtistPicture.artist, ids)).execute()
    rows = [
        {"artist": artist_id, **picture._asdict()}
        for artist_id in sorted(changed)
        for picture in found[artist_id]
    ]
    for part in slices(rows):
        ArtistPicture.insert_many(part).execute()
    return changed


def artists_with(paths: Collection[str]) -> set[int]:
    """The artists who have one of these picture files."""
    return {
        artist_id
        for part in slices(sorted(paths))
        for (artist_id,) in tuples(
            ArtistPicture.select(ArtistPicture.artist).where(among(ArtistPicture.path, part))
        )
    }


def artists_in(folders: Collection[str]) -> set[int]:
    """The artists who have a picture file in one of these folders."""
    paths = [
        path
        for part in slices(sorted(folders))
        for (path,) in tuples(
            FolderImage.select(FolderImage.path).where(among(FolderImage.folder, part))
        )
    ]
    return artists_with(paths)


def _artist_picture_order(picture: FoundPicture) -> tuple[str, int, str]:
    return picture.role, picture.rank, picture.path
