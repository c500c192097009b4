"""`fleet export tags`: what was found out, into the tags of the files, where these lack it.

Tempo and key of the audio analysis, as far as it is sure of them, or the tempo that the owner said;
ReplayGain of track and album, measured from end to end; the MusicBrainz ids that were found. What a
file says itself is never replaced, but for what was written here before. Each file has one backup,
which leads back to its first bytes whatever is written later.
"""

import os
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from db.models import Album, Track
from db.publishing import written_files
from db.publishing.export_runs import End, Outcome
from db.publishing.written_files import WRITTEN, Kind, Ours
from db.scanning import roots
from db.sql.connection import transaction
from db.sql.path_text import is_under, to_bytes, to_text
from db.sql.queries import slices, tuples
from jobs.bounded import ItemFailure, run_bounded
from jobs.publishing import disk, tag_delta, tag_files
from jobs.publishing.found_out import GAINS, NO_PEAKS, TrackFile, found_out, track_files
from jobs.publishing.replay_gain import Measured, measuring
from jobs.publishing.tag_files import Work

_MEMORY = 512 * 1024 * 1024
_SECONDS = 600.0
"""For one file: an hour of uncompressed sound is copied and compared on a slow disk."""
_AT_ONCE = 20
"""Albums whose files one child measures."""
_ALBUMS, _TRACKS = 0, 1
Item = tuple[int, int]
"""0 for an album, or 1 for a track of none, and its id."""


def items(_options: Mapping[str, object]) -> list[Item]:
    """Every album of which a track is there, and the tracks of none."""
    albums = Album.select(Album.id).where(Album.present > 0).order_by(Album.id)
    tracks = Track.select(Track.id).where(Track.album.is_null(), Track.missing_since.is_null())
    return [
        *((_ALBUMS, each) for (each,) in tuples(albums)),
        *((_TRACKS, each) for (each,) in tuples(tracks.order_by(Track.id))),
    ]


def work(
    wanted: Sequence[Item], options: Mapping[str, object], *, dry: bool
) -> Generator[tuple[Item, list[Outcome]], None, None]:
    """Write into the files of each of these, and say what became of them."""
    for part in slices(wanted, _AT_ONCE):
        albums = [(item, _Album.of(item, options)) for item in part]
        paths = [path for _, album in albums for path in album.to_measure]
        with measuring(paths) as measured:
            for item, album in albums:
                yield item, [*album.outcomes, *_work_on(album, measured, dry=dry)]


@dataclass
class _Album:
    """An album, or a track of none, and what is known of its files."""

    tracks: list[TrackFile]
    """Those that are a file each."""
    known: Mapping[str, Ours]
    to_measure: list[str]
    """All of its files, if one of them lacks a gain."""
    outcomes: list[Outcome]
    """Of the others."""

    @classmethod
    def of(cls, item: Item, options: Mapping[str, object]) -> Self:
        """The album of an item. Files of a root that is away are left alone."""
        kind, entity_id = item
        tracks = track_files(Track.album == entity_id if kind == _ALBUMS else Track.id == entity_id)
        if tracks and (obstacle := roots.away(tracks[0].path)) is not None:
            why = f"{obstacle.text} — {obstacle.remedy}"
            return cls([], {}, [], [Outcome(End.FAILED, each.path, why) for each in tracks])
        counts = Counter(track.path for track in tracks)
        whole = [each for each in tracks if counts[each.path] == 1 and each.start is None]
        several = "several tracks are in one file"
        left = [Outcome(End.LEFT, path, several) for path in counts if counts[path] > 1]
        paths = [track.path for track in whole]
        known = {
            path: row for path, row in written_files.at(paths).items() if row.kind == Kind.TAGS
        }
        lacks = any(_lacks_gains(track, known.get(track.path)) for track in whole)
        is_asked = options.get("replaygain", True) and not left and lacks
        return cls(whole, known, paths if is_asked else [], left)


def _work_on(album: _Album, measured: Measured, *, dry: bool) -> list[Outcome]:
    """The outcome of each file of an album."""
    found = found_out(album.tracks)
    for track in album.tracks:
        ours = album.known[track.path].fields if track.path in album.known else {}
        found[track.id].update({name: ours[name][0] for name in GAINS if name in ours})
    outcomes = _add_gains(album, measured, found) if album.to_measure else []
    return outcomes + [
        _settle(track, found[track.id], album.known.get(track.path), dry=dry)
        for track in album.tracks
    ]


