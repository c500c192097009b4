"""The log files of supervisord's programs: one a process, in the run folder."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from db import settings


def log_file(process: str) -> Path:
    """The log of the process of that name; it need not exist."""
    return settings.run_dir() / f"{process}.log"


def last_lines(file: Path, count: int) -> list[str]:
    """The last lines of a log; none when there is no such file."""
    try:
        with file.open(encoding="utf-8", errors="backslashreplace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=count)]
    except FileNotFoundError:
        return []


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
