"""The log of a program: what it writes to stderr, which supervisord keeps in a file."""

import logging

from db.sql.path_text import visible

_BELOW = "    "
"""Before every line but the first of an entry, which alone begins with the time."""


class _Lines(logging.Formatter):
    """Writes an entry so that nothing in it looks like another, nor commands a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        first, *more = super().format(record).splitlines() or [""]
        return "\n".join([visible(first), *(_BELOW + visible(line) for line in more)])


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Write to stderr whatever is logged at this level, or at that of its own logger."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler])
