"""The folders of music, as far as they were scanned."""

import os
from collections.abc import Iterator

from db import scans
from db.paths import shown, to_bytes
from worker.doctor.findings import Finding, Severity


def roots() -> Iterator[Finding]:
    """Whether each root that was ever scanned is there and can be read."""
    for root in scans.roots():
        path, name = to_bytes(root), shown(root)
        if not os.path.isdir(path):
            yield Finding("library", Severity.WARNING, f"{name} is not there", "mount its disk")
        elif not os.access(path, os.R_OK | os.X_OK):
            remedy = "give this user the right to"
            yield Finding("library", Severity.WARNING, f"{name} may not be read", remedy)
        else:
            yield Finding("library", Severity.OK, f"{name} can be read")
