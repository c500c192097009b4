"""Candidates: pictures that an entity may show, before anybody has looked at them."""

from collections.abc import Sequence
from typing import NamedTuple

from jobs.covers.folder_images import FolderImage, NamedImage
from jobs.covers.sources import FOLDER

USERS_RANK = -1
Tier = tuple[int, ...]


class Candidate(NamedTuple):
    """A picture that an entity may show."""

    source: str
    entry: str
    """The entry of the order that it is, as the settings have it."""
    rank: int
    """The place of that entry; USERS_RANK for what the user chose."""
    tier: Tier
    """The rank, and what else counts before size; the smallest is the best."""
    path: str
    """The picture file, the first file that carries the picture, or the URL that it is from."""
    root: str = "/"
    """Where a picture file must really lie: the library root."""
    digest: str | None = None
    """None until a picture file was read."""
    bytes: int = 0
    detail: str = ""
    """What people want to know of it besides."""
    licence: str | None = None
    author: str | None = None


def file_candidate(image: FolderImage, entry: str, tier: Tier) -> Candidate:
    """A picture file as a candidate."""
    return Candidate(FOLDER, entry, tier[0], tier, image.path, image.folder.root)


def file_candidates(images: Sequence[NamedImage], order: Sequence[str]) -> list[Candidate]:
    """Picture files as candidates, in the order that they come in."""
    return [file_candidate(each.image, order[each.name.rank], each.tier) for each in images]
