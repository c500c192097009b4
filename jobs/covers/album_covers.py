"""The search for what albums show: the front, and a picture for each of several discs."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from db.artwork import covers
from db.artwork.covers import (
    CHOSEN,
    FOLDER,
    NO_NAMES,
    AlbumNames,
    EmbeddedIn,
    TrackPlace,
    album_names,
)
from db.ledger import Obstacle, Settled
from db.models import EntityType, Role, State
from db.scanning import problems, roots
from db.scanning.library_files import disc_of, folder_of
from db.settings.cover_orders import (
    DISC_SUBTITLE,
    EMBEDDED,
    EXTERNAL,
    ONLY,
    SCANS,
    TITLE,
    album_order,
    disc_order,
)
from db.sql.path_text import shown, to_text
from jobs.covers import folder_images
from jobs.covers.candidates import (
    FRONT_TYPES,
    Candidate,
    embedded_candidates,
    file_candidate,
    file_candidates,
    only_candidates,
    scanned_candidates,
    title_candidates,
)
from jobs.covers.folder_images import (
    UNNUMBERED,
    Folder,
    FolderImage,
    Listing,
    NamedImage,
    cover_name,
    named,
    picture_stem,
    plain,
)
from jobs.covers.outcomes import (
    Outcome,
    file_faults,
    is_wanting,
    kept_roles,
    lost,
    settled,
)
from jobs.covers.own_folders import AlbumFolders
from jobs.covers.picture_search import CurrentCovers, Search, current_covers

Pictures = Mapping[int, Sequence[EmbeddedIn]]


@dataclass
class AlbumSearch:
    """The search for what one album shows."""

    album_id: int
    tracks: Sequence[TrackPlace] = ()
    """Those that are there."""
    folders: list[Folder] = field(default_factory=list)
    images: list[FolderImage] = field(default_factory=list)
    """The picture files in these folders."""
    scans: list[FolderImage] = field(default_factory=list)
    """Those in folders for pictures below them."""
    names: AlbumNames = NO_NAMES
    unlisted: str | None = None
    """Why a folder could not be listed."""
    obstacle: Obstacle | None = None
    """What in the surroundings that came of."""
    other_pictures: Counter[int] = field(default_factory=Counter)
    """How many tracks carry pictures that are no fronts, by picture type."""
    searches: list[Search] = field(default_factory=list)
    """One for each role, the front's first."""


def find(album_ids: Sequence[int]) -> list[AlbumSearch]:
    """The candidates of each album, none of them examined yet. Raises SettingError."""
    tracks = covers.present_tracks(album_ids)
    pictures = covers.pictures_in([track.id for each in tracks.values() for track in each])
    places = AlbumFolders(tracks)
    stands, names = current_covers(EntityType.ALBUM, album_ids), album_names(album_ids)
    found = [
        AlbumSearch(album_id, tracks.get(album_id, ()), names=names.get(album_id, NO_NAMES))
        for album_id in album_ids
    ]
    listing = Listing()
    for album in found:
        if album.tracks:
            _list(album, places, listing)
    _list_scans(found, listing)
    for album in found:
        album.other_pictures = _other_pictures(album.tracks, pictures)
        album.searches = _searches(album, pictures, stands[album.album_id])
    return found


def outcome(album: AlbumSearch) -> Outcome:
    """What became of the search, once it was made.

    A disc that would show what its album shows has no picture of its own.
    """
    order = album_order()
    front, *discs = album.searches
    chosen = front.chosen()
    is_kept = album.unlisted is not None or not album.tracks
    if is_kept and (chosen is None or chosen.source != CHOSEN):
        return Outcome(_unsearched(album, order), kept=None)
    own = [each for disc in discs if (each := disc.chosen())]
    differing = [each for each in own if chosen is None or each.digest != chosen.digest]
    return Outcome(
        settled(front, order, _nothing(album)),
        (*([chosen] if chosen else []), *differing),
        None if is_kept else kept_roles(album.searches),
        lost(album.searches),
        is_wanting(front, order),
    )


