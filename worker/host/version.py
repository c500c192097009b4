"""Which musicfleet a process runs: its version, and a digest of the sources as they were then.

A process keeps the code that it has imported, and imports the rest later: one that was started
before an upgrade has some of both. So each says at its start what it found.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from worker import __version__

_PACKAGES = ("db", "jobs", "watch", "web", "worker")
_ROOT = Path(__file__).parents[2]


@cache
def code_version() -> str:
    """VERSION-DIGEST of the musicfleet that is installed, as this process found it first."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for folder, folders, files in os.walk(_ROOT / package):
            folders.sort()
            for name in sorted(files):
                if name.endswith((".py", ".lua", ".html", ".js", ".css")):
                    status = os.stat(f"{folder}/{name}")  # a quarter of what Path.stat takes
                    digest.update(f"{folder}/{name} {status.st_size} {status.st_mtime_ns}".encode())
    return f"{__version__}-{digest.hexdigest()[:8]}"
