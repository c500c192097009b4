"""The fleet: topology, dispatch, worker processes, supervision and the command line."""

import hashlib
import os
from functools import cache
from pathlib import Path

from db.settings import redis_key

__version__ = "0.1.0"

os.environ["RQ_KEY_PREFIX"] = redis_key("rq")
"""What RQ's own keys begin with: RQ reads it when it is imported, which is after this."""


_PACKAGES = ("db", "jobs", "watch", "web", "worker")
_ROOT = Path(__file__).parents[1]


@cache
def code_version() -> str:
    """VERSION-DIGEST of the musicfleet that is installed, as this process found it first.

    A process keeps the code that it has imported, and imports the rest later: one that was started
    before an upgrade has some of both. So each says at its start what it found.
    """
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for folder, folders, files in os.walk(_ROOT / package):
            folders.sort()
            for name in sorted(files):
                if name.endswith((".py", ".lua", ".html", ".js", ".css")):
                    status = os.stat(f"{folder}/{name}")  # a quarter of what Path.stat takes
                    digest.update(f"{folder}/{name} {status.st_size} {status.st_mtime_ns}".encode())
    return f"{__version__}-{digest.hexdigest()[:8]}"
