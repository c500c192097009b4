"""The log files of supervisord's programs, one a process in the run folder, and what is in them.

Entries of the fleet's own form (`worker.host.log`), of supervisord and of Valkey are parsed; any
other line, such as what a library writes to stderr, is an entry without a level, of the time of
the one before it. Files are read in blocks, rotated ones included, so that their size costs no
memory.
"""

import heapq
import logging
import os
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from db import settings
from db.settings.urls import without_settings
from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.topology.model import program_of
from worker.topology.tables import parse_duration

LEVELS = ("debug", "info", "warning", "error", "critical")
_BLOCK = 64 * 1024
_TIME, _MOST_AT_ONCE = len("2026-11-30T17:39:02.123+00:00"), 4 * 1024 * 1024
_LONGEST_LINE = 256 * 1024
"""Bytes. Of a longer line only the beginning is kept."""
_MOST_BELOW = 500  # lines of an entry
_HEAD = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d) (?P<level>[A-Z]+) [\w.-]+"
    r"(?: \[(?P<fields>[^\]]*)\])?: (?P<text>.*)"
)
_SUPERVISORD = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<level>[A-Z]{4}) (?P<text>.*)"
)
_VALKEY = re.compile(
    r"\d+:[A-Z] (?P<day>\d\d) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) (?P<clock>[\d:]{8}\.\d{3}) "
    r"(?P<level>[-.*#]) (?P<text>.*)"
)
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_OTHER_LEVELS = {
    **{"CRIT": "CRITICAL", "ERRO": "ERROR", "WARN": "WARNING", "DEBG": "DEBUG"},
    **{"TRAC": "DEBUG", "BLAT": "DEBUG", "*": "INFO", "#": "WARNING", "-": "DEBUG", ".": "DEBUG"},
}


class Entry(NamedTuple):
    """An entry of a log."""

    at: datetime | None
    """With a zone. None: it stands at the beginning of a log, and has no time."""
    level: str
    """INFO, WARNING …; empty for what is no entry of a form that is known."""
    process: str
    """Such as covers-1, redis or supervisord."""
    fields: dict[str, str]
    """The job it was written for: job, queue, name, attempt, entity; the logger of a library."""
    text: str
    below: Sequence[str]
    """Further lines, such as a traceback."""
    lines: Sequence[str]
    """The lines as the file has them, without what is secret in the settings."""

    @property
    def program(self) -> str:
        """Such as covers."""
        return program_of(self.process)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "at": self.at.isoformat(timespec="milliseconds") if self.at else None,
            "level": self.level or None,
            "program": self.program,
            "process": self.process,
            **{name: self.fields.get(name) for name in _FIELDS},
            "text": self.text,
            "below": list(self.below),
        }

    def is_of(self, entity: str) -> bool:
        """Whether it was written for this entity, such as album:12, or for a batch that has it."""
        kind, _, number = entity.partition(":")
        parts = [each.partition(":") for each in self.fields.get("entity", "").split(";")]
        found = (each for name, _, ids in parts if name == kind for each in _RANGE.findall(ids))
        wanted = int(number) if number.isdecimal() else 0
        return any(int(a) <= wanted <= int(b or a) for a, b in found)


_FIELDS = ("job", "queue", "name", "attempt", "entity", "logger")


class Wanted(NamedTuple):
    """Which entries are looked for; what is unset takes in all."""

    job: str = ""
    attempt: str = ""
    """The id of a job, or of several with commas, and the number of one attempt."""
    level: str = ""
    """The lowest level, one of LEVELS; entries without a level are always taken in."""
    text: str = ""
    """What the entry holds, in whichever case."""
    entity: str = ""
    """Such as album:12."""
    since: datetime | None = None
    """With a zone."""

    @property
    def mark(self) -> bytes:
        """What the first line of each of these entries holds, so that others are not parsed."""
        job = "" if "," in self.job else self.job
        return f"job={job}".encode() if self.job else b"entity=" if self.entity else b""

    def has(self, entry: Entry) -> bool:
        """Whether the entry is one of these."""
        fields, at = entry.fields, entry.at
        least = getattr(logging, self.level.upper(), 0)
        return (
            (not self.job or fields.get("job") in self.job.split(","))
            and (not self.attempt or fields.get("attempt") == self.attempt)
            and (not entry.level or getattr(logging, entry.level, 0) >= least)
            and (not self.text or self.text.lower() in "\n".join(entry.lines).lower())
            and (not self.entity or entry.is_of(self.entity))
            and (self.since is None or (at is not None and at >= self.since))
        )


def moment_of(text: str) -> datetime:
    """The time that somebody means: 10m, 2h or 3d ago, or such as 2026-11-30T17:00.

    Raises BadInputError.
    """
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        try:
            return datetime.fromisoformat(text).astimezone()
        except (ValueError, OverflowError) as error:
            raise BadInputError(
                f"{text!r} is no time — write how long ago (10m, 2h, 3d) or when "
                "(2026-11-30T17:00 or 2026-11-30)"
            ) from error


