"""A scanned library whose exports a worker in this process does."""

from tests.databases import sqlite_alone as database
from tests.pipeline.conftest import library, nothing_is_analysed, scan
from tests.publishing.exports import Exports, exports

__all__ = ["Exports", "database", "exports", "library", "nothing_is_analysed", "scan"]
