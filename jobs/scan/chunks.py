"""What a scan found, sent on in chunks while the walk goes on, and what its picture files need.

A picture file may show the artists that its folder and its name stand for.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from db import ledger
from db.artwork import picture_files
from db.artwork.picture_files import SeenImage
from db.library import tracks
from db.library.artists import alone_below, known_artists
from db.models import EntityType, Kind
from db.scanning import scans
from db.scanning.library_files import ARTIST_NFO, group_folder, is_companion
from db.settings.cover_orders import IN_ALBUMS, PICTURE_FOLDERS, album_order, artist_order
from db.sql.connection import transaction
from db.sql.name_index import artists_called
from db.sql.queries import slices
from jobs.covers.candidates import ARTIST_ROLES
from jobs.covers.folder_images import cover_name, picture_stem, plain
from jobs.errors import ScanEndedError
from jobs.records import FoundFile
from worker.dispatch import enqueue, enqueue_need


class ArtistsBeside:
    """Finds the artists whom picture files that came, changed or went may show.

    Artists that are made later look for themselves, so it need not know of all.
    """

    def __init__(self, *, has_tracks: bool) -> None:
        """`has_tracks` says whether an earlier scan has found music here."""
        self._has_tracks = has_tracks

    def of(self, images: Sequence[SeenImage]) -> set[int]:
        """The artists, perhaps some too many. Call it in the transaction that records the files."""
        if not images:
            return set()
        found = picture_files.artists_with([image.path for image in images])
        names: set[str] = set()
        for image in images:
            folder, _, name = image.path.rpartition("/")
            names.update(
                plain(each or "") for each in (picture_stem(name), folder.rpartition("/")[2])
            )
        found |= artists_called(names - {""})
        if self._has_tracks:
            found |= alone_below(_image_folders(images))
        return {artist.id for artist in known_artists(sorted(found))}


def _names_pictures(companion: SeenImage) -> bool:
    return companion.path.rpartition("/")[2].lower() == ARTIST_NFO


def _image_folders(images: Iterable[SeenImage]) -> dict[str, bool]:
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


def _place(folder: str) -> str:
    """The folder whose album the pictures of a folder may show."""
    above, _, name = folder.rpartition("/")
    return above if name.lower() in PICTURE_FOLDERS else folder


CHUNK_FILES = 150
_FIRST_FILES = 10
"""Of the first chunk: the first album shows early. Each chunk after it has twice as many."""
_LARGEST_FOLDER = 200
"""A folder group with more files to read is split over several chunks."""


class Sender:
    """Collects the files of whole folder groups and sends them when there are enough.

    What a chunk's transaction writes is written before its job is enqueued, so that no job runs
    ahead of the rows it needs. Sending raises ScanEndedError when the scan was ended meanwhile.
    """

    def __init__(self, scan_id: int, *, has_tracks: bool) -> None:
        """`has_tracks` says whether an earlier scan has found music here."""
        self.scan_id = scan_id
        self._artists = ArtistsBeside(has_tracks=has_tracks)
        self._files: list[FoundFile] = []
        self._enough = min(_FIRST_FILES, CHUNK_FILES)
        self._images: list[SeenImage] = []
        self._on_their_way: set[str] = set()
        self._chunks: list[int] = []
        """Written, and to be enqueued after the commit, as the covers of these albums."""
        self._albums: list[int] = []
        self._is_committing = False

    def resume(self) -> None:
        """Enqueue again the chunks of an interrupted attempt, and send nothing of them twice."""
        for chunk in scans.open_chunks(self.scan_id):
            self._on_their_way.update(file["path"] for file in chunk.files)
            enqueue(scans.READING, chunk_id=chunk.id)

    def add(self, folder: str, files: Sequence[FoundFile], images: Sequence[SeenImage]) -> bool:
        """Take one group's new and changed files, and return whether something was sent."""
        self._images += images
        files = [file for file in files if file.path not in self._on_their_way]
        if len(files) > _LARGEST_FOLDER:
            self.flush()
            with self.commit():
                for part in slices(files, CHUNK_FILES):
                    self._write(part, split_folder=folder)
            return True
        if len(self._files) + len(files) > _LARGEST_FOLDER:
            self.flush()
        self._files += files
        if len(self._files) < self._enough and len(self._images) < self._enough:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Send what was collected."""
        with self.commit():
            files, self._files = self._files, []
            if files or self._images:
                self._write(files)
                self._enough = min(2 * self._enough, CHUNK_FILES)

    def regroup(self, folders: Sequence[str]) -> None:
        """Have the tracks of these group folders regrouped, though none of them is read."""
        with self.commit():
            self._chunks += scans.add_regrouping(self.scan_id, folders)

    def forget_images(self, gone: Sequence[SeenImage]) -> None:
        """Drop picture files that are gone, and have the covers of their albums chosen again."""
        with self.commit():
            picture_files.drop_folder_images([image.path for image in gone])
            self._need_pictures(gone)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """All that is sent within is written in one transaction, and enqueued after it."""
        if self._is_committing:
            yield
            return
        with transaction():
            if not scans.hold(self.scan_id):
                raise ScanEndedError(f"scan {self.scan_id} was ended meanwhile")
            self._is_committing = True
            try:
                yield
            finally:
                self._is_committing = False
        self._enqueue()

    def _enqueue(self) -> None:
        chunks, self._chunks = self._chunks, []
        albums, self._albums = self._albums, []
        for chunk_id in chunks:
            enqueue(scans.READING, chunk_id=chunk_id)
        enqueue_need(ledger.need_for(Kind.COVER, EntityType.ALBUM), albums)

    def _write(self, files: Sequence[FoundFile], split_folder: str | None = None) -> None:
        images, self._images = self._images, []
        picture_files.record_folder_images(images)
        self._need_pictures(images)
        if files:
            found = [file.as_json() for file in files]
            self._chunks.append(scans.add_chunk(self.scan_id, found, split_folder=split_folder))

    def _need_pictures(self, images: Sequence[SeenImage]) -> None:
        """Have the pictures of what these picture files may show chosen again."""
        images = [each for each in images if not is_companion(each.path) or _names_pictures(each)]
        places = {place for image in images for place in (image.folder, _place(image.folder))}
        folders = sorted({group_folder(place) for place in places})
        self._albums += ledger.need(Kind.COVER, EntityType.ALBUM, tracks.albums_in(folders))
        ledger.need(Kind.PICTURE, EntityType.ARTIST, self._artists.of(images))
