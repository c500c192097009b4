"""What ended a process of supervisord's: only its log says more than that it ended."""

import re
import time

from db import settings

UNSEEN = "unseen"
"""What ends a process of which nobody knows more."""
_TAIL = 64 * 1024
_PATIENCE = 0.2
"""Seconds. The event of an exit is sent a moment before its line is written."""


def cause_of_exit(process: str, pid: int) -> str:
    """How the process of that name and id ended: SIGKILL, exit 1; UNSEEN when nothing tells."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = _look(process, pid)
        if found or time.monotonic() > deadline:
            return found or UNSEEN
        time.sleep(0.01)


def _look(process: str, pid: int) -> str | None:
    try:
        with (settings.run_dir() / "supervisord.log").open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return None
    name = re.escape(process)
    _, spawned, since = text.rpartition(f"spawned: '{process}' with pid {pid}\n")
    if not spawned:
        return None
    ended = re.search(rf"(?:exited|stopped): {name} \((?:terminated by|exit status) (\w+)", since)
    if ended is None:
        return None
    return f"exit {ended[1]}" if ended[1].isdigit() else ended[1]
