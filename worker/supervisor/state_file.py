"""What a program of the fleet reports of itself: a file in the run folder, as long as it runs."""

import json
import os
from pathlib import Path
from typing import Any

from db import settings


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