def log_file(process: str) -> Path:
    """The log of the process of that name; it need not exist."""
    return settings.run_dir() / f"{process}.log"


def processes_of(programs: Iterable[str]) -> list[str]:
    """The processes of which there are logs: all, or those that these names stand for.

    That is a program (`metadata`) or a process (`metadata-2`, `supervisord`). Raises BadInputError,
    which names the nearest names.
    """
    names = sorted(file.stem for file in settings.run_dir().glob("*.log"))
    chosen: set[str] = set()
    for program in programs:
        found = {name for name in names if program in {name, name.rpartition("-")[0]}}
        if not found:
            known = {name.rpartition("-")[0] or name for name in names}
            remedy = did_you_mean(program, known) if names else "start the fleet: `fleet up`"
            there = settings.run_dir()
            raise BadInputError(f"there is no log of {program!r} in {there} — {remedy}")
        chosen |= found
    return sorted(chosen or names)


def entries(processes: Iterable[str], wanted: Wanted = Wanted()) -> Iterator[Entry]:  # noqa: B008  # it is immutable
    """The entries of these processes, oldest first, merged by time."""
    logs = [_Log(each, wanted).oldest_first() for each in processes]
    merged = heapq.merge(*logs, key=_moment)
    return filter(wanted.has, merged)


def newest(
    processes: Iterable[str],
    most: int,
    wanted: Wanted = Wanted(),  # noqa: B008  # it is immutable
    most_bytes: int | None = None,
) -> list[Entry]:
    """The last `most` of these entries, oldest first.

    Logs are read from their ends, each no further back than `wanted.since`, and than `most_bytes`.
    """
    logs = [_Log(each, wanted).newest_first(most_bytes) for each in reversed([*processes])]
    merged = heapq.merge(*logs, key=_moment, reverse=True)
    return list(islice(filter(wanted.has, merged), most))[::-1]


def of_job(job_id: str, attempt: int | None = None, most: int = 1_000) -> list[Entry]:
    """What all programs have logged for a job, or for one attempt of it, oldest first."""
    wanted = Wanted(job=job_id, attempt="" if attempt is None else str(attempt))
    return newest(processes_of(()), most, wanted)


def last_lines(file: Path, count: int) -> list[str]:
    """The last lines of a log."""
    return [_text(line) for line in islice(_lines_backward(file, None), count)][::-1]


def _moment(entry: Entry) -> datetime:
    return entry.at or datetime.min.replace(tzinfo=UTC)


class _Log:
    """The log of a process, with its rotated files."""

    def __init__(self, process: str, wanted: Wanted) -> None:
        self._process, self._since, self._mark = process, wanted.since, wanted.mark
        file = log_file(process)
        rotated = file.parent.glob(f"{file.name}.[0-9]*")
        numbered = [(int(each.suffix[1:]), each) for each in rotated if each.suffix[1:].isdecimal()]
        self._files = [file, *(each for _, each in sorted(numbered))]

    def oldest_first(self) -> Iterator[Entry]:
        lines = (line for file in reversed(self._files) for line in _lines_forward(file))
        groups = (group for group in _groups(lines) if self._mark in group[0])
        return _dated(_parsed(self._process, group) for group in groups)

    def newest_first(self, most_bytes: int | None) -> Iterator[Entry]:
        """Those back to the time that is wanted, and to a number of bytes from the end."""
        undated: list[Entry] = []
        for group in self._groups_backward(most_bytes):
            if self._mark not in group[0]:
                if self._is_before(group[0]):
                    break
                continue
            entry = _parsed(self._process, group)
            if entry.at is None:
                undated.append(entry)
                continue
            if self._since is not None and entry.at < self._since:
                break
            yield from (each._replace(at=entry.at) for each in undated)
            undated.clear()
            yield entry
        yield from undated if self._since is None else ()

    def _is_before(self, line: bytes) -> bool:
        """Whether a line of the fleet's form is older than what is wanted."""
        with suppress(ValueError, TypeError):  # another form; a time without a zone
            at = datetime.fromisoformat(line[:_TIME].decode())
            return self._since is not None and at < self._since
        return False

    def _groups_backward(self, most_bytes: int | None) -> Iterator[list[bytes]]:
        """The lines of each entry, the last entry first."""
        left = most_bytes
        below: deque[bytes] = deque(maxlen=_MOST_BELOW)
        for file in self._files:
            for line in _lines_backward(file, left):
                if line.startswith(b" "):
                    below.appendleft(line)
                else:
                    yield [line, *below]
                    below.clear()
            with suppress(OSError):
                left = None if left is None else max(0, left - file.stat().st_size)
        yield from [list(below)] if below else []


