"""Which folders' pictures are an album's or an artist's own.

An album's are the folders of its tracks, where others' tracks do not prevail, and the parent of its
disc folders.

An artist's albums are those that the artist leads, that is, is the first album artist of; albums
marked as compilations have no say. An artist's folder is one above such an album's own folder below
which only this artist's music lies, or which is named after the artist, whoever else is in it. What
holds the most of the albums comes first, and of these the nearest: so it is the common parent of
the albums, where there is one. A library root is nobody's unless it is named after the artist, and
so is a folder that holds an album's tracks itself. Various Artists have only folders that are
named so.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from db.artwork import covers
from db.artwork.covers import TrackPlace
from db.library.artists import (
    KnownArtist,
    albums_led_by,
    known_artists,
    shared_folders,
    with_music,
    with_tracks,
)
from db.scanning import scans
from db.scanning.library_files import group_folder
from db.sql.path_text import is_under
from jobs.covers.candidates import ARTIST_IMAGE_FOLDERS
from jobs.covers.folder_images import Folder, plain
from jobs.metadata.text import VARIOUS_ARTISTS


class AlbumFolders:
    """The folders of some albums' present tracks, and whose pictures lie there."""

    def __init__(self, tracks: Mapping[int, Sequence[TrackPlace]]) -> None:
        """`tracks` are the present tracks of each album, in order."""
        self._own = {
            album_id: list(dict.fromkeys(track.folder for track in members))
            for album_id, members in tracks.items()
        }
        self._albums_in = covers.albums_in({each for own in self._own.values() for each in own})
        self._roots = scans.roots()
        self._shared = covers.shared_below(
            {
                (parent, album_id)
                for album_id, own in self._own.items()
                for parent in map(group_folder, own)
                if parent not in own
            }
        )

    def root_of(self, folder: str) -> str:
        """The outermost library root that holds a folder; the folder itself when none does."""
        return min(
            (root for root in self._roots if is_under(folder, root)), key=len, default=folder
        )

    def folders_of(self, album_id: int) -> list[Folder]:
        """The folders whose pictures are this album's, the nearer first.

        These are the folders of its tracks, where others' tracks do not prevail, and the parent of
        its disc folders when nothing below that parent is another album's.
        """
        own = self._own[album_id]
        parents = dict.fromkeys(map(group_folder, own))
        return [
            *(
                Folder(path, 0, self.root_of(path), is_shared=len(self._albums_in[path]) > 1)
                for path in own
                if _prevails(album_id, self._albums_in[path])
            ),
            *(
                Folder(path, 1, self.root_of(path))
                for path in parents
                if self._is_parent(path, album_id)
            ),
        ]

    def _is_parent(self, folder: str, album_id: int) -> bool:
        own = self._own[album_id]
        inside = any(is_under(folder, self.root_of(each)) for each in own)
        return folder not in own and inside and (folder, album_id) not in self._shared


def _prevails(album_id: int, counts: Counter[int | None]) -> bool:
    """Whether at least half of a folder's tracks are this album's, and more than any other's."""
    mine = counts[album_id]
    others = [count for other, count in counts.items() if other not in (album_id, None)]
    return mine * 2 >= counts.total() and mine > max(others, default=0)


VARIOUS_ARTISTS_MBID = "89ad4ac3-39f7-470e-963a-56509c546377"


@dataclass(frozen=True)
class ArtistFolders:
    """Where pictures of an artist may lie."""

    artist: KnownArtist
    is_there: bool = True
    """Whether there is any music of the artist's."""
    folders: tuple[str, ...] = ()
    """The artist's own, best first."""
    with_tracks: frozenset[str] = frozenset()
    """Those of them that hold an album's tracks themselves."""
    albums: tuple[str, ...] = ()
    """The folders of the artist's albums that hold nobody else's."""
    beside: tuple[str, ...] = ()
    """Where a picture may lie that is named as the artist, best first."""


def is_various(artist: KnownArtist) -> bool:
    """Whether this name stands for many artists."""
    return (
        artist.musicbrainz_id == VARIOUS_ARTISTS_MBID or artist.name.casefold() in VARIOUS_ARTISTS
    )


def names_of(artist: KnownArtist) -> set[str]:
    """What a file or folder that is named after the artist is called, by its letters."""
    return {plain(name) for name in (artist.name, artist.sort_name) if name}


