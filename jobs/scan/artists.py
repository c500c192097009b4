"""Which artists a picture file may show, told from where it lies and what it is named."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from db import artist_albums, artist_pictures
from db.cover_orders import IN_ALBUMS, album_order, artist_order
from db.folder_images import SeenImage
from db.library_files import ARTIST_NFO
from db.paths import is_under
from jobs.covers.artist_places import names_of
from jobs.covers.names import cover_name, picture_stem, plain
from jobs.covers.sources import ARTIST_ROLES


class ArtistsBeside:
    """Finds the artists whom picture files that came, changed or went may show.

    Artists that are made later look for themselves, so it need not know of all. It asks the
    database for no artist twice.
    """

    def __init__(self, *, has_tracks: bool) -> None:
        """`has_tracks` tells whether a scan before has found music here."""
        self._has_tracks = has_tracks
        self._last_id = 0
        self._by_name: dict[str, set[int]] = defaultdict(set)

    def of(self, images: Sequence[SeenImage]) -> set[int]:
        """The artists, perhaps some too many. Call it in the transaction that records the files."""
        if not images:
            return set()
        self._learn_names()
        found = artist_pictures.artists_with([image.path for image in images])
        for image in images:
            folder, _, name = image.path.rpartition("/")
            for called in (picture_stem(name), folder.rpartition("/")[2]):
                found |= self._by_name.get(plain(called or ""), set())
        if self._has_tracks:
            found |= _alone_in(_folders(images))
        return {artist.id for artist in artist_albums.artists(sorted(found))}

    def _learn_names(self) -> None:
        for artist in artist_albums.artists_after(self._last_id):
            self._last_id = artist.id
            names = names_of(artist)
            if artist.musicbrainz_id:
                names.add(plain(artist.musicbrainz_id))
            for name in names:
                self._by_name[name].add(artist.id)


def _folders(images: Iterable[SeenImage]) -> dict[str, bool]:
    """The folders with a file that is named as an artist's; whether none is named as an album's."""
    order = [entry.removeprefix(IN_ALBUMS) for entry in artist_order()]
    order += [entry for entries in ARTIST_ROLES.values() for entry in entries]
    found: dict[str, bool] = {}
    for image in images:
        name = image.path.rpartition("/")[2]
        if name.lower() == ARTIST_NFO or cover_name(name, order):
            is_artists = cover_name(name, album_order()) is None
            found[image.folder] = found.get(image.folder, False) or is_artists
    return found


def _alone_in(folders: dict[str, bool]) -> set[int]:
    """The artists who lead all that is below one of the folders.

    Where tracks lie in the folder itself, a file that is named as an album's is the album's.
    """
    leaders: dict[str, set[int]] = defaultdict(set)
    of_albums: set[str] = set()
    for place, leader in artist_albums.leaders_below(list(folders)):
        for folder, is_artists in folders.items():
            if is_under(place, folder) and leader is not None:
                leaders[folder].add(leader)
                if place == folder and not is_artists:
                    of_albums.add(folder)
    return {
        leader
        for folder, each in leaders.items()
        if len(each) == 1 and folder not in of_albums
        for leader in each
    }