def sound_paths(albums: Sequence[AlbumSearch]) -> list[str]:
    """The paths with recorded problems in the albums' folders that were found sound, or gone."""
    orders = (*album_order(), *disc_order())
    faults = {
        folder.path: file_faults(album.searches) for album in albums for folder in album.folders
    }
    tried = {
        each.candidate.path
        for album in albums
        for search in album.searches
        for each in search.judgements
        if each.candidate.source == FOLDER  # a track's own pictures are judged for the track
    }
    return [
        path
        for path in problems.known_paths(faults, problems.Stage.COVER)
        if folder_of(path) in faults
        and path not in faults[folder_of(path)]
        and (path in tried or cover_name(path.rpartition("/")[2], orders))
    ]


def _list(album: AlbumSearch, places: AlbumFolders, listing: Listing) -> None:
    """Find the album's folders and the picture files in them."""
    album.folders = places.folders_of(album.album_id)
    try:
        album.images = listing.of(album.folders)
    except OSError as error:
        folder = to_text(os.fsencode(error.filename))
        album.unlisted = f"{shown(folder)}: {error.strerror}"
        album.obstacle = roots.obstacle(folder, error.errno)


def _list_scans(albums: Sequence[AlbumSearch], listing: Listing) -> None:
    """Find the pictures in folders such as Scans below folders that are an album's alone."""
    beside = {album.album_id: _picture_folders(album, listing) for album in albums}
    above = {
        (folder_of(folder.path), album_id) for album_id, each in beside.items() for folder in each
    }
    shared = covers.shared_below(above)
    music = covers.albums_in({folder.path for each in beside.values() for folder in each})
    for album in albums:
        own = [
            folder
            for folder in beside[album.album_id]
            if (folder_of(folder.path), album.album_id) not in shared and folder.path not in music
        ]
        for folder in own:
            # One that may not be listed is a problem of the scan.
            with suppress(PermissionError):
                album.scans += listing.of([folder])
        album.folders += own


def _picture_folders(album: AlbumSearch, listing: Listing) -> list[Folder]:
    return [] if album.unlisted else listing.picture_folders(album.folders)


def _searches(album: AlbumSearch, pictures: Pictures, stands: CurrentCovers) -> list[Search]:
    order, for_discs = album_order(), disc_order()
    fronts = _fronts(album, pictures, order)
    candidates: dict[str, list[Candidate]] = {Role.FRONT: fronts}
    discs = discs_of(album.tracks)
    for disc in discs:
        of_disc = disc_candidates(disc, discs, pictures, album.images, for_discs)
        candidates[Role.of_disc(disc)] = of_disc
    for role in stands.chosen:
        candidates.setdefault(role, [])
    return [
        stands.search(
            album.album_id, role, order if role == Role.FRONT else for_discs, candidates[role]
        )
        for role in candidates
    ]


def _fronts(album: AlbumSearch, pictures: Pictures, order: Sequence[str]) -> list[Candidate]:
    found = file_candidates(folder_images.named(album.images, order), order)
    titles, others = titles_of(album.names), artists_of(album.names)
    others |= {plain(track.disc_subtitle) for track in album.tracks if track.disc_subtitle}
    if TITLE in order:
        found += title_candidates(album.images, titles, order.index(TITLE))
    if SCANS in order:
        found += scanned_candidates(album.scans, order, titles, others)
    if ONLY in order:
        found += only_candidates(album.images, others, order.index(ONLY))
    found = _each_once(found)
    if EMBEDDED in order:
        found += embedded_candidates(album.tracks, pictures, order.index(EMBEDDED))
    return found


def _each_once(found: Sequence[Candidate]) -> list[Candidate]:
    """Each file by the best of the entries that it is."""
    best = sorted(found, key=lambda candidate: candidate.tier, reverse=True)
    return list({candidate.path: candidate for candidate in best}.values())


