"""A scanned library whose exports a worker in this process does."""

from tests.databases import sqlite_alone as database
from tests.pipeline.conftest import library, nothing_is_analysed, scan
from tests.publishing.exports import Exports, exports
from tests.publishing.jellyfin_server import jellyfin

__all__ = [
    "Exports",
    "database",
    "exports",
    "jellyfin",
    "library",
    "nothing_is_analysed",
    "scan",
]
