"""Sending what a scan found on its way, in chunks, while the walk goes on."""

from collections.abc import Sequence
from typing import NamedTuple

from db import folder_images, ledger, scans, tracks
from db.album_folders import group_folder
from db.connection import transaction
from db.folder_images import SeenImage
from db.models import EntityType, Kind
from db.slices import slices
from jobs.records import FoundFile
from jobs.scan.artists import ArtistsBeside
from worker.dispatch import enqueue, enqueue_need

CHUNK_FILES = 50
_LARGEST_FOLDER = 4 * CHUNK_FILES
"""A folder group with more files to read is split over several chunks."""


class Sender:
    """Collects the files of whole folder groups and sends them when there are enough.

    What a chunk's transaction writes is written before its job is enqueued, so that no job runs
    ahead of the rows it needs.
    """

    def __init__(self, scan_id: int, *, has_tracks: bool) -> None:
        """`has_tracks` tells whether a scan before has found music here."""
        self.scan_id = scan_id
        self._artists = ArtistsBeside(has_tracks=has_tracks)
        self._files: list[FoundFile] = []
        self._images: list[SeenImage] = []
        self._on_their_way: set[str] = set()

    def resume(self) -> None:
        """Ring again for the chunks of an interrupted attempt, and send nothing of them twice."""
        for chunk in scans.open_chunks(self.scan_id):
            self._on_their_way.update(file["path"] for file in chunk.files)
            enqueue(scans.READING, chunk_id=chunk.id)

    def add(self, folder: str, files: Sequence[FoundFile], images: Sequence[SeenImage]) -> bool:
        """Take one group's new and changed files, and return whether something was sent."""
        self._images += images
        files = [file for file in files if file.path not in self._on_their_way]
        if len(files) > _LARGEST_FOLDER:
            self.flush()
            for part in slices(files, CHUNK_FILES):
                self._send(part, split_folder=folder)
            return True
        self._files += files
        if len(self._files) < CHUNK_FILES and len(self._images) < CHUNK_FILES:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Send what was collected."""
        files, self._files = self._files, []
        if files or self._images:
            self._send(files)

    def regroup(self, folders: Sequence[str]) -> None:
        """Have the tracks of these group folders grouped anew, though none of them is read."""
        for part in slices(folders, CHUNK_FILES):
            self._send([], regroup=part)

    def forget_images(self, gone: Sequence[SeenImage]) -> None:
        """Drop picture files that are gone, and have the covers of their albums chosen anew."""
        with transaction():
            folder_images.drop([image.path for image in gone])
            needed = self._need_pictures(gone)
        _ring(needed)

    def _send(
        self,
        files: Sequence[FoundFile],
        regroup: Sequence[str] = (),
        split_folder: str | None = None,
    ) -> None:
        images, self._images = self._images, []
        chunk_id = None
        with transaction():
            folder_images.record(images)
            needed = self._need_pictures(images)
            if files or regroup:
                found = [file.as_json() for file in files]
                chunk_id = scans.add_chunk(self.scan_id, found, regroup, split_folder)
        if chunk_id is not None:
            enqueue(scans.READING, chunk_id=chunk_id)
        _ring(needed)

    def _need_pictures(self, images: Sequence[SeenImage]) -> "_Needed":
        """Say that what these picture files may show needs its pictures chosen anew."""
        folders = sorted({group_folder(image.folder) for image in images})
        albums = ledger.need(Kind.COVER, EntityType.ALBUM, tracks.albums_in(folders))
        artists = ledger.need(Kind.PICTURE, EntityType.ARTIST, self._artists.of(images))
        return _Needed(albums, artists)


class _Needed(NamedTuple):
    albums: list[int]
    artists: list[int]


def _ring(needed: _Needed) -> None:
    enqueue_need(ledger.need_for(Kind.COVER, EntityType.ALBUM), needed.albums)
    enqueue_need(ledger.need_for(Kind.PICTURE, EntityType.ARTIST), needed.artists)
