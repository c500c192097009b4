"""`fleet export art`: covers beside the music, for players that know no other.

An album's cover is `cover.jpg` in each of its folders, that of a disc in the disc's own folder or,
where several discs share one, `disc2.jpg`. An artist's picture is `artist.jpg` in the artist's own
folder. A folder that has a picture of its own by that name, or shows one of its own, gets none, and
so does one in which several albums lie.
"""

import os
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from db.artwork import covers
from db.artwork.covers import FOLDER, Picture, TrackPlace
from db.artwork.image_files import original
from db.models import Album, Artist, EntityType, Role
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind, OwnArt
from db.scanning import roots
from db.scanning.library_files import disc_of, folder_of, is_disc_folder
from db.sql.path_text import shown, to_bytes, to_text
from db.sql.queries import slices, tuples
from jobs.covers.folder_images import picture_stem
from jobs.covers.own_folders import AlbumFolders, artist_folders
from jobs.pictures import store
from jobs.pictures.errors import Fault
from jobs.pictures.stored_images import MEMORY, SECONDS, confined
from jobs.publishing import disk
from jobs.publishing.disk import Wanted

_JPEG = "image/jpeg"
_LARGEST = 4096
"""Pixels of the longer side of what is made a JPEG."""
_AT_ONCE = 50
_ALBUMS, _ARTISTS = 0, 1
Item = tuple[int, int]
"""0 for an album or 1 for an artist, and its id."""


class _Target(NamedTuple):
    """A picture that is to lie in a folder."""

    folder: str
    stem: str
    picture: Picture

    @property
    def path(self) -> str:
        """Of the file."""
        return f"{self.folder.rstrip('/')}/{self.stem}.jpg"


def items(_options: Mapping[str, object]) -> list[Item]:
    """Every album of which a track is there, and every artist."""
    albums = Album.select(Album.id).where(Album.present > 0).order_by(Album.id)
    artists = Artist.select(Artist.id).order_by(Artist.id)
    return [
        *((_ALBUMS, each) for (each,) in tuples(albums)),
        *((_ARTISTS, each) for (each,) in tuples(artists)),
    ]


def work(
    wanted: Sequence[Item], _options: Mapping[str, object], *, dry: bool
) -> Generator[tuple[Item, list[Outcome]], None, None]:
    """Write the pictures of each of these, and say what became of them."""
    for part in slices(wanted, _AT_ONCE):
        albums = [entity_id for kind, entity_id in part if kind == _ALBUMS]
        artists = [entity_id for kind, entity_id in part if kind == _ARTISTS]
        for album_id, outcomes in _of_albums(albums, dry=dry):
            yield (_ALBUMS, album_id), outcomes
        for artist_id, outcomes in _of_artists(artists, dry=dry):
            yield (_ARTISTS, artist_id), outcomes


def _of_albums(album_ids: Sequence[int], *, dry: bool) -> Iterator[tuple[int, list[Outcome]]]:
    tracks = covers.present_tracks(album_ids)
    places = AlbumFolders(tracks)
    shown_by = covers.pictures(EntityType.ALBUM, album_ids, roles=())
    for album_id in album_ids:
        if album_id not in tracks:
            yield album_id, []
            continue
        folders = places.folders_of(album_id)
        own = [each.path for each in folders if not each.is_shared]
        left = [
            Outcome(End.LEFT, each.path, "several albums lie in one folder")
            for each in folders
            if each.is_shared
        ]
        targets = _of_album(own, tracks[album_id], shown_by.get(album_id, {}))
        yield album_id, [*left, *_settle(own, targets, ("cover", "disc"), dry=dry)]


def _of_album(
    folders: Sequence[str], tracks: Sequence[TrackPlace], pictures: Mapping[str, Picture]
) -> list[_Target]:
    """What is to lie in which of an album's folders."""
    discs: dict[str, set[int]] = defaultdict(set)
    for track in tracks:
        discs[track.folder].add(track.disc or disc_of(track.folder) or 1)
    found = []
    for folder in folders:
        own = discs.get(folder, set())
        alone = Role.of_disc(next(iter(own))) if len(own) == 1 and is_disc_folder(folder) else ""
        if picture := pictures.get(alone) or pictures.get(Role.FRONT):
            found.append(_Target(folder, "cover", picture))
        for disc in sorted(own) if not alone else ():
            if picture := pictures.get(Role.of_disc(disc)):
                found.append(_Target(folder, f"disc{disc}", picture))
    return found


