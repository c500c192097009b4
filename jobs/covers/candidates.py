"""Candidates: the picture files and embedded pictures that an entity may show, not decoded yet."""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from db.artwork.covers import EMBEDDED, FOLDER, EmbeddedIn, TrackPlace
from db.errors import counted
from db.models import Role
from db.settings.cover_orders import ONLY, SCANS, TITLE
from jobs.covers.folder_images import (
    UNNUMBERED,
    FolderImage,
    NamedImage,
    named,
    only,
    picture_stem,
    plain,
)

TRACK_SOURCES = (EMBEDDED,)
ARTIST_ROLES: dict[str, tuple[str, ...]] = {
    Role.FANART: ("fanart.*", "backdrop.*", "background.*"),
    Role.LOGO: ("logo.*", "clearlogo.*"),
}
"""File names in an artist's folder, best first, for what an artist shows beside the front."""
ARTIST_IMAGE_FOLDERS = ("artists", "artist images", "artist pictures", "artist photos")
"""Folders directly below a library root, in any case, whose pictures are named as artists."""

FRONT_TYPES = (3, 0, 6, 2, 1)
"""The ID3v2 APIC picture types that may stand for the front, best first.

Front cover, other, the medium's label, an icon, the 32 pixel icon. Never the back (4), a booklet
page (5), people (7 to 12), places and scenes (13 to 16), illustrations and logotypes (17 to 20).
"""
PICTURE_TYPES = {
    0: "of no type",
    1: "32 pixel icon",
    2: "icon",
    3: "front cover",
    4: "back cover",
    5: "booklet page",
    6: "label of the medium",
}
"""What people call the types; the others are people, places and illustrations."""


class Shape(NamedTuple):
    """What a picture must be like to be chosen as long as there is another."""

    shorter: int
    """Pixels of the shorter side, at least."""
    ratio: float
    """The longer side as a multiple of the shorter, at most."""


SHAPES: dict[str, Shape] = {Role.FANART: Shape(300, 4.0), Role.LOGO: Shape(30, 20.0)}
"""By role. A logo is a line of letters, and fanart is made for screens."""
COVER_SHAPE = Shape(150, 1.6)
"""For all other roles: at least the smallest thumbnail's size, and no wider than 1.6 to 1, which a
cassette's inlay is, and the screen's 16 to 9 or a booklet's double page is not."""


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


def title_candidates(
    images: Sequence[FolderImage], titles: Container[str], rank: int
) -> list[Candidate]:
    """Picture files that are named as the album, by plain titles."""
    return [
        file_candidate(image, TITLE, (rank, image.folder.distance, UNNUMBERED, image.order))
        for image in images
        if _is_title(image, titles)
    ]


def only_candidates(
    images: Sequence[FolderImage], others: Container[str], rank: int
) -> list[Candidate]:
    """The only picture that may be a front of each folder that holds no other album's tracks.

    `others` are plain names of something else, such as the artist.
    """
    return [
        file_candidate(image, ONLY, (rank, image.folder.distance, UNNUMBERED, image.order))
        for image in _only_ones(images, others)
    ]


def _is_title(image: FolderImage, titles: Container[str]) -> bool:
    return plain(picture_stem(image.name) or "") in titles


def _only_ones(images: Sequence[FolderImage], others: Container[str]) -> list[FolderImage]:
    by_folder = groupby(images, key=lambda image: image.folder)
    found = [only(list(here), others) for folder, here in by_folder if not folder.is_shared]
    return [image for image in found if image is not None]


def scanned_candidates(
    images: Sequence[FolderImage],
    order: Sequence[str],
    titles: Container[str],
    others: Container[str],
) -> list[Candidate]:
    """What in folders for pictures may be the front: by name, by title, or as the only one."""
    rank = order.index(SCANS)
    found = [
        *((each.image, each.name.rank, each.name.number) for each in named(images, order)),
        *((each, len(order), UNNUMBERED) for each in images if _is_title(each, titles)),
        *((each, len(order) + 1, UNNUMBERED) for each in _only_ones(images, others)),
    ]
    seen: dict[str, Candidate] = {}
    for image, of_name, number in found:
        tier = (rank, of_name, number, image.order)
        seen.setdefault(image.path, file_candidate(image, SCANS, tier))
    return list(seen.values())


def front_pictures(pictures: Iterable[EmbeddedIn]) -> list[EmbeddedIn]:
    """Those pictures of a track that may stand for its front, best first."""
    acceptable = [picture for picture in pictures if picture.type in FRONT_TYPES]
    return sorted(acceptable, key=lambda picture: FRONT_TYPES.index(picture.type))


def embedded_candidates(
    tracks: Sequence[TrackPlace], pictures: Mapping[int, Sequence[EmbeddedIn]], rank: int
) -> list[Candidate]:
    """The embedded pictures that may be the front of these tracks together, best first.

    The better picture type counts most; then in how many of the tracks a picture is; then the order
    of the tracks.
    """
    carriers: dict[str, list[tuple[int, int, EmbeddedIn, TrackPlace]]] = {}
    for position, track in enumerate(tracks):
        for picture in front_pictures(pictures.get(track.id, ())):
            of_type = FRONT_TYPES.index(picture.type)
            carriers.setdefault(picture.digest, []).append((of_type, position, picture, track))
    found = []
    for digest, carrying in carriers.items():
        of_type = min(carrier[0] for carrier in carrying)
        same = [carrier for carrier in carrying if carrier[0] == of_type]
        _, position, picture, track = same[0]
        count = len({carrier[1] for carrier in same})
        tier = (rank, of_type, -count, position)
        detail = f"{type_name(picture.type)}, in {count:,} of {counted(len(tracks), 'track')}"
        found.append(
            Candidate(
                EMBEDDED,
                EMBEDDED,
                rank,
                tier,
                track.path,
                digest=digest,
                bytes=picture.bytes,
                detail=detail,
            )
        )
    return sorted(found, key=lambda candidate: candidate.tier)


def type_name(picture_type: int) -> str:
    """What people call a picture type."""
    return PICTURE_TYPES.get(picture_type, f"type {picture_type}")
