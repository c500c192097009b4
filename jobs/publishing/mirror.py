"""`fleet export mirror`: the library once more, by a pattern of names, with tags and art complete.

A file whose tags lack nothing shares its blocks with the original where the file system can
(reflinks), else is a hard link, else a copy. One that gets tags is a copy always, its blocks shared
where that can be: no original is ever written through. Each album's folder gets its cover.
"""

import errno
import os
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from db.artwork import covers
from db.artwork.image_files import original
from db.models import Album, Artist, EntityType, Track, TrackArtist
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import Kind
from db.scanning import roots
from db.sql.path_text import to_bytes, to_text, visible
from db.sql.queries import slices, tuples
from jobs.bounded import ItemFailure, run_bounded
from jobs.publishing import art, disk, found_out, tag_files
from jobs.publishing.disk import Wanted

_AT_ONCE = 200
_MEMORY, _SECONDS = 512 * 1024 * 1024, 600.0
_LONGEST = 120
"""Bytes of a name; with a number and an extension file systems take 255."""
_UNSAFE = re.compile(r'[/\\:*?"<>|\0]')
_FIELD = re.compile(r"\{(\w+)\}")
_TRACK, _COVER, _REST = range(3)
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
Item = tuple[int, int]
"""What it is, and the id of the track or album."""


class _Track(NamedTuple):
    """What the name of a track follows from."""

    id: int
    path: str
    size: int
    mtime_ns: int
    title: str | None
    disc: int | None
    disc_total: int | None
    number: int | None
    date: str | None
    album: int | None
    album_title: str | None
    album_artist: str | None
    album_date: str | None
    compilation: bool
    artist: str | None


def items(_options: Mapping[str, object]) -> list[Item]:
    """Every track that is a file, then every album, and last what is no more."""
    here = Track.missing_since.is_null()
    tracks = Track.select(Track.id).where(here, Track.part == 0).order_by(Track.id)
    albums = Album.select(Album.id).where(Album.present > 0).order_by(Album.id)
    return [
        *((_TRACK, each) for (each,) in tuples(tracks)),
        *((_COVER, each) for (each,) in tuples(albums)),
        (_REST, 0),
    ]


def work(
    wanted: Sequence[Item], options: Mapping[str, Any], *, dry: bool
) -> Generator[tuple[Item, list[Outcome]], None, None]:
    """Have the tree hold each of these, and last nothing else of ours."""
    for part in slices(wanted, _AT_ONCE):
        found = _tracks([each for kind, each in part if kind == _TRACK])
        for item in part:
            kind, entity_id = item
            try:
                if kind == _REST:
                    yield item, _drop_others(options, dry=dry)
                elif kind == _COVER:
                    yield item, _cover(entity_id, options, dry=dry)
                elif entity_id in found:
                    yield item, [_settle(found[entity_id], options, dry=dry)]
                else:
                    yield item, []
            except OSError as error:
                yield item, [disk.failure(error, options["folder"])]


def _tracks(ids: Sequence[int]) -> dict[int, _Track]:
    columns = (Track.id, Track.path, Track.size, Track.mtime_ns, Track.title, Track.disc)
    more = (Track.disc_total, Track.track, Track.date, Track.album)
    of_album = (Album.title, Album.album_artist, Album.date, Album.compilation, Artist.name)
    query = (
        Track.select(*columns, *more, *of_album)
        .left_outer_join(Album, on=Track.album == Album.id)
        .left_outer_join(
            TrackArtist, on=(TrackArtist.track == Track.id) & (TrackArtist.position == 0)
        )
        .left_outer_join(Artist, on=TrackArtist.artist == Artist.id)
        .where(Track.id.in_(list(ids)))
    )
    return {row[0]: _Track._make(row) for row in tuples(query)}


def _place(track: _Track, pattern: str) -> str:
    """Where a track lies below the folder, without its extension."""
    stem = os.path.basename(track.path).rpartition(".")[0]
    said = {
        "albumartist": "Various Artists" if track.compilation else track.album_artist,
        "artist": track.artist,
        "album": track.album_title,
        "year": (track.album_date or track.date or "")[:4],
        "disc": f"{track.disc}-" if track.disc and (track.disc_total or 1) > 1 else "",
        "track": "" if track.number is None else f"{track.number:02}",
        "title": track.title or stem,
        "name": stem,
    }
    unknown = {"albumartist": track.artist or "Unknown Artist", "artist": "Unknown Artist"}
    unknown |= {"album": "Unknown Album"}

    def value(match: re.Match[str]) -> str:
        return _UNSAFE.sub("_", said[match[1]] or unknown.get(match[1], ""))

    return "/".join(_safe(_FIELD.sub(value, part)) for part in pattern.strip("/").split("/"))