def _of_artists(artist_ids: Sequence[int], *, dry: bool) -> Iterator[tuple[int, list[Outcome]]]:
    shown_by = covers.fronts(EntityType.ARTIST, artist_ids)
    for place in artist_folders(artist_ids):
        artist_id, folders = (
            place.artist.id,
            [each for each in place.folders if each not in place.with_tracks],
        )
        picture = shown_by.get(artist_id)
        targets = [_Target(folders[0], "artist", picture)] if folders and picture else []
        yield artist_id, _settle(folders[:1], targets, ("artist",), dry=dry)


def _settle(
    folders: Sequence[str], targets: Sequence[_Target], stems: tuple[str, ...], *, dry: bool
) -> list[Outcome]:
    """Have these folders hold these pictures, and no others that we wrote as one of the stems."""
    known = written_files.art_at(folders)
    wanted = {target.path for target in targets}
    gone = [
        each
        for path, each in known.items()
        if path not in wanted and os.path.basename(path).startswith(stems)
    ]
    outcomes = []
    for target in targets:
        try:
            outcomes.append(_settle_one(target, known, dry=dry))
        except OSError as error:
            outcomes.append(disk.failure(error, target.path))
    for each in gone:
        try:
            outcomes.append(disk.take_away(each, dry=dry))
        except OSError as error:
            outcomes.append(disk.failure(error, each.path))
    return outcomes


def _settle_one(target: _Target, known: Mapping[str, written_files.Ours], *, dry: bool) -> Outcome:
    if (obstacle := roots.away(target.path)) is not None:
        return Outcome(End.FAILED, target.path, f"{obstacle.text} — {obstacle.remedy}")
    if (own := _own_picture(target)) is not None:
        return Outcome(End.LEFT, f"{target.folder}/{own}", "the folder has a picture of its own")
    if not store.bring(original(target.picture.digest)):
        why = "its picture is not in the picture store — run `fleet enqueue cover --all`"
        return Outcome(End.FAILED, target.path, why)
    wanted = Wanted(target.path, Kind.ART, target.picture.digest, maker(target.picture))
    return disk.settle(wanted, known.get(target.path), dry=dry)


def _own_picture(target: _Target) -> str | None:
    """The name of a picture in the folder that is its owner's and does the same."""
    picture = target.picture
    if picture.source == FOLDER and folder_of(picture.source_path) == target.folder:
        return os.path.basename(picture.source_path)
    own = OwnArt.within([target.folder])
    with os.scandir(to_bytes(target.folder)) as entries:
        for entry in entries:
            name = to_text(entry.name)
            stem = picture_stem(name)
            if stem is None or stem.casefold() != target.stem:
                continue
            status = entry.stat(follow_symlinks=False)
            path = f"{target.folder.rstrip('/')}/{name}"
            if path != target.path and not own.holds(path, status.st_size, status.st_mtime_ns):
                return name
    return None


def maker(picture: Picture) -> disk.Make:
    """What writes a picture as a JPEG: the bytes as they are stored, if they are one."""
    return partial(_copy if picture.mime == _JPEG else _convert, picture.digest)


def _copy(digest: str, path: bytes) -> None:
    disk.writer(original(digest).read_bytes())(path)


def _convert(digest: str, path: bytes) -> None:
    """Write a picture as a JPEG of the same size. Raises OSError for one that does not decode."""
    work = [(str(original(digest)), to_text(path))]
    (found,) = confined(_as_jpeg, work, extra_memory=MEMORY, seconds=SECONDS)
    if isinstance(found, Fault):
        raise OSError(None, f"the picture cannot be decoded: {found}", shown(to_text(path)))


def _as_jpeg(work: tuple[str, str]) -> bool:
    """Write the JPEG of a picture. Runs in the child."""
    from pathlib import Path  # noqa: PLC0415  # the child's alone

    from jobs.pictures.thumbnails import decode  # noqa: PLC0415  # brings Pillow

    picture, path = work
    found = decode(Path(picture), _LARGEST)
    if isinstance(found, Fault):
        raise ValueError(str(found))
    disk.writer(found.thumbnail)(to_bytes(path))
    return True
