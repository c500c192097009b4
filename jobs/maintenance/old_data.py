"""Deletion of old data: missing tracks, unused pictures, unknown files, old logs.

Pictures that nothing points to are deleted after a time of grace; logs are packed, and deleted
later.
"""

import gzip
import os
import shutil
import time
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path

from db import settings
from db.artwork import image_files, images
from db.maintenance import removal
from db.maintenance.maintenance_runs import RunResult
from db.scanning import scans
from db.sql.path_text import to_bytes

GRACE = timedelta(days=30)
"""How long nothing must have pointed to a picture, nor any job have relied on its file."""


def delete_unused_pictures() -> int:
    """Forget the pictures whose grace is over and delete their files; how many.

    Rows go first: what is left when this ends half way is files without row, which `fleet doctor`
    finds. Nothing is done while the store is not there, for instance not mounted. Raises OSError.
    """
    unused = images.note_unused(GRACE)
    if not image_files.is_there():
        return 0
    seconds = GRACE.total_seconds()
    due = [
        digest
        for digest in unused
        if not image_files.is_young(image_files.original(digest), seconds)
    ]
    forgotten = images.drop_unused(due)
    for digest in forgotten:
        for size in image_files.SIZES:
            image_files.delete_old(image_files.thumbnail(digest, size))
        image_files.delete_old(image_files.original(digest), seconds)
    return len(forgotten)


def clean_up(done: RunResult) -> None:
    """Delete tracks that are missing for long, and files of the store that no row knows.

    Raises SettingError and OSError.
    """
    done.changes["missing tracks forgotten"] = _forget_missing()
    done.changes["files without row deleted"] = _delete_unknown_files()


def _forget_missing() -> int:
    """Forget tracks that have been missing for FLEET_FORGET_MISSING_DAYS; how many.

    Never by default. Only below roots that are there: what lies on a disk that is not mounted
    stays, however long.
    """
    days = removal.forget_missing_after()
    if days is None:
        return 0
    return removal.forget_missing(days, [root for root in scans.roots() if _is_there(root)])


def _delete_unknown_files() -> int:
    """Delete files of the picture store that no row knows and no job relied on; how many."""
    deleted = 0
    for shard in sorted(image_files.shards()):
        rows = images.digests_in_shard(shard)
        found = [image_files.original(d) for d in image_files.originals_in(shard) - rows.keys()]
        for size in image_files.SIZES:
            unknown = image_files.thumbnails_in(shard, size) - rows.keys()
            found += [image_files.thumbnail(digest, size) for digest in unknown]
        for path in found:
            if not images.known_digests([path.stem]):  # it may have its row by now
                deleted += image_files.delete_old(path, GRACE.total_seconds())
    return deleted


def _is_there(root: str) -> bool:
    """Whether a root is there and holds anything: an empty one is a mount point."""
    try:
        with os.scandir(to_bytes(root)) as entries:
            return any(entries)
    except OSError:
        return False


_DAY = 24 * 3600.0
_ROTATED = "*.log.[0-9]*"
"""What supervisord no longer writes to; it would itself delete the third of a program."""


def archive_dir() -> Path:
    """Where packed logs lie: logs/PROCESS-20261123-040500.log.gz, by when it was last written.

    A second one of that second is PROCESS-20261123-040500-2.log.gz.
    """
    return settings.data_dir() / "logs"


def archive_logs(done: RunResult) -> None:
    """Pack the rotated logs, and delete packed ones older than FLEET_KEEP_LOGS_DAYS.

    Raises SettingError and OSError.
    """
    done.changes["logs packed"] = _pack_rotated()
    done.changes["packed logs deleted"] = _delete_packed()


def _pack_rotated() -> int:
    """Pack the logs that were last written a day ago; how many.

    What a run that was cut off had moved aside is packed too.
    """
    archive_dir().mkdir(mode=0o700, exist_ok=True)
    old = [
        file
        for file in sorted(settings.run_dir().glob(_ROTATED))
        if file.stat().st_mtime < time.time() - _DAY
    ]
    for file in old:
        _move_aside(file)
    aside = sorted(archive_dir().glob("*.log"))
    for file in aside:
        _pack(file)
    return len(aside)


def _delete_packed() -> int:
    """Delete packed logs older than FLEET_KEEP_LOGS_DAYS; how many."""
    oldest = time.time() - settings.keep_logs_days() * _DAY
    gone = [each for each in archive_dir().glob("*.log.gz") if each.stat().st_mtime < oldest]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)


def _move_aside(file: Path) -> None:
    """Out of reach of supervisord, which may rotate at any moment, and would rename it."""
    written = datetime.fromtimestamp(file.stat().st_mtime).astimezone()
    stem = f"{file.name.partition('.log.')[0]}-{written:%Y%m%d-%H%M%S}"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    file.replace(next(free for free in map(_log_called, names) if not _is_taken(free)))


def _log_called(name: str) -> Path:
    return archive_dir() / f"{name}.log"


def _is_taken(log: Path) -> bool:
    return log.exists() or _packed(log).exists()


def _packed(log: Path) -> Path:
    return log.with_name(f"{log.name}.gz")


def _pack(log: Path) -> None:
    """A half packed one, of an interrupted run, is rewritten."""
    packed = _packed(log)
    with log.open("rb") as source, gzip.open(packed, "wb") as target:
        settings.set_mode(packed, 0o600)
        shutil.copyfileobj(source, target)
    shutil.copystat(log, packed)
    settings.set_mode(packed, 0o600)
    log.unlink()
