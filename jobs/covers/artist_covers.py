"""What artists show: the front, fanart and a logo, from what is on disk and what stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from db import ledger
from db.artist_pictures import FoundPicture
from db.cover_orders import EXTERNAL, artist_order
from db.covers import FRONT
from db.ledger import Settled
from db.models import EntityType, State
from db.paths import shown
from jobs.covers import artist_images
from jobs.covers.artist_images import ArtistImages
from jobs.covers.choosing import Search
from jobs.covers.outcomes import Outcome, is_wanting, lost, settled
from jobs.covers.sources import ARTIST_ROLES, FOLDER
from jobs.covers.standing import Standing, standing

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


def find(artist_ids: Sequence[int]) -> list[ArtistSearch]:
    """The candidates of each of these artists, none of them looked at yet. Raises SettingError."""
    stands = standing(EntityType.ARTIST, artist_ids)
    return [
        ArtistSearch(images, _searches(images, stands[images.artist.id]))
        for images in artist_images.find(artist_ids)
    ]


def find_files(artist_ids: Sequence[int]) -> list[ArtistSearch]:
    """As `find`, with the picture files on disk alone."""
    nothing = Standing({}, {})
    return [
        ArtistSearch(images, _searches(images, nothing))
        for images in artist_images.find(artist_ids)
    ]


def outcome(artist: ArtistSearch) -> Outcome:
    """What became of the search, once it was made."""
    order = artist_order()
    front = artist.searches[0]
    chosen = tuple(each for search in artist.searches if (each := search.chosen()))
    gone = lost(artist.searches)
    if not artist.images.basis.place.is_there and front.winner is None:
        state = State.DONE if front.shown else State.NONE
        return Outcome(Settled(artist.artist_id, state, _GONE), kept=None)
    if artist.images.is_various and not chosen:
        return Outcome(Settled(artist.artist_id, State.NONE, _MANY), lost=gone)
    is_there = artist.images.basis.place.is_there
    wanting = is_there and not artist.images.is_various and is_wanting(front, order)
    kept = () if is_there else None
    return Outcome(settled(front, order, _nothing(artist)), chosen, kept, gone, wanting)


def overtaken(artists: Sequence[ArtistSearch], mine: set[int]) -> set[int]:
    """Those of `mine` for whom a scan has changed what the search began with.

    Call it first in the transaction that writes what came of it. What was asked for an artist who
    is gone by now is forgotten.
    """
    images = [artist.images for artist in artists]
    changed = mine & artist_images.overtaken(images)
    gone = mine - {each.artist.id for each in images}
    ledger.forget(EntityType.ARTIST, sorted(gone))
    return changed


def found_pictures(artists: Iterable[ArtistSearch]) -> dict[int, list[FoundPicture]]:
    """The picture files of artists that were searched thoroughly and of whom there is music."""
    return {
        artist.artist_id: [
            FoundPicture(
                search.role, look.candidate.rank, look.candidate.path, look.candidate.digest
            )
            for search in artist.searches
            for look in search.looks
            if look.candidate.source == FOLDER
        ]
        for artist in artists
        if artist.images.basis.place.is_there
    }


def settled_pictures(artist: ArtistSearch) -> Settled:
    """Whether all the picture files of an artist that was searched thoroughly are in the store."""
    asked = [*artist_order(), *(entry for each in ARTIST_ROLES.values() for entry in each)]
    sources = [entry for entry in asked if entry != EXTERNAL]
    looks = [look for search in artist.searches for look in search.looks]
    files = [look for look in looks if look.candidate.source == FOLDER]
    if not files:
        return Settled(artist.artist_id, State.NONE, _nothing(artist), sources)
    if refusals := [refusal for search in artist.searches for refusal in search.refusals()]:
        return Settled(artist.artist_id, State.FAILED, "; ".join(refusals), sources)
    return Settled(artist.artist_id, State.DONE, None, sources)


def sound_paths(artists: Sequence[ArtistSearch]) -> list[str]:
    """The picture files that were looked at and can be shown."""
    return [
        look.candidate.path
        for artist in artists
        for search in artist.searches
        for look in search.looks
        if look.fault is None and look.candidate.source == FOLDER
    ]


def _searches(images: ArtistImages, stands: Standing) -> list[Search]:
    artist_id, order = images.artist.id, artist_order()
    return [
        stands.search(artist_id, role, order if role == FRONT else (), candidates)
        for role, candidates in images.candidates.items()
    ]


def _nothing(artist: ArtistSearch) -> str:
    """Why there is no picture of an artist, when no candidate says more."""
    if artist.images.is_various:
        return _MANY
    if not artist.images.basis.place.is_there:
        return _GONE
    folders = ", ".join(shown(folder) for folder in artist.images.basis.place.folders)
    if not folders:
        return "no folder holds this artist's music alone, and no picture file has its name"
    return f"no picture of the artist in {folders}"
