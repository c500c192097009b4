"""The room that is left on the disks the fleet writes to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from db import settings
from worker.doctor.findings import Finding, Severity

SCARCE_BYTES = 100 * 1024**2
"""Below this much free space the database and Redis soon cannot write."""
LOW_BYTES = 500 * 1024**2
LOW_SHARE = 0.05


def disks() -> Iterator[Finding]:
    """The free space of each disk that the data folder, the pictures or an SQLite file are on."""
    seen = set()
    for folder in _written_to():
        if not folder.is_dir() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        yield _disk(folder)


def _written_to() -> Iterator[Path]:
    yield settings.data_dir()
    yield settings.images_dir()
    url = settings.database_url()
    if url.startswith("sqlite:///"):
        yield Path(url.removeprefix("sqlite:///")).parent


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total
    says = f"{folder} has {usage.free / 1024**2:,.0f} MiB free, {share:.0%} of its disk"
    remedy = "free some space there, or move FLEET_DATA_DIR to a larger disk"
    if usage.free < SCARCE_BYTES:
        return Finding("disk", Severity.ERROR, says, remedy)
    if usage.free < LOW_BYTES or share < LOW_SHARE:
        return Finding("disk", Severity.WARNING, says, remedy)
    return Finding("disk", Severity.OK, says)