def _add_gains(
    album: _Album, measured: Measured, found: Mapping[int, dict[str, str]]
) -> list[Outcome]:
    """Add the gains of the files of an album; those that cannot be measured."""
    gains = measured(album.to_measure)
    for track in album.tracks:
        of_album = gains.album if track.album is not None else None
        for name, gain in (("track", gains.tracks.get(track.path)), ("album", of_album)):
            if gain is not None:
                found[track.id][f"replaygain_{name}_gain"] = f"{gain.gain:.2f} dB"
                if track.codec not in NO_PEAKS:
                    found[track.id][f"replaygain_{name}_peak"] = f"{gain.peak:.6f}"
    return [
        Outcome(End.FAILED, path, f"its loudness cannot be measured: {why}")
        for path, why in gains.faults.items()
    ]


def _lacks_gains(track: TrackFile, ours: Ours | None) -> bool:
    names = [name for name in GAINS if track.codec not in NO_PEAKS or not name.endswith("peak")]
    if track.album is None:
        names = names[: len(names) // 2] if track.codec not in NO_PEAKS else names[:1]
    written = ours.fields if ours else {}
    return any(track.said[name] is None and name not in written for name in names)


def _settle(track: TrackFile, wanted: dict[str, str], ours: Ours | None, *, dry: bool) -> Outcome:
    """Have a file's tags hold what is wanted, as far as they lack it."""
    try:
        return _settled(track, wanted, ours, dry=dry)
    except OSError as error:
        return disk.failure(error, track.path)


def _settled(track: TrackFile, wanted: dict[str, str], ours: Ours | None, *, dry: bool) -> Outcome:
    path = os.path.realpath(to_bytes(track.path))
    if not is_under(to_text(path), to_text(os.path.realpath(to_bytes(roots.root_of(track.path))))):
        return Outcome(End.LEFT, track.path, "the link leads out of the library")
    status = os.stat(path)
    written = ours.fields if ours else {}
    pending = {
        name: text
        for name, text in wanted.items()
        if track.said.get(name) is None or name in written
    }
    is_as_written = (
        ours is not None
        and ours.state == WRITTEN
        and (status.st_size, status.st_mtime_ns) == (ours.size, ours.mtime_ns)
        and all(written.get(name, ("",))[0] == text for name, text in pending.items())
    )
    is_as_read = (status.st_size, status.st_mtime_ns) == (track.size, track.mtime_ns)
    if is_as_written or (ours is None and not pending and is_as_read):
        return Outcome(End.UNCHANGED, track.path)
    return _write(track.path, path, wanted, _present(ours, path), dry=dry)


class _Standing(NamedTuple):
    """What is known of the file that is there."""

    digest: str
    ours: Ours | None
    """Its row, if its bytes are those that were written, or were there before."""

    @property
    def fields(self) -> dict[str, list[str | None]]:
        """What is ours in it; of a file that was to be replaced whatever stands in our fields."""
        if self.ours is None or self.digest == self.ours.before:
            return {}
        if self.digest == self.ours.digest:
            return {name: list(each) for name, each in self.ours.fields.items()}
        return {name: ["", None] for name in self.ours.fields}

    @property
    def base(self) -> str:
        """The backup that leads from it to the first file; empty where it is the first."""
        if self.ours is None or self.digest == self.ours.before:
            return ""
        return str(tag_delta.backup_file(self.ours.id, self.digest))


def _present(ours: Ours | None, path: bytes) -> _Standing:
    """What is there. While it was written, `source` is the digest of what was there then."""
    digest = written_files.digest_of(path)
    is_ours = ours is not None and digest in (ours.digest, ours.before, ours.source)
    return _Standing(digest, ours if is_ours else None)


def _write(
    listed: str, path: bytes, wanted: dict[str, str], standing: _Standing, *, dry: bool
) -> Outcome:
    """Write what lacks into a file. Raises OSError."""
    ours = standing.ours
    fields = standing.fields
    temporary = disk.beside(path)
    if not dry:
        disk.remove(temporary)
    row = 0
    if not dry:
        with transaction():
            row = ours.id if ours else _begin(listed, standing.digest)
    backup = tag_delta.backups_dir() / f"{row}-new"
    asked = Work(to_text(path), wanted, fields, to_text(temporary), str(backup), standing.base)
    try:
        made = _in_child(asked, dry=dry)
        if isinstance(made, ItemFailure):
            _withdraw(standing, row)
            why = made.message.removeprefix("ValueError: ")
            end = End.LEFT if why.endswith(tag_files.NO_TAGS) else End.FAILED
            return Outcome(end, listed, f"its tags cannot be written: {why}")
        details = [f"{name}: {before or '—'} → {after}" for name, before, after in made["changes"]]
        if dry or not details:
            _withdraw(standing, row)
            return Outcome(End.WRITTEN if details else End.UNCHANGED, listed, details=details)
        _put_in_place(listed, path, temporary, row, standing, made)
    except disk.ForeignFileError:
        with transaction():
            written_files.forget(row)
        return Outcome(End.LEFT, listed, "it was changed just now — ask for the export again")
    finally:
        if not dry:
            disk.remove(temporary)
    return Outcome(End.WRITTEN, listed, details=details)


def _in_child(asked: Work, *, dry: bool) -> Any:
    function = tag_files.plan if dry else tag_files.prepare
    outcomes = run_bounded(function, [list(asked)], extra_memory=_MEMORY, seconds=_SECONDS)
    with closing(outcomes):
        outcome = next(outcomes)
    return outcome if isinstance(outcome, ItemFailure) else outcome.json


def _begin(path: str, digest: str, **columns: Any) -> int:
    values = {"before": digest, "source": digest, **columns}
    return written_files.begin(path, Kind.TAGS, values.pop("digest", digest), **values)


def _withdraw(standing: _Standing, row: int) -> None:
    """Nothing was to be written: what is there is as it was, and so is what is known of it."""
    if not row:
        return
    ours = standing.ours
    if ours is None or standing.digest in (ours.before, ours.source):
        if ours is None or standing.digest == ours.before:
            with transaction():
                written_files.forget(row)
            tag_delta.forget(row)
        return
    status = os.stat(to_bytes(ours.path))
    with transaction():
        written_files.end(row, status.st_size, status.st_mtime_ns)
    tag_delta.forget(row, but=standing.digest)


def _put_in_place(  # noqa: PLR0913, PLR0917  # what is there, and what comes
    listed: str,
    path: bytes,
    temporary: bytes,
    row: int,
    standing: _Standing,
    made: Mapping[str, Any],
) -> None:
    """Exchange the file with the new one, with its row and its backup before."""
    status = os.stat(path)
    ours = standing.ours
    Path(tag_delta.backups_dir() / f"{row}-new").replace(tag_delta.backup_file(row, made["after"]))
    with transaction():
        _begin(
            listed,
            made["after"],
            before=made["before"],
            source=standing.digest,
            before_mtime_ns=ours.before_mtime_ns
            if ours and ours.before_mtime_ns is not None
            else status.st_mtime_ns,
            fields=made["fields"],
        )
    os.utime(temporary)  # players notice that it is another
    disk.exchange(temporary, path, standing.digest)
    after = os.stat(path)
    with transaction():
        written_files.end(row, after.st_size, after.st_mtime_ns)
    tag_delta.forget(row, but=made["after"])


def take_away(ours: Ours, *, dry: bool) -> Outcome:
    """Give a file back its first bytes, unless it was changed since. Raises OSError."""
    path = os.path.realpath(to_bytes(ours.path))
    temporary = disk.beside(path)
    if not dry:
        disk.remove(temporary)
    if not os.path.lexists(path):
        return _forgotten(ours, End.LEFT, "it is not there any more", dry=dry)
    standing = _present(ours, path)
    if standing.ours is None:
        return _forgotten(ours, End.LEFT, disk.GONE, dry=dry)
    if standing.digest == ours.before:
        return _forgotten(ours, End.UNCHANGED, "", dry=dry)
    if dry:
        return Outcome(End.REMOVED, ours.path, details=[f"{name}: gone" for name in ours.fields])
    try:
        if why := _give_back(path, temporary, standing, ours):
            return Outcome(End.FAILED, ours.path, why)
    finally:
        disk.remove(temporary)
    return _forgotten(ours, End.REMOVED, "", dry=False)


def _give_back(path: bytes, temporary: bytes, standing: _Standing, ours: Ours) -> str:
    """Put the first file back in its place; why that cannot be done."""
    backup = Path(standing.base)
    if not backup.exists():
        return f"its backup {backup} is gone — bring that back first"
    if tag_delta.restore(path, backup, temporary) != ours.before:
        return f"its backup {backup} is damaged"
    disk.like(path, temporary, ours.before_mtime_ns)
    try:
        disk.exchange(temporary, path, standing.digest)
    except disk.ForeignFileError:
        return "it was changed just now — ask for it again"
    return ""


def _forgotten(ours: Ours, end: End, why: str, *, dry: bool) -> Outcome:
    if not dry:
        with transaction():
            written_files.forget(ours.id)
        tag_delta.forget(ours.id)
    return Outcome(end, ours.path, why)