def titles_of(names: AlbumNames) -> set[str]:
    """What a picture file that is named as an album is called, plainly."""
    title, artist, year = map(plain, (names.title or "", names.artist or "", names.year or ""))
    if not title:
        return set()
    called = {title, artist + title, title + artist, artist + year + title, year + title}
    called |= {title + year, artist + title + year}
    return called | {f"{each}cover" for each in called}


def artists_of(names: AlbumNames) -> set[str]:
    """What a picture file that is named as the artist is called, plainly."""
    return {plain(each) for each in (names.artist, *(names.artist or "").split("; ")) if each}


def _unsearched(album: AlbumSearch, order: Sequence[str]) -> Settled:
    """How an album is settled that could not be searched, and shows what it showed."""
    sources = [entry for entry in order if entry != EXTERNAL]
    if album.unlisted is not None and album.obstacle is not None:
        return Settled.held_up(album.album_id, album.obstacle, album.unlisted, sources)
    if album.unlisted is not None:
        return Settled(album.album_id, State.FAILED, album.unlisted, sources)
    state = State.DONE if album.searches[0].shown else State.NONE
    return Settled(album.album_id, state, "no file of the album is there", sources)


def _other_pictures(tracks: Sequence[TrackPlace], pictures: Pictures) -> Counter[int]:
    types = ({each.type for each in pictures.get(track.id, ())} for track in tracks)
    return Counter(one for each in types for one in each if one not in FRONT_TYPES)


def _nothing(album: AlbumSearch) -> str:
    """Why an album has no cover, when no candidate says more."""
    folders = ", ".join(shown(folder.path) for folder in album.folders)
    return f"no cover in {folders}, none in the tracks" if folders else "no cover in the tracks"


def discs_of(tracks: Sequence[TrackPlace]) -> dict[int, list[TrackPlace]]:
    """An album's tracks by disc; empty for an album with one disc."""
    by_disc: dict[int, list[TrackPlace]] = defaultdict(list)
    for track in tracks:
        by_disc[_disc(track)].append(track)
    return dict(sorted(by_disc.items())) if len(by_disc) > 1 else {}


def disc_candidates(
    disc: int,
    discs: Mapping[int, Sequence[TrackPlace]],
    pictures: Mapping[int, Sequence[EmbeddedIn]],
    images: Sequence[FolderImage],
    order: Sequence[str],
) -> list[Candidate]:
    """What may be the picture of one disc, best first; `images` are the album's picture files.

    A name with `*` must have the disc's number. One without number is the disc's in a folder that
    holds no other disc; so is `cover.*`, which is the whole album's elsewhere.
    """
    others = {track.folder for each in discs if each != disc for track in discs[each]}
    own = {track.folder for track in discs[disc]} - others
    here = [
        each
        for each in named(images, order)
        if _is_of(each, disc, order, in_own_folder=each.image.folder.path in own)
    ]
    found = file_candidates(here, order)
    if DISC_SUBTITLE in order:
        found += _named_as_subtitle(discs[disc], images, order.index(DISC_SUBTITLE))
    if EMBEDDED in order:
        found += embedded_candidates(discs[disc], pictures, order.index(EMBEDDED))
    return found


def _disc(track: TrackPlace) -> int:
    """The disc that a track is on, by its tag or else by the name of its folder."""
    if track.disc is not None:
        return track.disc
    return disc_of(track.folder) or 1


def _is_of(each: NamedImage, disc: int, order: Sequence[str], *, in_own_folder: bool) -> bool:
    is_wild = not {"*", "?"}.isdisjoint(order[each.name.rank].rpartition(".")[0])
    if is_wild and each.name.number != UNNUMBERED:
        return each.name.number == disc
    return in_own_folder


def _named_as_subtitle(
    tracks: Sequence[TrackPlace], images: Sequence[FolderImage], rank: int
) -> list[Candidate]:
    subtitles = {plain(track.disc_subtitle) for track in tracks if track.disc_subtitle}
    return [
        file_candidate(image, DISC_SUBTITLE, (rank, image.folder.distance, 0, image.order))
        for image in images
        if plain(picture_stem(image.name) or "") in subtitles
    ]
