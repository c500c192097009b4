"""Files of a running process: one that it alone has locked, and one that says its state.

Light: Valkey starts by this. The kernel releases a lock when its holder ends.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db import settings
from worker import code_version
from worker.errors import LockTakenError


def take(file: Path, seconds: float) -> int:
    """Lock `file` for this process within `seconds`, and return the descriptor that holds it.

    Raises LockTakenError, which names the process that has it.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.read(lock, 100).decode().partition(" ")[0].strip()
                os.close(lock)
                raise LockTakenError(
                    f"process {holder} holds {file} — wait for it, or end it"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {code_version()}\n".encode(), 0)
            return lock


@contextmanager
def hold(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of `file` meanwhile. Raises LockTakenError after `seconds`."""
    lock = take(file, seconds)
    try:
        yield
    finally:
        os.close(lock)


class StateFile:
    """The file in which one program of this data folder keeps its process id and its state."""

    def __init__(self, program: str) -> None:
        self._program = program

    def publish(self, state: object) -> None:
        """Write the state of this process, as JSON; whoever reads the file finds all of it."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps([os.getpid(), state], ensure_ascii=False), encoding="utf-8")
        new.replace(self._path)

    def withdraw(self) -> None:
        """Delete the file, unless another process has written it."""
        pid, _ = self.read()
        if pid == os.getpid():
            self._path.unlink(missing_ok=True)

    def read(self) -> tuple[int, Any]:
        """The process, which may have been killed since, and its state; 0 and None without one."""
        try:
            pid, state = json.loads(settings.read_text(self._path))
        except (OSError, ValueError, TypeError):
            return 0, None
        return pid, state

    @property
    def _path(self) -> Path:
        return settings.run_dir() / f"{self._program}.json"
