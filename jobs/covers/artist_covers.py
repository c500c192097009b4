"""The search for what artists show: the front, fanart and a logo.

The candidates are the picture files that scans have seen, and what is shown already.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from db import ledger
from db.artwork import picture_files as seen
from db.artwork.covers import FOLDER
from db.artwork.picture_files import FoundPicture
from db.ledger import Obstacle, Settled
from db.library.artists import KnownArtist
from db.models import EntityType, Role, State
from db.scanning import scans
from db.scanning.library_files import ARTIST_NFO
from db.settings.cover_orders import (
    ARTIST_NAME,
    EXTERNAL,
    IN_ALBUMS,
    NFO,
    album_order,
    artist_order,
)
from db.sql.path_text import is_under, shown
from jobs.covers import folder_images
from jobs.covers.candidates import ARTIST_ROLES, Candidate, file_candidate, file_candidates
from jobs.covers.folder_images import Folder, FolderImage, cover_name, named, picture_stem, plain
from jobs.covers.outcomes import Outcome, is_wanting, kept_roles, lost, settled
from jobs.covers.own_folders import ArtistFolders, artist_folders, is_various, names_of, root_of
from jobs.covers.picture_search import CurrentCovers, Search, current_covers
from jobs.pictures.errors import Fault

_NOT_HERE = "-"
"""Stands in an order for an entry that is looked for elsewhere."""


class Basis(NamedTuple):
    """What the candidates of an artist follow from."""

    place: ArtistFolders
    names: Mapping[str, Sequence[str]]
    """The files seen in the artist's own folders and albums, by folder; of those in folders beside
    only what is named as the artist."""


@dataclass
class ArtistImages:
    """What may show one artist."""

    basis: Basis
    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    """By role, front, fanart and logo, best first."""
    obstacle: Obstacle | None = None
    """What in the surroundings kept an artist.nfo from being read."""

    @property
    def artist(self) -> KnownArtist:
        """The artist."""
        return self.basis.place.artist

    @property
    def is_various(self) -> bool:
        """Whether the artist stands for many, and no picture shows it."""
        return is_various(self.artist)


def find_images(artist_ids: Sequence[int]) -> list[ArtistImages]:
    """What may show each of these artists, among the picture files that scans have seen.

    Nothing is read but an artist.nfo. Raises SettingError.
    """
    roots = scans.roots()
    return [ArtistImages(basis, *_candidates(basis, roots)) for basis in _bases(artist_ids)]


def images_overtaken(found: Sequence[ArtistImages]) -> set[int]:
    """Those of the artists for whom a scan has changed since what is found.

    Call it first in the transaction that writes what came of it.
    """
    bases = {each.artist.id: each.basis for each in found}
    now = {basis.place.artist.id: basis for basis in _bases(sorted(bases))}
    return {artist_id for artist_id, basis in bases.items() if now.get(artist_id) != basis}


def _bases(artist_ids: Sequence[int]) -> list[Basis]:
    found = artist_folders(artist_ids)
    names = seen.folder_images_in(
        {f for place in found for f in (*place.folders, *place.albums, *place.beside)}
    )
    by_name = {folder: _by_name(each) for folder, each in names.items()}
    return [Basis(place, _names_for(place, names, by_name)) for place in found]


_ByName = Mapping[str, Sequence[str]]
"""Files by what they are named as, see `plain`."""


def _by_name(names: Iterable[str]) -> _ByName:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[plain(picture_stem(name) or "")].append(name)
    return found


def _names_for(
    place: ArtistFolders, names: Mapping[str, Sequence[str]], by_name: Mapping[str, _ByName]
) -> dict[str, Sequence[str]]:
    found = {each: names[each] for each in (*place.folders, *place.albums) if each in names}
    for folder in place.beside:
        if folder in names and folder not in found:
            files = by_name[folder]
            named = [each for name in _called(place.artist) for each in files.get(name, ())]
            if named:
                found[folder] = sorted(named)
    return found


def _called(artist: KnownArtist) -> set[str]:
    """What a picture file of an artist is named as: the name, or the MusicBrainz id."""
    names = names_of(artist)
    return names | {plain(artist.musicbrainz_id)} if artist.musicbrainz_id else names


def _candidates(
    basis: Basis, roots: Sequence[str]
) -> tuple[dict[str, list[Candidate]], Obstacle | None]:
    """The candidates by role, and what kept some from being found."""
    place, names = basis
    obstacle = None

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
    found: dict[str, list[Candidate]] = {Role.FRONT: fronts}
    for role, entries in ARTIST_ROLES.items():
        found[role] = file_candidates(named(own, entries), entries)
    if NFO in order:
        for image in own:
            if image.name.lower() == ARTIST_NFO:
                named_there = _from_nfo(image, order.index(NFO))
                if isinstance(named_there, Fault):
                    obstacle = obstacle or named_there.obstacle
                    continue
                for role, candidate in named_there:
                    found[role].append(candidate)
    return {role: _each_once(each) for role, each in found.items()}, obstacle


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
    names = _called(artist)
    rank = order.index(ARTIST_NAME)
    return [
        file_candidate(image, ARTIST_NAME, (rank, image.order))
        for image in images
        if plain(picture_stem(image.name) or "") in names
    ]


def _from_nfo(nfo: FolderImage, rank: int) -> list[tuple[str, Candidate]] | Fault:
    """The picture files that an artist.nfo names, with the role of each. Web addresses are not."""
    thumbs = folder_images.named_in_nfo(nfo.path, nfo.folder.root)
    if isinstance(thumbs, Fault):
        return thumbs
    found: list[tuple[str, Candidate]] = []
    for role, name in thumbs:
        path = posixpath.normpath(posixpath.join(nfo.folder.path, name))
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


_MANY = "the name stands for many artists"
_GONE = "no file of the artist is there"


@dataclass
class ArtistSearch:
    """The search for what one artist shows."""

    images: ArtistImages
    searches: list[Search]
    """One for each role, the front's first."""

    @property
    def artist_id(self) -> int:
        """The artist's id."""
        return self.images.artist.id

    @property
    def is_there(self) -> bool:
        """Whether there is any music of the artist's."""
        return self.images.basis.place.is_there

    def pictures(self) -> list[FoundPicture]:
        """The picture files of the artist, once the search was made thoroughly."""
        return [
            FoundPicture(
                search.role,
                judgement.candidate.rank,
                judgement.candidate.path,
                judgement.candidate.digest,
            )
            for search in self.searches
            for judgement in search.judgements
            if judgement.candidate.source == FOLDER
        ]

    @property
    def obstacle(self) -> Obstacle | None:
        """What in the surroundings kept a picture file from being found or read."""
        return next((each.obstacle for each in self.searches if each.obstacle), None)

    def settled_pictures(self) -> Settled:
        """Whether all these picture files are in the store."""
        asked = [*artist_order(), *(entry for each in ARTIST_ROLES.values() for entry in each)]
        sources = [entry for entry in asked if entry != EXTERNAL]
        refusals = [refusal for search in self.searches for refusal in search.refusals()]
        if self.obstacle is not None:
            reason = "; ".join(refusals) or self.obstacle.text
            return Settled.held_up(self.artist_id, self.obstacle, reason, sources)
        if not self.pictures():
            return Settled(self.artist_id, State.NONE, _nothing(self), sources)
        if refusals:
            return Settled(self.artist_id, State.FAILED, "; ".join(refusals), sources)
        return Settled(self.artist_id, State.DONE, None, sources)


