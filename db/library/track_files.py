"""Tracks and their files: what is known of a root, what is gone, and where it went."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.models import Track, utc_now
from db.scanning.library_files import Scope
from db.sql.queries import (
    ASKED,
    Prepared,
    among,
    below,
    of_folders,
    plain_tuples,
    slices,
    tuples,
)

TrackKey = tuple[str, int]
"""What a track is known by: the path of its file, and its part of it."""


class KnownFile(NamedTuple):
    """A file as discovery compares it with the disk."""

    id: int
    """Of its track, or that of its first part."""
    size: int
    mtime_ns: int
    missing: bool
    reader: int
    parts: tuple[int, ...] = ()
    """The tracks that are parts of it; none where one is the whole file."""


def group_folders(after: str, most: int) -> list[str]:
    """The first group folders of tracks whose paths come after this one."""
    query = Track.select(Track.group_folder).where(Track.group_folder > after).distinct()
    return [folder for (folder,) in tuples(query.order_by(Track.group_folder).limit(most))]


def known_files(root: str, scope: Scope | None = None) -> dict[str, KnownFile]:
    """Every file with tracks below `root`, or in that part of it, by its path."""
    is_missing = Track.missing_since.is_null(False)
    columns = (Track.path, Track.id, Track.size, Track.mtime_ns, is_missing, Track.reader)
    query = Track.select(*columns)
    where = (
        [below(Track.path, root)] if scope is None else scope.conditions(Track.path, Track.folder)
    )
    conditions = list(where)
    found = {
        path: KnownFile(track_id, size, mtime_ns, bool(missing), reader)
        for condition in conditions
        for path, track_id, size, mtime_ns, missing, reader in plain_tuples(
            query.where(condition, Track.part == 0)
        )
    }
    in_order = query.where(Track.part > 0).order_by(Track.path, Track.part)
    for condition in conditions:
        for path, track_id, *seen in plain_tuples(in_order.where(condition)):
            _add_part(found, path, KnownFile(track_id, *seen)._replace(parts=(track_id,)))
    return found


def _add_part(found: dict[str, KnownFile], path: str, part: KnownFile) -> None:
    """Add a part to its file, of which those tracks count that are there, if any is."""
    known = found.get(path)
    if known is None or (known.missing and not part.missing):
        found[path] = part
    elif known.parts and known.missing == part.missing:
        found[path] = known._replace(parts=known.parts + part.parts)


def ids_in_files(paths: Iterable[str]) -> dict[TrackKey, int]:
    """The ids of the tracks of these files, those too that are not there."""
    rows = _IN_FILES.rows(list(dict.fromkeys(paths)))
    return {(path, part): track_id for track_id, path, part in rows}


_IN_FILES = Prepared.by(Track.path, Track.id, Track.path, Track.part)


class GoneFile(NamedTuple):
    """A track whose file is gone, as it is recognised elsewhere."""

    id: int
    path: str
    part: int
    size: int
    content_id: str
    group_folder: str


def gone_files(track_ids: Sequence[int], sizes: Collection[int]) -> Iterator[GoneFile]:
    """These tracks, whose file is gone, and those marked missing before that have these sizes."""
    columns = [getattr(Track, name) for name in GoneFile._fields]
    for part in slices(sorted(sizes)):
        yield from map(GoneFile._make, tuples(Track.select(*columns).where(_missing_of(part))))
    for ids in slices(track_ids):
        now = Track.select(*columns).where(among(Track.id, ids), Track.missing_since.is_null())
        yield from map(GoneFile._make, tuples(now))


def missing_count() -> int:
    """How many tracks are marked missing."""
    # All have a size: naming the column of their index has SQLite search it.
    return int(Track.select().where(Track.missing_since.is_null(False), Track.size >= 0).count())


def missing_sizes(sizes: Collection[int]) -> set[int]:
    """Those of the sizes that a track has that is marked missing."""
    return {
        size
        for part in slices(sorted(sizes))
        for (size,) in tuples(Track.select(Track.size).where(_missing_of(part)).distinct())
    }


def _missing_of(sizes: Sequence[int]) -> Expression:
    return Track.missing_since.is_null(False) & among(Track.size, sizes)


class KnownSound(NamedTuple):
    """A track as it is recognised by what is left of it in another file."""

    id: int
    path: str
    folder: str
    group_folder: str
    missing_since: datetime | None
    sound_id: str | None
    musicbrainz_track_id: str | None
    title: str | None
    album_title: str | None
    disc: int | None
    track: int | None
    date: str | None


def missing_like(sounds: Sequence[str], track_ids: Sequence[str]) -> list[KnownSound]:
    """The missing tracks with one of these sounds, or one of these MusicBrainz track ids."""
    of_sounds, of_ids = _MISSING_LIKE
    rows = (*of_sounds.rows(sounds), *of_ids.rows(track_ids))
    return list({each.id: each for each in map(KnownSound._make, rows)}.values())


def _missing_by(column: Any) -> Prepared:
    columns = [getattr(Track, name) for name in KnownSound._fields]
    return Prepared.by(column, *columns, where=Track.missing_since.is_null(False))


_MISSING_LIKE = (_missing_by(Track.sound_id), _missing_by(Track.musicbrainz_track_id))


def present_like(
    sounds: Sequence[str], track_ids: Sequence[str], outside: str | None, most: int
) -> list[KnownSound]:
    """As `missing_like`, those that were there, outside of a folder; none if there are too many."""
    found: dict[int, KnownSound] = {}
    for column, values in ((Track.sound_id, sounds), (Track.musicbrainz_track_id, track_ids)):
        for part in slices(values):
            where = [among(column, part), Track.missing_since.is_null()]
            where += [~below(Track.path, outside)] if outside else []
            these = list(islice(_known_sounds(*where), most + 1))
            found.update((each.id, each) for each in these if len(these) <= most)
    return list(found.values())


def common_sounds(sounds: Collection[str]) -> set[str]:
    """Those of the sounds that a track has whose file is there."""
    here = Track.select(SQL("1")).where(Track.sound_id == ASKED, Track.missing_since.is_null())
    asked = [(sound, 0) for sound in sounds]
    return {sound for (sound,) in of_folders(asked, (ASKED,), fn.EXISTS(here))}


def _known_sounds(*where: Expression) -> Iterator[KnownSound]:
    columns = [getattr(Track, name) for name in KnownSound._fields]
    return map(KnownSound._make, tuples(Track.select(*columns).where(*where)))


def mark_missing(track_ids: Sequence[int]) -> None:
    """Say that these files are gone. The tracks stay."""
    for ids in slices(track_ids):
        Track.update(missing_since=utc_now()).where(
            among(Track.id, ids), Track.missing_since.is_null()
        ).execute()


def take_away(track_ids: Sequence[int]) -> None:
    """Say that these are not what their files, which are there, are divided into.

    The tracks stay, as those of files that are gone. But no new file is taken for theirs, and
    without a size they do not count as gone.
    """
    nothing = {"size": 0, "sound_id": None, "musicbrainz_track_id": None}
    for ids in slices(track_ids):
        Track.update(missing_since=utc_now(), **nothing).where(
            among(Track.id, ids), Track.missing_since.is_null()
        ).execute()


class Move(NamedTuple):
    """Where a file went."""

    track_id: int
    former: str
    """Its path until now."""
    path: str
    part: int
    folder: str
    group_folder: str


def move(moves: Iterable[Move]) -> None:
    """Give tracks their new paths; the rows, and all that hangs on them, stay.

    A track that has gone elsewhere by now stays as it is.
    The modification time is forgotten, so that the files are read again whatever happens next.
    """
    for track_id, former, *place in moves:
        place_of_file = dict(zip(Move._fields[2:], place, strict=True))
        Track.update(mtime_ns=-1, missing_since=None, **place_of_file).where(
            Track.id == track_id, Track.path == former
        ).execute()
