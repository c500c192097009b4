"""File discovery: one walk over a root finds new, changed, moved and missing files."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from db import ledger, settings
from db.maintenance import library_roots
from db.models import Scan
from db.publishing.written_files import OwnArt
from db.scanning import roots, scans
from db.scanning.library_files import Scope, refused_root
from db.sql.connection import transaction
from db.sql.path_text import to_bytes, to_text
from jobs.entities import enqueue_after
from jobs.errors import NoSuchScanError, RefusedRootError, ScanEndedError
from jobs.scan.chunks import Sender
from jobs.scan.diff import Comparison, compare, end_walk, preview, walked
from jobs.scan.tree_walk import FolderGroup, Walk
from worker.dispatch import enqueue, job

_HEARTBEAT_FOLDERS = 200


@job
def discovery(
    root: str | None = None, deep: bool = False, scan_id: int | None = None, dry_run: bool = False
) -> dict[str, Any] | None:
    """Walk a root, and send its new and changed files to be read as soon as it finds them.

    `root` is an absolute path in the text form of `db.sql.path_text`; `deep` reads every file
    again. With a `scan_id` the job does that scan; without one it begins a scan and enqueues the
    job for it. With `dry_run` it changes nothing, and returns the counts of what would change;
    else those of what it found.

    The job marks tracks missing whose file is gone, unless the root is absent or holds no audio
    file at all: then the disk is not mounted, and the scan ends with that fault. A scan of a part
    of the root (`db.scanning.library_files`) changes nothing outside of it. Raises NoSuchScanError,
    and RefusedRootError for the root of the machine or the data folder.
    """
    if dry_run and root is not None:
        return preview(root, deep=deep)
    if scan_id is None:
        enqueue(scans.DISCOVERY, scan_id=scans.start(_real_root(root), deep=deep))
        return None
    scan = scans.get(scan_id)
    if scan is None:
        raise NoSuchScanError(f"there is no scan {scan_id} — run `fleet scan PATH`")
    result = None
    if scan.finished_at is None and scan.walked_at is None:
        _wake(scan)
        with suppress(ScanEndedError):  # it was cancelled, or another scan took its place
            _discover(scan)
        scan = scans.get(scan_id)
        result = _result(scan)
    enqueue_after(scan)
    return result


def _result(scan: Scan | None) -> dict[str, Any] | None:
    """What a walk came to, for the log."""
    if scan is None:
        return None
    if scan.fault is not None:
        return {"fault": scan.fault}
    return {"found": scan.found, "unchanged": scan.unchanged, "missing": scan.missing}


def _wake(scan: Scan) -> None:
    """Have done again what waits for this root, which a scan sees again, or failed some time."""
    woken = 0 if roots.away(scan.root) else ledger.wake_at(scan.root)
    if scan.scope is None:
        woken += ledger.wake_failed()
    if woken or scan.scope is None:
        # Its package imports the supervision of worker processes.
        from jobs.maintenance.reconciliation import enqueue_missing  # noqa: PLC0415

        enqueue_missing()


def _real_root(root: str | None) -> str:
    if root is None:
        raise NoSuchScanError("scan.discovery needs a root or a scan_id — run `fleet scan PATH`")
    real = to_text(os.path.realpath(to_bytes(root)))
    if refusal := _refusal(real):
        raise RefusedRootError(refusal)
    return real


def _refusal(root: str) -> str | None:
    return refused_root(root, to_text(os.path.realpath(os.fsencode(settings.data_dir()))))


def _discover(scan: Scan) -> None:
    root, path = scan.root, to_bytes(scan.root)
    if refusal := _refusal(root):
        return scans.fail(scan.id, refusal)
    if not os.path.isdir(path):
        return scans.fail(scan.id, f"{root} is not there; its rows stay as they are")
    walk, groups, scope = _walk(scan)
    comparison = compare(root, deep=scan.deep, scope=scope)
    if scope is None and not comparison.known and _moved_along(scan):
        comparison = compare(root, deep=scan.deep)
        walk.own = OwnArt.below(root)
    sender = Sender(scan.id, has_tracks=comparison.known > 0 or scope is not None)
    sender.resume()
    for number, group in enumerate(groups):
        walk.take_art_along()
        files = comparison.files_to_read(group)
        sent = sender.add(group.folder, files, comparison.changed_images(group))
        if sent or number % _HEARTBEAT_FOLDERS == 0:
            _record(scan, comparison, walk)
    if not comparison.found and (scope is None or not _holds_audio(path, walk.data_dir)):
        return scans.fail(scan.id, _nothing_found(root, comparison.known, walk))
    if why := roots.absence(root):  # it went while it was walked
        return scans.fail(scan.id, f"{root}: {why} What is known of it stays as it is")
    return end_walk(sender, comparison, walk, scope)


def _moved_along(scan: Scan) -> bool:
    """Whether this root holds what another held that is away; then its tracks move along."""
    place = library_roots.found_again(scan.root)
    if place is None or scans.overlapping(place.old):
        return False
    with transaction():
        if not scans.hold(scan.id):
            raise ScanEndedError(f"scan {scan.id} was ended meanwhile")
        library_roots.move_for_scan(scan.id, place)
    return True


def _record(scan: Scan, comparison: Comparison, walk: Walk) -> None:
    """Write how far the walk has come. Raises ScanEndedError."""
    if not scans.record_walk(scan.id, **walked(comparison, walk)):
        raise ScanEndedError(f"scan {scan.id} was ended meanwhile")


def _walk(scan: Scan) -> tuple[Walk, Iterable[FolderGroup], Scope | None]:
    """The walk of a scan, the files that it finds, and the part of the root that it covers."""
    path, data_dir = to_bytes(scan.root), os.fsencode(settings.data_dir())
    own = OwnArt.below(scan.root)
    if scan.scope:
        walk = Walk(path, data_dir, own=own)
        part = walk.part(Scope.of(**scan.scope))
        if part is not None:
            return walk, *part
    walk = Walk(path, data_dir, own=own)
    return walk, walk.groups(), None


def _holds_audio(root: bytes, data_dir: bytes) -> bool:
    """Whether there is any audio file below the root; the walk ends with the first."""
    return any(group.audio for group in Walk(root, data_dir).groups())


def _nothing_found(root: str, known: int, walk: Walk) -> str:
    if root in walk.unreadable:
        return f"{root} cannot be listed: {walk.unreadable[root]} — give this user the right to"
    kept = f"; its {known:,} known tracks stay as they are" if known else ""
    return f"{root} holds no audio file{kept} — is the disk mounted?"