def _lines_forward(file: Path) -> Iterator[bytes]:
    with suppress(FileNotFoundError), file.open("rb") as log:
        while line := log.readline(_LONGEST_LINE):
            yield line.rstrip(b"\n")
            while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                line = log.readline(_LONGEST_LINE)


def _lines_backward(file: Path, most_bytes: int | None) -> Iterator[bytes]:
    """The whole lines of a file, the last one first; none that begins before so many bytes."""
    with suppress(FileNotFoundError), file.open("rb") as log:
        end = log.seek(0, os.SEEK_END)
        first = 0 if most_bytes is None else max(0, end - most_bytes)
        rest = b""
        while end > first:
            begin = max(first, end - _BLOCK)
            log.seek(begin)
            block = log.read(end - begin) + rest[:_LONGEST_LINE]
            rest, *lines = block.split(b"\n")
            yield from filter(None, reversed(lines))
            end = begin
        if rest and first == 0:
            yield rest


def _text(line: bytes) -> str:
    return without_settings(line[:_LONGEST_LINE].decode("utf-8", "backslashreplace"))


def _groups(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines of each entry: what begins with a blank goes on with the line above."""
    group: list[bytes] = []
    for line in filter(None, lines):
        if line.startswith(b" ") and group:
            if len(group) <= _MOST_BELOW:
                group.append(line)
        else:
            yield from [group] if group else []
            group = [line]
    yield from [group] if group else []


def _dated(found: Iterable[Entry]) -> Iterator[Entry]:
    """Give entries without a time that of the one before."""
    at: datetime | None = None
    for entry in found:
        at = entry.at or at
        yield entry._replace(at=at)


def _parsed(process: str, group: Sequence[bytes]) -> Entry:
    """The entry that these lines are."""
    lines = [_text(line) for line in group]
    at, level, fields, text = _parts(lines[0])
    return Entry(at, level, process, fields, text, [line.strip() for line in lines[1:]], lines)


def _parts(line: str) -> tuple[datetime | None, str, dict[str, str], str]:
    """When it was written, the level, the fields and the text of a line."""
    found = _HEAD.fullmatch(line) or _SUPERVISORD.fullmatch(line) or _VALKEY.fullmatch(line)
    if found is None:
        return None, "", {}, line
    parts = found.groupdict()
    text = parts.get("at") or "{year}-{month}-{day} {clock}".format(**parts)
    for number, month in enumerate(_MONTHS, 1):
        text = text.replace(month, f"{number:02}")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:  # a date that no calendar has
        return None, "", {}, line
    pairs = (each.partition("=") for each in (parts.get("fields") or "").split(" "))
    fields = {name: unquote(value) for name, equals, value in pairs if equals}
    level = _OTHER_LEVELS.get(parts["level"], parts["level"])
    return at if at.tzinfo else at.astimezone(), level, fields, parts["text"]


class Follower:
    """What is written to a log from now on, also after it was rotated."""

    def __init__(self, file: Path, position: int | None = None) -> None:
        """Start at a position of `file`, which need not exist yet; None: at its present end."""
        self.file = file
        self._rest = b""
        self._inode, end = self._stat()
        self._position = end if position is None else position
        self._at: datetime | None = None

    def _new_lines(self) -> Iterator[bytes]:
        """The lines that were completed since the last call."""
        inode, size = self._stat()
        if inode != self._inode or size < self._position:
            self._inode, self._position = inode, 0
        if size == self._position:
            return
        with self.file.open("rb") as log:
            log.seek(self._position)
            content = log.read(min(size - self._position, _MOST_AT_ONCE))
        self._position += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        yield from lines

    def new_entries(self) -> list[Entry]:
        """The entries since the last call. What goes on with one of before is one of its own."""
        found = list(_dated(_parsed(self.file.stem, each) for each in _groups(self._new_lines())))
        found = [each._replace(at=each.at or self._at) for each in found]
        self._at = found[-1].at if found else self._at
        return found

    def _stat(self) -> tuple[int, int]:
        """The file's inode and size; zeros when there is none."""
        with suppress(FileNotFoundError):
            status = self.file.stat()
            return status.st_ino, status.st_size
        return 0, 0


class Followers:
    """What processes write from now on, those that are started later too."""

    def __init__(self, programs: Collection[str]) -> None:
        self._programs = programs
        self._followers = {name: Follower(log_file(name)) for name in processes_of(programs)}

    def new_entries(self) -> list[Entry]:
        """The entries since the last call, by time."""
        for name in processes_of(self._programs):
            if name not in self._followers:
                self._followers[name] = Follower(log_file(name), 0)
        found = [entry for each in self._followers.values() for entry in each.new_entries()]
        return sorted(found, key=_moment)
