"""Library roots: those there are, those that moved, and those that are gone for good.

When a root moved, its tracks, and all that hangs on them, get their new paths as they are: no file
is read, and nothing is asked for again.
"""

import os
import posixpath
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from peewee import OP, Expression, Value, fn

from db import ledger
from db.artwork.images import hand_over
from db.ledger import Cause
from db.library import track_files
from db.maintenance import removal
from db.models import (
    Album,
    Annotation,
    ArtistPicture,
    Bookmark,
    ChosenImage,
    Cover,
    EntityType,
    FolderImage,
    LedgerRow,
    Play,
    PlaylistEntry,
    Problem,
    Scan,
    ScanChunk,
    Table,
    Track,
    WrittenFile,
)
from db.scanning import problems, roots, scans
from db.scanning.library_files import group_folder
from db.sql.connection import transaction
from db.sql.path_text import is_under, to_bytes
from db.sql.queries import among, below, slices, tuples

THERE = "there"
FORGOTTEN = "being forgotten"
_SAMPLE = 300
"""Tracks by which it is judged whether a folder holds what a root held."""
_GOOD_SHARE = 0.5
_AT_ONCE = 200
_MOST_LIKE = 5_000
"""Tracks that are looked through for copies of a sample."""


class Root(NamedTuple):
    """A folder of music that was scanned, or is being."""

    path: str
    state: str
    """THERE, FORGOTTEN, or why it cannot be scanned."""
    tracks: int
    """Those that are there."""
    missing: int
    problems: int
    """Files and folders in it that could not be used."""
    scanned_at: datetime | None
    """When the last scan of all of it was begun that had a result."""


def listed() -> list[Root]:
    """Every root, by name, and those whose tracks are still to go."""
    found = [_described(path) for path in scans.roots()]
    going = [_described(path)._replace(state=FORGOTTEN) for path in roots.being_forgotten()]
    return sorted([*found, *going])


def _described(path: str) -> Root:
    here = below(Track.path, path)
    total = Track.select().where(here).count()
    away = Track.select().where(here, Track.missing_since.is_null(False))
    gone = away.where(Track.size > 0).count()  # others are of files that are divided otherwise
    state = roots.absence(path) or THERE
    faults = problems.stages_below(path).total()
    return Root(path, state, total - away.count(), gone, faults, scans.last_whole(path))


class Going(NamedTuple):
    """What goes with a root that is forgotten."""

    tracks: int
    albums: int
    chosen: int
    """Pictures that the user chose for these albums."""


def going(root: str) -> Going:
    """What would go with this root, if nothing of it is in another."""
    here = below(Track.path, root)
    albums = Track.select(Track.album).where(here, Track.album.is_null(False)).distinct()
    chosen = ChosenImage.select().where(
        ChosenImage.entity_type == EntityType.ALBUM, ChosenImage.entity_id.in_(albums)
    )
    return Going(Track.select().where(here).count(), albums.count(), chosen.count())


class Place(NamedTuple):
    """Where what a folder held may be by now."""

    old: str
    new: str
    share: float
    """How much of it is at the same place below the new folder, with the same size: 0 to 1."""


def found_again(root: str) -> Place | None:
    """The root, or the folder in one, that is away and most of whose files lie below this one."""
    for old in scans.roots():
        if _nested(old, root) or not is_away(old):
            continue
        for before, now in (
            (old, root),
            (old, f"{root}/{posixpath.basename(old)}"),
            (f"{old}/{posixpath.basename(root)}", root),
        ):
            place = Place(before, now, share_at(before, now))
            if place.share >= _GOOD_SHARE:
                return place
    return None


def doubled(root: str) -> dict[str, float]:
    """How much of a root is below others too, as far as it is known, the most first: 0 to 1.

    It is by the sound, and by the title or the file's name, of a sample.
    """
    query = Track.select(Track.sound_id, Track.title, Track.path).where(
        below(Track.path, root), Track.missing_since.is_null(), Track.sound_id.is_null(False)
    )
    sample = list(tuples(query.order_by(fn.RANDOM()).limit(_SAMPLE)))
    mine = {(sound, what) for sound, title, path in sample for what in (title, _name(path)) if what}
    others = [each for each in scans.roots() if not _nested(each, root)]
    found: Counter[str] = Counter()
    sounds = sorted({sound for sound, *_ in sample})
    for each in track_files.present_like(sounds, [], root, _MOST_LIKE) if others else ():
        if {(each.sound_id, each.title), (each.sound_id, _name(each.path))} & mine:
            found.update(other for other in others if is_under(each.path, other))
    return {other: min(1.0, count / len(sample)) for other, count in found.most_common()}


def _name(path: str) -> str:
    return posixpath.basename(path)


def _nested(one: str, other: str) -> bool:
    return is_under(one, other) or is_under(other, one)


