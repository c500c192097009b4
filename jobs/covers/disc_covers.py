"""The pictures of an album's single discs, where it has several."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from db.album_folders import is_disc_folder
from db.cover_orders import DISC_SUBTITLE, EMBEDDED
from db.covers import EmbeddedIn, TrackPlace
from jobs.covers.candidates import Candidate, file_candidate, file_candidates
from jobs.covers.embedded_candidates import embedded_candidates
from jobs.covers.folder_images import FolderImage, NamedImage, named
from jobs.covers.names import UNNUMBERED, picture_stem, plain


def role_of(disc: int) -> str:
    """The role in which an album shows the picture of a disc."""
    return f"disc-{disc}"


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
    digits = re.search(r"\d+", posixpath.basename(track.folder))
    return int(digits[0]) if digits and is_disc_folder(track.folder) else 1


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
