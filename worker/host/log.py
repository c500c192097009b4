"""The log of a program: what it writes to stderr, which supervisord keeps in a file.

People read it, `grep` finds what is in it, and `worker.supervisor.logs` parses it. An entry is

    2026-11-30T17:39:02.123+00:00 INFO covers-1 [job=ID queue=covers name=covers.x attempt=1]: text

with the process that wrote it and, in brackets, the job it was at; lines that begin with blanks go
on with the entry above them.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import NoReturn
from urllib.parse import quote

from db.settings.urls import without_settings
from db.sql.path_text import visible

_BELOW = "    "
"""Before every line but the first of an entry, which alone begins with the time."""
_OWN = frozenset({"fleet", "web", "watch", "root"})
"""Loggers that need no name: the process says as much."""
_PLAIN = ",:;"
"""What a value in the brackets may hold beside letters, digits and `_.-~`."""
_fields: dict[str, str] = {}
"""The job that this process is at. It works on one at a time, and its threads with it."""


class Lines(logging.Formatter):
    """Writes an entry so that nothing in it looks like another, nor commands a terminal."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The lines of an entry."""
        text = without_settings(super().format(record))
        first, *more = text.splitlines() or [""]
        moment = datetime.fromtimestamp(record.created).astimezone()
        at = moment.isoformat(timespec="milliseconds")
        head = f"{at} {record.levelname} {self._process}{_brackets(record)}: {visible(first)}"
        return "\n".join([head, *(_BELOW + visible(line) for line in more)])


def _brackets(record: logging.LogRecord) -> str:
    fields = dict(getattr(record, "fields", _fields))
    if record.name not in _OWN:
        fields["logger"] = record.name
    pairs = (f"{name}={quote(text, safe=_PLAIN)}" for name, text in fields.items() if text)
    inside = " ".join(pairs)
    return f" [{inside}]" if inside else ""


@contextmanager
def at_work(fields: Mapping[str, str]) -> Iterator[None]:
    """Have what is logged meanwhile name the job: `job`, `queue`, `name`, `attempt`, `entity`."""
    before = dict(_fields)
    set_fields(fields)
    try:
        yield
    finally:
        set_fields(before)


def set_fields(fields: Mapping[str, str]) -> None:
    """Have what this process logs from now on name this job; for a child that serves several."""
    _fields.clear()
    _fields.update(fields)


def fields_now() -> dict[str, str]:
    """The job that what is logged now would name."""
    return dict(_fields)


def log_to_stderr(process: str, level: int = logging.WARNING) -> None:
    """Write to stderr whatever is logged at this level, or at that of its own logger.

    Warnings of Python and exceptions that nobody catches are entries too.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(process))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def end_with(error: BaseException) -> NoReturn:
    """End this process with an error that its user can repair, which the log then has."""
    logging.getLogger("fleet").critical("%s", error)
    sys.exit(1)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, SystemExit):
        return
    what = re.sub(r"\s+", " ", f"{kind.__name__}: {error}").strip()
    logging.getLogger("fleet").critical("unforeseen: %s", what, exc_info=(kind, error, trace))
