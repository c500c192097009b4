"""Which artists need a picture looked for, once a chunk is written."""

from collections import defaultdict
from collections.abc import Iterable
from posixpath import dirname

from db import artist_albums, artist_pictures, folder_images, ledger, scans
from db.models import EntityType, Kind
from db.named import NamedArtists
from db.paths import is_under

Wanted = dict[tuple[Kind, EntityType], list[int]]
_COVER = ledger.need_for(Kind.COVER, EntityType.ARTIST)


def wanted(named: NamedArtists, leaders: set[int], near: set[int]) -> Wanted:
    """What artists need: those named by a chunk, who lead its albums, or have pictures near it.

    New ones need all; of the others, whose albums changed, it is looked on disk what is there, and
    of whom something new was told it is chosen anew what they show.
    """
    new = set(ledger.without_row(_COVER, sorted(named.ids.values())))
    known = {artist.id for artist in artist_albums.artists(sorted(leaders | near))}
    return {
        (Kind.PICTURE, EntityType.ARTIST): sorted(new | known),
        (Kind.COVER, EntityType.ARTIST): sorted(new | named.changed),
    }


def near(group_folders: Iterable[str], *, something_left: bool) -> set[int]:
    """The artists whose folder may begin, or cease, to be theirs by what came to these folders.

    With `something_left` also those whose folder may be theirs alone again.
    """
    above = _above(group_folders)
    found = artist_pictures.artists_in(above)
    if something_left:
        found |= _alone(folder_images.in_folders(above))
    return found


def _above(folders: Iterable[str]) -> set[str]:
    """The folders and those above them, below the library roots."""
    roots = scans.roots()
    left, found = set(folders), set[str]()
    while left:
        inside = {each for each in left if any(each != r for r in roots if is_under(each, r))}
        found |= inside
        left = {dirname(folder) for folder in inside} - found
    return found


def _alone(folders: Iterable[str]) -> set[int]:
    """The artists who lead all that is below one of these folders."""
    leaders: dict[str, set[int]] = defaultdict(set)
    looked_at = list(folders)
    for place, leader in artist_albums.leaders_below(looked_at):
        for folder in looked_at:
            if leader is not None and is_under(place, folder):
                leaders[folder].add(leader)
    return {leader for each in leaders.values() if len(each) == 1 for leader in each}