def artist_folders(artist_ids: Sequence[int]) -> list[ArtistFolders]:
    """The place of each of these artists, by id."""
    artists = known_artists(artist_ids)
    roots = scans.roots()
    own, here = _own_albums(artists, roots), with_music(artist_ids)
    places = [_Place(artist, own.get(artist.id, [])) for artist in artists if artist.id in here]
    shared = shared_folders({pair for place in places for pair in place.to_be_own()})
    pictures = _image_folders(roots)
    found = {place.artist.id: place.folders(shared, pictures) for place in places}
    holding = with_tracks({folder for each in found.values() for folder in each.folders})
    return [
        replace(each, with_tracks=frozenset(holding.intersection(each.folders)))
        if (each := found.get(artist.id))
        else ArtistFolders(artist, is_there=False)
        for artist in artists
    ]


def root_of(folder: str, roots: Iterable[str]) -> str | None:
    """The outermost library root that holds a folder."""
    return min((root for root in roots if is_under(folder, root)), key=len, default=None)


class _OwnAlbum(NamedTuple):
    """An album that an artist leads."""

    folders: list[str]
    """The group folders of its tracks."""
    above: list[str]
    """Its own folder and those above it up to the library root, the nearest first."""


def _own_albums(artists: Sequence[KnownArtist], roots: Sequence[str]) -> dict[int, list[_OwnAlbum]]:
    folders: dict[tuple[int, int], list[str]] = defaultdict(list)
    various = {artist.id for artist in artists if is_various(artist)}
    for led in albums_led_by([artist.id for artist in artists]):
        if not led.compilation or led.artist_id in various:
            folders[led.artist_id, led.album_id].append(led.group_folder)
    found: dict[int, list[_OwnAlbum]] = defaultdict(list)
    for (artist_id, _), own in folders.items():
        place = posixpath.commonpath(own)
        root = root_of(place, roots)
        if root is not None:
            found[artist_id].append(_OwnAlbum(own, _ancestors(place, root)))
    return found


def _ancestors(folder: str, root: str) -> list[str]:
    """The folder and those above it up to the root, the nearest first."""
    found = [folder]
    while folder != root:
        folder = posixpath.dirname(folder)
        found.append(folder)
    return found


class _Place:
    """Where the albums of an artist lie, and so the folders that may be the artist's."""

    def __init__(self, artist: KnownArtist, albums: Sequence[_OwnAlbum]) -> None:
        self.artist = artist
        names = names_of(artist)
        counts = Counter(folder for album in albums for folder in album.above)
        self._above = sorted(counts, key=lambda each: (-counts[each], -len(each), each))
        self._named = {each for each in counts if plain(posixpath.basename(each)) in names}
        self._albums_at = {album.above[0] for album in albums}
        self._tops = {album.above[-1] for album in albums}
        self._of_albums = {folder for album in albums for folder in album.folders}
        self._beside = dict.fromkeys(folder for album in albums for folder in album.above[1:])

    def to_be_own(self) -> list[tuple[str, int]]:
        """The folders that are the artist's if nobody else leads what is below, with the artist."""
        if is_various(self.artist):
            return []
        parents = set(self._above) - self._named - self._albums_at - self._tops
        return [(folder, self.artist.id) for folder in parents | self._of_albums]

    def folders(self, shared: Container[tuple[str, int]], pictures: Iterable[str]) -> ArtistFolders:
        """The artist's folders that are not `shared`; `pictures` are folders of anybody's."""
        alone = {pair[0] for pair in self.to_be_own() if pair not in shared}
        inside = alone - self._albums_at - self._tops
        own = [each for each in self._above if each in self._named or each in inside]
        return ArtistFolders(
            self.artist,
            folders=tuple(own),
            albums=tuple(sorted(self._of_albums & alone)),
            beside=tuple(dict.fromkeys((*own, *self._beside, *pictures))),
        )


def _image_folders(roots: Iterable[str]) -> list[str]:
    """Every root, and the folders in it that are for pictures of artists."""
    found = []
    for root in roots:
        found.append(root)
        for name in ARTIST_IMAGE_FOLDERS:
            cases = (name, name.capitalize(), name.title(), name.upper())
            found += [f"{root.rstrip('/')}/{case}" for case in cases]
    return found
