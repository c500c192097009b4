"""Logs that supervisord has rotated: packed away, and dropped in the end."""

import gzip
import shutil
import time
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from db import settings

_DAY = 24 * 3600.0
_ROTATED = "*.log.[0-9]*"
"""What supervisord no longer writes to; it would itself delete the third of a program."""


def archive_dir() -> Path:
    """Where packed logs lie: logs/PROCESS-20261123-040500.log.gz, by when it was last written.

    A second one of that second is PROCESS-20261123-040500-2.log.gz.
    """
    return settings.data_dir() / "logs"


def archive() -> int:
    """Pack the rotated logs that were last written a day ago; how many. Raises OSError.

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


def drop() -> int:
    """Delete packed logs older than FLEET_KEEP_LOGS_DAYS; how many.

    Raises SettingError and OSError.
    """
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
    """A half packed one, of a run that was cut off, is written anew."""
    packed = _packed(log)
    with log.open("rb") as source, gzip.open(packed, "wb") as target:
        packed.chmod(0o600)
        shutil.copyfileobj(source, target)
    shutil.copystat(log, packed)
    packed.chmod(0o600)
    log.unlink()
