"""The picture files on disk that may show an artist, as candidates for each role."""

import html
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from db import folder_images as seen
from db import scans
from db.artist_albums import KnownArtist
from db.cover_orders import ARTIST_NAME, IN_ALBUMS, NFO, album_order, artist_order
from db.covers import FRONT
from db.library_files import ARTIST_NFO
from db.paths import is_under
from jobs.covers import folder_images
from jobs.covers.artist_places import ArtistPlace, is_various, names_of, places, root_of
from jobs.covers.candidates import Candidate, file_candidate, file_candidates
from jobs.covers.faults import Fault
from jobs.covers.folder_images import Folder, FolderImage, named
from jobs.covers.names import cover_name, picture_stem, plain
from jobs.covers.sources import ARTIST_ROLES, FANART, LOGO

_NOT_HERE = "-"
"""Stands in an order for an entry that is looked for elsewhere."""
_NFO_LENGTH = 256 * 1024
_FANART = re.compile(r"<fanart\b.*?</fanart\s*>", re.DOTALL | re.IGNORECASE)
_THUMB = re.compile(r"<thumb\b([^>]*)>([^<]+)</thumb\s*>", re.IGNORECASE)
_ROLE_OF_ASPECT = {"fanart": FANART, "clearlogo": LOGO, "logo": LOGO}


class Basis(NamedTuple):
    """What the candidates of an artist follow from."""

    place: ArtistPlace
    names: Mapping[str, Sequence[str]]
    """The files seen in the place's folders, by folder."""


@dataclass
class ArtistImages:
    """What may show one artist."""

    basis: Basis
    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    """By role, front, fanart and logo, best first."""

    @property
    def artist(self) -> KnownArtist:
        """The artist."""
        return self.basis.place.artist

    @property
    def is_various(self) -> bool:
        """Whether the artist stands for many, and no picture shows it."""
        return is_various(self.artist)


def find(artist_ids: Sequence[int]) -> list[ArtistImages]:
    """What may show each of these artists, among the picture files that scans have seen.

    Nothing is read but an artist.nfo. Raises SettingError.
    """
    roots = scans.roots()
    return [ArtistImages(basis, _candidates(basis, roots)) for basis in _bases(artist_ids)]


def overtaken(found: Sequence[ArtistImages]) -> set[int]:
    """Those of the artists for whom a scan has changed since what is found.

    Call it first in the transaction that writes what came of it.
    """
    bases = {each.artist.id: each.basis for each in found}
    now = {basis.place.artist.id: basis for basis in _bases(sorted(bases))}
    return {artist_id for artist_id, basis in bases.items() if now.get(artist_id) != basis}


def _bases(artist_ids: Sequence[int]) -> list[Basis]:
    found = places(artist_ids)
    names = seen.in_folders({folder for place in found for folder in _folders(place)})
    return [
        Basis(place, {folder: names[folder] for folder in _folders(place) if folder in names})
        for place in found
    ]


def _folders(place: ArtistPlace) -> Iterable[str]:
    return (*place.folders, *place.albums, *place.beside)


def _candidates(basis: Basis, roots: Sequence[str]) -> dict[str, list[Candidate]]:
    place, names = basis

    def images(folders: Sequence[str]) -> list[FolderImage]:
        return [
            FolderImage(name, Folder(folder, distance, root_of(folder, roots) or "/"), distance)
            for distance, folder in enumerate(folders)
            for name in names.get(folder, ())
        ]

    own, order = images(place.folders), artist_order()
    fronts = [
        *_own(own, order, place.with_tracks),
        *_in_albums(images(place.albums), order),
        *_named(images(place.beside), order, place.artist),
    ]
    found = {FRONT: fronts}
    for role, entries in ARTIST_ROLES.items():
        found[role] = file_candidates(named(own, entries), entries)
    if NFO in order:
        for image in own:
            if image.name.lower() == ARTIST_NFO:
                for role, candidate in _told_by(image, order.index(NFO)):
                    found[role].append(candidate)
    return {role: _each_once(each) for role, each in found.items()}


def _own(
    images: Sequence[FolderImage], order: Sequence[str], with_tracks: frozenset[str]
) -> list[Candidate]:
    """Pictures in the artist's folders. One that may be an album's is the album's, where one is."""
    here = [_NOT_HERE if entry.startswith(IN_ALBUMS) else entry for entry in order]
    found = [
        each
        for each in named(images, here)
        if each.image.folder.path not in with_tracks
        or cover_name(each.image.name, album_order()) is None
    ]
    return file_candidates(found, order)


def _in_albums(images: Sequence[FolderImage], order: Sequence[str]) -> list[Candidate]:
    here = [
        entry.removeprefix(IN_ALBUMS) if entry.startswith(IN_ALBUMS) else _NOT_HERE
        for entry in order
    ]
    return file_candidates(named(images, here), order)


def _named(
    images: Sequence[FolderImage], order: Sequence[str], artist: KnownArtist
) -> list[Candidate]:
    """Pictures that are named as the artist, or by the artist's MusicBrainz id."""
    if ARTIST_NAME not in order:
        return []
    names = names_of(artist)
    if artist.musicbrainz_id:
        names.add(plain(artist.musicbrainz_id))
    rank = order.index(ARTIST_NAME)
    return [
        file_candidate(image, ARTIST_NAME, (rank, image.order))
        for image in images
        if plain(picture_stem(image.name) or "") in names
    ]


def _told_by(nfo: FolderImage, rank: int) -> list[tuple[str, Candidate]]:
    """The picture files that an artist.nfo names, with the role of each. Web addresses are not."""
    data = folder_images.read(nfo.path, nfo.folder.root)
    if isinstance(data, Fault):
        return []
    text = data[:_NFO_LENGTH].decode("utf-8", "replace")
    blocks = [(FRONT, _FANART.sub("", text)), (FANART, " ".join(_FANART.findall(text)))]
    found: list[tuple[str, Candidate]] = []
    for block_role, block in blocks:
        for attributes, name in _THUMB.findall(block):
            path = posixpath.normpath(posixpath.join(nfo.folder.path, html.unescape(name).strip()))
            aspect = re.search(r"aspect\s*=\s*[\"'](\w+)", attributes.lower())
            role = _ROLE_OF_ASPECT.get(aspect[1], block_role) if aspect else block_role
            if "://" not in name and is_under(path, nfo.folder.root) and picture_stem(path):
                folder, _, file = path.rpartition("/")
                image = FolderImage(file, Folder(folder, nfo.order, nfo.folder.root), nfo.order)
                found.append((role, file_candidate(image, NFO, (rank, nfo.order, len(found)))))
    return found


def _each_once(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each file as the best that it is, best first."""
    best: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: each.tier):
        best.setdefault(candidate.path, candidate)
    return list(best.values())
