"""The log files of supervisord's programs: one a process, in the run folder."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from db import settings


def log_file(process: str) -> Path:
    """The log of the process of that name; it need not exist."""
    return settings.run_dir() / f"{process}.log"


def last_lines(file: Path, count: int | None) -> Iterator[str]:
    """The last lines of a log; None: all, with those of its rotated files before, oldest first."""
    files = [file]
    if count is None:
        rotated = file.parent.glob(f"{file.name}.[0-9]*")
        numbered = [(int(each.suffix[1:]), each) for each in rotated if each.suffix[1:].isdecimal()]
        files = [*(each for _, each in sorted(numbered, reverse=True)), file]
    for each in files:
        with (
            suppress(FileNotFoundError),
            each.open(encoding="utf-8", errors="backslashreplace") as log,
        ):
            for line in log if count is None else deque(log, maxlen=count):
                yield line.rstrip("\n")


class Follower:
    """What is written to a log from now on, also after it was rotated."""

    def __init__(self, file: Path) -> None:
        """Start at the present end of `file`, which need not exist yet."""
        self.file = file
        self._rest = b""
        self._inode, self._position = self._stat()

    def new_lines(self) -> Iterator[str]:
        """The lines that were completed since the last call."""
        inode, size = self._stat()
        if inode != self._inode or size < self._position:
            self._inode, self._position = inode, 0
        if size == self._position:
            return
        with self.file.open("rb") as log:
            log.seek(self._position)
            content = log.read(size - self._position)
        self._position += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "backslashreplace")

    def _stat(self) -> tuple[int, int]:
        """The file's inode and size; zeros when there is none."""
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_size