def _safe(name: str) -> str:
    """A name that any file system takes, and that leads to no other folder."""
    plain = visible(name.replace("()", "").replace("[]", ""))
    printable = "".join(char for char in _UNSAFE.sub("_", plain) if char.isprintable())
    short = " ".join(printable.split()).encode()[:_LONGEST].decode(errors="ignore")
    return short.strip(" .") or "_"


def _path(track: _Track, options: Mapping[str, Any]) -> tuple[str, str]:
    """The path of a track in the tree, and the beginning of what says that it is that track's."""
    place = f"{options['folder']}/{_place(track, options['pattern'])}"
    extension = os.path.basename(track.path).rpartition(".")[2]
    mark = f"{track.id}:"
    plain = f"{place}.{extension}"
    taken = written_files.at([plain]).get(plain)
    if taken is not None and not taken.source.startswith(mark):
        return f"{place} ({track.id}).{extension}", mark
    return plain, mark


def _settle(track: _Track, options: Mapping[str, Any], *, dry: bool) -> Outcome:
    if (obstacle := roots.away(track.path)) is not None:
        return Outcome(End.FAILED, track.path, f"{obstacle.text} — {obstacle.remedy}")
    path, mark = _path(track, options)
    lacking = found_out.lacking(track.id) if options.get("tags", True) else {}
    said = sha256(repr(sorted(lacking.items())).encode()).hexdigest()[:16]
    source = f"{mark}{track.size}:{track.mtime_ns}:{said}"
    if not dry:
        disk.make_folders(os.path.dirname(path), options["folder"], Kind.MIRROR)
    make = partial(_make, track, lacking)
    wanted = Wanted(path, Kind.MIRROR, source, make, options["folder"])
    known = written_files.at([path]).get(path)
    return disk.settle(wanted, known, dry=dry)


def _make(track: _Track, lacking: dict[str, str], target: bytes) -> None:
    """Write the file. Tags that its format does not take leave it as it is."""
    path = os.path.realpath(to_bytes(track.path))
    if lacking:
        disk.clone(path, target)
        work = [to_text(target), track.path, lacking]
        outcomes = run_bounded(tag_files.complete, [work], extra_memory=_MEMORY, seconds=_SECONDS)
        with closing(outcomes):
            if not isinstance(next(outcomes), ItemFailure):
                return
        disk.remove(target)
    if disk.share(path, target):
        return
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        disk.clone(path, target)


def _cover(album_id: int, options: Mapping[str, Any], *, dry: bool) -> list[Outcome]:
    """Have each folder of an album hold its cover."""
    picture = covers.fronts(EntityType.ALBUM, [album_id]).get(album_id)
    if picture is None or not original(picture.digest).exists():
        return []
    here = Track.missing_since.is_null()
    ids = [each for (each,) in tuples(Track.select(Track.id).where(Track.album == album_id, here))]
    folders = {os.path.dirname(_path(each, options)[0]) for each in _tracks(ids).values()}
    outcomes = []
    for folder in sorted(folders):
        path = f"{folder}/cover.jpg"
        known = written_files.at([path]).get(path)
        if known is not None and known.source.partition(" ")[0] != str(album_id):
            continue  # several albums are in one folder, by the pattern: the first one's stays
        if not dry:
            disk.make_folders(folder, options["folder"], Kind.MIRROR)
        make = art.maker(picture)
        source = f"{album_id} {picture.digest}"
        wanted = Wanted(path, Kind.MIRROR, source, make, options["folder"])
        outcomes.append(disk.settle(wanted, known, dry=dry))
    return outcomes


def _drop_others(options: Mapping[str, Any], *, dry: bool) -> list[Outcome]:
    """Remove what lies elsewhere by now, or is of nothing that there is."""
    outcomes, after = [], 0
    while rows := written_files.of_kind(Kind.MIRROR, options["folder"], after, _AT_ONCE):
        ids = [int(each.source.partition(":")[0]) for each in rows if ":" in each.source]
        tracks = _tracks(ids)
        here = Track.select(Track.id).where(Track.id.in_(ids), Track.missing_since.is_null())
        present = {each for (each,) in tuples(here)}
        for each in rows:
            number, colon, _ = each.source.partition(":")
            if each.is_folder and not dry and not os.listdir(to_bytes(each.path)):  # bytes
                outcomes.append(disk.take_away(each, dry=dry))
            if not colon:
                continue
            track = tracks.get(int(number)) if int(number) in present else None
            if track is None or _path(track, options)[0] != each.path:
                outcomes.append(disk.take_away(each, dry=dry))
        after = rows[-1].id
    return outcomes
