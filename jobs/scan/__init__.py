"""File discovery: one walk over a root finds what is new, changed, moved and missing."""

import os
from collections.abc import Sequence
from typing import Any

from db import problems, scans, settings, tracks
from db.connection import transaction
from db.paths import to_bytes, to_text
from jobs.batch.folders import folder_of, group_folder
from jobs.covers.faults import STAGE as COVERS
from jobs.errors import NoSuchScanError
from jobs.records import FoundFile
from jobs.scan import comparing
from jobs.scan.comparing import Known, Seen
from jobs.scan.preview import preview
from jobs.scan.sending import Sender, ring_for_leftovers
from jobs.scan.walking import Walk
from worker.dispatch import enqueue, job

_HEARTBEAT_FOLDERS = 200


@job
def discovery(
    root: str | None = None, deep: bool = False, scan_id: int | None = None, dry_run: bool = False
) -> dict[str, Any] | None:
    """Walk a root and send its new and changed files to be read, as soon as they are found.

    `root` is an absolute path in the text form of `db.paths`; `deep` reads every file again.
    With a `scan_id` that scan, begun by the caller, is done. With `dry_run` nothing is changed, and
    the counts of what would be are returned. Tracks whose file is gone are marked
    missing, unless the root is absent or holds no audio file at all: then the disk is not mounted,
    and the scan ends with that fault. Raises NoSuchScanError.
    """
    if dry_run and root is not None:
        return preview(root, deep=deep)
    if scan_id is None:
        if root is None:
            raise NoSuchScanError(
                "scan.discovery needs a root or a scan_id — run `fleet scan PATH`"
            )
        scan_id = scans.start(to_text(os.path.realpath(to_bytes(root))), deep=deep)
    scan = scans.get(scan_id)
    if scan is None:
        raise NoSuchScanError(f"there is no scan {scan_id} — run `fleet scan PATH`")
    if scan.finished_at is None:
        ring_for_leftovers()
        _discover(scan_id, scan.root, deep=scan.deep)
    return None


def _discover(scan_id: int, root: str, *, deep: bool) -> None:
    path = to_bytes(root)
    if not os.path.isdir(path):
        return scans.fail(scan_id, f"{root} is not there; what is known of it stays as it is")
    sender, known, seen = Sender(scan_id), comparing.load_known(root), Seen()
    on_their_way = _resume(scan_id)
    walk = Walk(path, os.fsencode(settings.data_dir()))
    for number, group in enumerate(walk.groups()):
        files = comparing.files_to_read(group, known, seen, deep=deep)
        files = [file for file in files if file.path not in on_their_way]
        sent = sender.add(group.folder, files, comparing.changed_images(group, known, seen))
        if sent or number % _HEARTBEAT_FOLDERS == 0:
            scans.heartbeat(scan_id, found=len(seen.audio), unchanged=seen.unchanged)
    if not seen.audio:
        return scans.fail(scan_id, _nothing_found(root, known, walk))
    missing = _take_leave(sender, known, seen, walk, on_their_way)
    _list_unreadable_folders(root, walk)
    scans.walked(scan_id, found=len(seen.audio), unchanged=seen.unchanged, missing=missing)
    return None


def _nothing_found(root: str, known: Known, walk: Walk) -> str:
    if root in walk.unreadable:
        return f"{root} cannot be listed: {walk.unreadable[root]} — give this user the right to"
    kept = f"; its {len(known.tracks):,} known tracks stay as they are" if known.tracks else ""
    return f"{root} holds no audio file{kept} — is the disk mounted?"


def _resume(scan_id: int) -> set[str]:
    """Ring again for the chunks that an interrupted attempt sent, and return their paths."""
    chunks = scans.open_chunks(scan_id)
    for chunk in chunks:
        enqueue("metadata.extract_batch", chunk_id=chunk.id)
    return {file["path"] for chunk in chunks for file in chunk.files}


def _take_leave(
    sender: Sender, known: Known, seen: Seen, walk: Walk, on_their_way: set[str]
) -> int:
    """Tell moved files from new ones, mark what is missing, and return how many are."""
    gone = comparing.vanished(known, seen, walk.unreadable)
    candidates = {track.id: track for track in (*gone, *tracks.missing_files())}
    held_back = [file for file in seen.held_back if file.path not in on_their_way]
    new, moved = comparing.recognise_moved(held_back, candidates.values())
    missing = [track for track in gone if track.id not in moved]
    with transaction():
        tracks.mark_missing([track.id for track in missing])
        tracks.move(_move(file) for file in new if file.moved)
    for folder, files in _by_group(new).items():
        sender.add(folder, files, [])
    sender.flush()
    old_places = {candidates[track_id].group_folder for track_id in moved}
    sender.regroup(sorted(old_places | {track.group_folder for track in missing}))
    _forget_the_rest(sender, known, seen, walk)
    problems.clear([track.path for track in gone], COVERS)
    return len(missing)


def _forget_the_rest(sender: Sender, known: Known, seen: Seen, walk: Walk) -> None:
    """Drop the picture files, and the problems of audio files, that are gone."""
    images = comparing.not_seen(known.images, seen.images, walk.unreadable)
    sender.forget_images([known.images[path] for path in images])
    problems.clear(images, COVERS)
    unread = comparing.not_seen(known.unreadable, seen.audio, walk.unreadable)
    problems.clear(unread, comparing.READING)


def _move(file: FoundFile) -> tracks.Move:
    assert file.track_id is not None  # noqa: S101  # every moved file has the id of its track
    folder = folder_of(file.path)
    return tracks.Move(file.track_id, file.path, folder, group_folder(folder))


def _by_group(files: Sequence[FoundFile]) -> dict[str, list[FoundFile]]:
    groups: dict[str, list[FoundFile]] = {}
    for file in files:
        groups.setdefault(group_folder(folder_of(file.path)), []).append(file)
    return groups


def _list_unreadable_folders(root: str, walk: Walk) -> None:
    """File a problem for each folder that could not be listed, and drop those that can be again."""
    stage = "scan"
    known = problems.known_files(root, stage)
    problems.clear([path for path in known if path not in walk.unreadable], stage)
    problems.record(
        [
            {
                "path": path,
                "stage": stage,
                "code": "unreadable",
                "message": f"cannot be listed: {reason}",
                "size": None,
                "mtime_ns": None,
            }
            for path, reason in walk.unreadable.items()
        ]
    )