def share_at(old: str, new: str) -> float:
    """How much of the present tracks of a folder lies at the same place below another: 0 to 1."""
    query = Track.select(Track.path, Track.size).where(
        below(Track.path, old), Track.missing_since.is_null()
    )
    sample = list(tuples(query.order_by(fn.RANDOM()).limit(_SAMPLE)))
    same = sum(_size(new + path[len(old) :]) == size for path, size in sample)
    return same / len(sample) if sample else 0.0


def is_away(root: str) -> bool:
    """Whether a root is not there, or holds no audio file: it moved, or is not mounted."""
    obstacle = roots.away(root)
    return obstacle is not None and obstacle.cause is Cause.ROOT_AWAY


def _size(path: str) -> int | None:
    try:
        return os.stat(to_bytes(path)).st_size
    except OSError:
        return None


_PATHS: tuple[tuple[type[Table], tuple[str, ...]], ...] = (
    (Track, ("path", "folder", "group_folder")),
    (FolderImage, ("path", "folder")),
    (ArtistPicture, ("path",)),
    (Problem, ("path",)),
    (Cover, ("source_path",)),
    (ChosenImage, ("source_path",)),
    (LedgerRow, ("path", "place")),
    (Scan, ("root",)),
    (WrittenFile, ("path", "folder", "place")),
)
"""Every column that holds a path, but for those of JSON."""


def move(old: str, new: str) -> int:
    """Say that what lay below `old` lies below `new` by now; how many tracks go along.

    A track that a scan has found below `new` meanwhile becomes one with the one that was known
    before. Neither folder lies in the other. Call it in a transaction, and while no scan of one of
    them goes on but the caller's.
    """
    _become_one(old, new)
    count = Track.select().where(below(Track.path, old)).count()
    for table, columns in _PATHS:
        for column in columns:
            field = getattr(table, column)
            table.update({field: _moved(field, old, new)}).where(
                (field == old) | below(field, old)
            ).execute()
    _move_keys(old, new)
    for scan in Scan.select(Scan.id, Scan.mounts).where(Scan.root == new):
        places = [_moved_path(place, old, new) for place in scan.mounts or ()]
        if places:
            Scan.update(mounts=places).where(Scan.id == scan.id).execute()
    for chunk in ScanChunk.select().where(ScanChunk.done_at.is_null(), ScanChunk.file_count == 0):
        folders = [_moved_path(folder, old, new) for folder in chunk.regroup]
        ScanChunk.update(regroup=folders).where(ScanChunk.id == chunk.id).execute()
    return count


def move_for_scan(scan_id: int, place: Place) -> None:
    """As `move`, for a scan of the new folder, of which the scan's row says so."""
    columns = {"former_root": place.old, "moved": Scan.moved + move(place.old, place.new)}
    Scan.update(**columns).where(Scan.id == scan_id).execute()


def _moved(field: Any, old: str, new: str) -> Expression:
    return Expression(Value(new), OP.CONCAT, fn.SUBSTR(field, len(old) + 1))


