"""Logs that supervisord has rotated: packed away, and dropped in the end."""

import gzip
import shutil
import time
from datetime import datetime
from pathlib import Path

from db import settings
from db.errors import SettingError

_DAY = 24 * 3600.0
_ROTATED = "*.log.[0-9]*"
"""What supervisord no longer writes to; it would itself delete the third of a program."""


def archive_dir() -> Path:
    """Where packed logs lie: logs/PROCESS-20261123-040500.log.gz, by when it was last written."""
    return settings.data_dir() / "logs"


def archive() -> int:
    """Pack the rotated logs that were last written a day ago; how many. Raises OSError."""
    archive_dir().mkdir(mode=0o700, exist_ok=True)
    old = [
        file
        for file in sorted(settings.run_dir().glob(_ROTATED))
        if file.stat().st_mtime < time.time() - _DAY
    ]
    for file in old:
        _pack(file)
    return len(old)


def drop() -> int:
    """Delete packed logs older than FLEET_KEEP_LOGS_DAYS; how many.

    Raises SettingError and OSError.
    """
    oldest = time.time() - _kept_days() * _DAY
    gone = [each for each in archive_dir().glob("*.log.gz") if each.stat().st_mtime < oldest]
    for file in gone:
        file.unlink(missing_ok=True)
    return len(gone)


def _pack(file: Path) -> None:
    """It is moved aside first: supervisord may rotate at any moment, and would rename it."""
    status = file.stat()
    written = datetime.fromtimestamp(status.st_mtime).astimezone()
    name = f"{file.name.partition('.log.')[0]}-{written:%Y%m%d-%H%M%S}.log"
    aside = file.replace(archive_dir() / name)
    packed = aside.with_name(f"{name}.gz")
    with aside.open("rb") as log, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(log, target)
    packed.chmod(0o600)
    shutil.copystat(aside, packed)
    packed.chmod(0o600)
    aside.unlink()


def _kept_days() -> int:
    text = settings.value("FLEET_KEEP_LOGS_DAYS")
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingError(f"FLEET_KEEP_LOGS_DAYS is {text!r} — write a number of days from 1 on")
    return int(text)