def find(artist_ids: Sequence[int], *, files_alone: bool = False) -> list[ArtistSearch]:
    """The candidates of each of these artists, none examined yet; or just those on disk.

    Raises SettingError.
    """
    stands = (
        dict.fromkeys(artist_ids, CurrentCovers({}, {}))
        if files_alone
        else current_covers(EntityType.ARTIST, artist_ids)
    )
    return [
        ArtistSearch(images, _searches(images, stands[images.artist.id]))
        for images in find_images(artist_ids)
    ]


def outcome(artist: ArtistSearch) -> Outcome:
    """What became of the search, once it was made."""
    order = artist_order()
    front = artist.searches[0]
    chosen = tuple(each for search in artist.searches if (each := search.chosen()))
    gone = lost(artist.searches)
    if not artist.is_there and front.winner is None:
        state = State.DONE if front.shown else State.NONE
        return Outcome(Settled(artist.artist_id, state, _GONE), kept=None)
    if artist.images.is_various and not chosen and artist.obstacle is None:
        return Outcome(Settled(artist.artist_id, State.NONE, _MANY), lost=gone)
    wanting = artist.is_there and not artist.images.is_various and is_wanting(front, order)
    kept = kept_roles(artist.searches) if artist.is_there else None
    return Outcome(settled(front, order, _nothing(artist)), chosen, kept, gone, wanting)


def without_any(artists: Sequence[ArtistSearch]) -> list[ArtistSearch]:
    """Those of the artists, found by their files alone, of whom there is no picture at all."""
    bare = [each for each in artists if not any(search.candidates for search in each.searches)]
    stands = current_covers(EntityType.ARTIST, [each.artist_id for each in bare])
    return [each for each in bare if not any(stands[each.artist_id])]


def overtaken(artists: Sequence[ArtistSearch], mine: set[int]) -> set[int]:
    """Those of `mine` for whom a scan has changed what the search began with.

    Call it first in the transaction that writes what came of it. What was asked for an artist who
    is gone by now is forgotten.
    """
    images = [artist.images for artist in artists]
    changed = mine & images_overtaken(images)
    gone = mine - {each.artist.id for each in images}
    ledger.forget(EntityType.ARTIST, sorted(gone))
    return changed


def sound_paths(artists: Sequence[ArtistSearch]) -> list[str]:
    """The picture files that were examined and can be shown."""
    return [
        judgement.candidate.path
        for artist in artists
        for search in artist.searches
        for judgement in search.judgements
        if judgement.fault is None and judgement.candidate.source == FOLDER
    ]


def _searches(images: ArtistImages, stands: CurrentCovers) -> list[Search]:
    artist_id, order = images.artist.id, artist_order()
    found = [
        stands.search(artist_id, role, order if role == Role.FRONT else (), candidates)
        for role, candidates in images.candidates.items()
    ]
    for each in found:
        each.blocked = images.obstacle
    return found


def _nothing(artist: ArtistSearch) -> str:
    """Why there is no picture of an artist, when no candidate says more."""
    if artist.images.is_various:
        return _MANY
    if not artist.is_there:
        return _GONE
    folders = ", ".join(shown(folder) for folder in artist.images.basis.place.folders)
    if not folders:
        return "no folder holds this artist's music alone, and no picture file has its name"
    return f"no picture of the artist in {folders}"