def _moved_path(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if is_under(path, old) else path


def _move_keys(old: str, new: str) -> None:
    """Albums are known by their folders; a key that another album has stays until it is read."""
    other = Album.alias()
    key = _moved(Album.key, old, new)
    in_it = below(Album.key, old) | (fn.SUBSTR(Album.key, 1, len(old) + 1) == f"{old}\n")
    taken = fn.EXISTS(other.select(Value(1)).where(other.key == key))
    Album.update(key=key).where(in_it, ~taken).execute()
    within = fn.REPLACE(Album.key, f"\n{old}/", f"\n{new}/")
    taken = fn.EXISTS(other.select(Value(1)).where(other.key == within))
    Album.update(key=within).where(within != Album.key, ~taken).execute()
    release = _moved(Album.release, old, new)
    named = fn.SUBSTR(Album.release, 1, len(old) + 1) == f"{old}\n"
    Album.update(release=release).where(below(Album.release, old) | named).execute()


def _become_one(old: str, new: str) -> None:
    """Drop the rows of what was taken in below `new` before, for the older ones come there."""
    for table in (FolderImage, ArtistPicture, Problem, WrittenFile):
        other = table.alias()
        path = _moved(other.path, old, new)
        taken = other.select(path).where(below(other.path, old))
        table.delete().where(below(table.path, new), table.path.in_(taken)).execute()
    for pairs in slices([*_at_same_place(old, new), *_of_same_sound(old, new)], _AT_ONCE):
        _hand_over_choices(pairs)
        removal.forget_tracks([pair.newer for pair in pairs])
        track_files.move(
            track_files.Move(pair.older, *pair[2:], *_places(pair.path)) for pair in pairs
        )


class _Pair(NamedTuple):
    """Two rows of one file."""

    older: int
    newer: int
    former: str
    """The path of the older one."""
    path: str
    """That of the newer one, where the file is."""
    part: int
    """As the newer one has it."""


def _at_same_place(old: str, new: str) -> list[_Pair]:
    older, newer = Track.alias(), Track.alias()
    query = (
        older.select(older.id, newer.id, older.path, newer.path, newer.part)
        .join(newer, on=(newer.path == _moved(older.path, old, new)) & (newer.part == older.part))
        .where(below(older.path, old))
    )
    return list(map(_Pair._make, tuples(query)))


def _of_same_sound(old: str, new: str) -> Iterator[_Pair]:
    """Tracks that lie elsewhere below the new folder: of a sound that only two rows have."""
    older, newer, any_of_it = Track.alias(), Track.alias(), Track.alias()
    count = any_of_it.select(fn.COUNT(any_of_it.id)).where(any_of_it.sound_id == older.sound_id)
    query = (
        older.select(older.id, newer.id, older.path, newer.path, newer.part)
        .join(newer, on=newer.sound_id == older.sound_id)
        .where(below(older.path, old), below(newer.path, new), count == 2)
    )
    for pair in map(_Pair._make, tuples(query)):
        target = _moved_path(pair.former, old, new)
        if target != pair.path and _size(target) is None:
            yield pair


def _places(path: str) -> tuple[str, str]:
    folder = posixpath.dirname(path)
    return folder, group_folder(folder)


def _hand_over_choices(pairs: Sequence[_Pair]) -> None:
    """Give what users chose and said of the newer rows, and have of them, to the older ones."""
    ids = [each for pair in pairs for each in (pair.older, pair.newer)]
    albums = dict(tuples(Track.select(Track.id, Track.album).where(among(Track.id, ids))))
    heirs = {(albums[pair.newer], albums[pair.older]) for pair in pairs}
    for newer, older in heirs:
        if newer is not None and older is not None and newer != older:
            hand_over(EntityType.ALBUM, newer, older)
    older_of = {pair.newer: pair.older for pair in pairs}
    said = Annotation.select(Annotation.entity_id).where(
        Annotation.entity_type == EntityType.TRACK, among(Annotation.entity_id, list(older_of))
    )
    for newer in {track_id for (track_id,) in tuples(said)}:
        hand_over(EntityType.TRACK, newer, older_of[newer])
    for table, unique in ((Play, Play.played_at), (PlaylistEntry, None), (Bookmark, None)):
        _hand_over_rows(table, unique, older_of)


def _hand_over_rows(table: Any, moment: Any, older_of: Mapping[int, int]) -> None:
    """Rows of users about newer tracks; of what the user has of the older one that stays."""
    query = table.select(table.track).where(among(table.track, list(older_of))).distinct()
    for newer in [track_id for (track_id,) in tuples(query)]:
        mine = table.alias()
        where = [table.track == newer]
        if table is not PlaylistEntry:
            same = [mine.user == table.user, mine.track == older_of[newer]]
            same += [] if moment is None else [mine.played_at == moment]
            where.append(~fn.EXISTS(mine.select(Value(1)).where(*same)))
        table.update(track=older_of[newer]).where(*where).execute()


def forget(root: str, most: float = inf) -> int:
    """Forget a root, its scans and its tracks, with all that hangs on them; how many tracks.

    What another root holds too stays. It ends after `most` seconds, and when a scan of the root
    begins, which then is one again. Ended half way, it goes on when it is called again.
    """
    with transaction():
        roots.mark_forgotten(root)
    forgotten, end = 0, time.monotonic() + most
    while time.monotonic() < end:
        with transaction():
            if not roots.is_forgotten(root):
                break
            others = scans.roots()
            kept = [each for each in others if is_under(each, root)]
            is_shared = any(is_under(root, each) for each in others)
            ids = [] if is_shared else _some_below(root, kept)
            removal.forget_tracks(ids)
            forgotten += len(ids)
            if not ids:
                if not is_shared:
                    _forget_rest(root, kept)
                ledger.wake_at(root)
                Scan.delete().where(Scan.root == root).execute()
                break
    return forgotten


def _some_below(root: str, kept: Sequence[str]) -> list[int]:
    where = [below(Track.path, root), *(~below(Track.path, each) for each in kept)]
    return [row[0] for row in tuples(Track.select(Track.id).where(*where).limit(_AT_ONCE))]


def _forget_rest(root: str, kept: Sequence[str]) -> None:
    """Forget pictures and problems below a root, but for those of the roots in it."""
    for table in (FolderImage, ArtistPicture):
        others = [~below(table.path, each) for each in kept]
        table.delete().where(below(table.path, root), *others).execute()
    others = [~below(Problem.path, each) for each in kept]
    query = Problem.select(Problem.path).where(below(Problem.path, root), *others)
    paths = [path for (path,) in tuples(query)]
    for stage in problems.Stage:
        problems.clear(paths, stage)
