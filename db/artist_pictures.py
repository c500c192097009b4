"""The picture files on disk that may show an artist, as they were found last."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from db.models import ArtistPicture, FolderImage
from db.rows import tuples
from db.slices import slices


class FoundPicture(NamedTuple):
    """A picture file that may show an artist."""

    role: str
    rank: int
    """The place of its name in the order of choice; 0 is the best."""
    path: str
    digest: str | None
    """Its content in the store; None when it could not be read."""


def pictures(artist_ids: Sequence[int]) -> dict[int, list[FoundPicture]]:
    """The picture files of each artist that has any, by role and rank."""
    found: dict[int, list[FoundPicture]] = defaultdict(list)
    for ids in slices(artist_ids):
        query = ArtistPicture.select(
            ArtistPicture.artist,
            ArtistPicture.role,
            ArtistPicture.rank,
            ArtistPicture.path,
            ArtistPicture.digest,
        ).where(ArtistPicture.artist.in_(list(ids)))
        for artist_id, *picture in tuples(query):
            found[artist_id].append(FoundPicture(*picture))
    return {artist_id: sorted(each, key=_order) for artist_id, each in found.items()}


def replace(found: Mapping[int, Collection[FoundPicture]]) -> set[int]:
    """Write the picture files of these artists in place of what they had; who has others now."""
    before = pictures(sorted(found))
    changed = {
        artist_id
        for artist_id, each in found.items()
        if sorted(each, key=_order) != before.get(artist_id, [])
    }
    for ids in slices(sorted(changed)):
        ArtistPicture.delete().where(ArtistPicture.artist.in_(list(ids))).execute()
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
            ArtistPicture.select(ArtistPicture.artist).where(ArtistPicture.path.in_(list(part)))
        )
    }


def artists_in(folders: Collection[str]) -> set[int]:
    """The artists who have a picture file in one of these folders."""
    paths = [
        path
        for part in slices(sorted(folders))
        for (path,) in tuples(
            FolderImage.select(FolderImage.path).where(FolderImage.folder.in_(list(part)))
        )
    ]
    return artists_with(paths)


def _order(picture: FoundPicture) -> tuple[str, int, str]:
    return picture.role, picture.rank, picture.path
