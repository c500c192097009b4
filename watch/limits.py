"""Why inotify fails: which limit was met, and the exact line that raises it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from db.paths import shown, to_bytes

_SETTINGS = Path("/proc/sys/fs/inotify")
_WATCHES, _INSTANCES = "max_user_watches", "max_user_instances"
_FEWEST_WATCHES, _FEWEST_INSTANCES = 524_288, 512
"""What a limit is raised to at least."""


class Reason(NamedTuple):
    """Why a root cannot be watched, and what to do; no remedy when there is none."""

    why: str
    remedy: str = ""


def reason(root: str, error: BaseException, limit: Callable[[str], int] | None = None) -> Reason:
    """What an error of watchfiles means.

    It tells the limits of inotify (ENOSPC and EMFILE of inotify(7)) by their text alone. `limit`
    has the value of fs.inotify.NAME, by default this machine's.
    """
    text, value = str(error), limit or _present
    if "watch limit reached" in text or "os error 28" in text:
        return _watches(root, value(_WATCHES))
    if "os error 24" in text:
        return _instances(value(_INSTANCES))
    if "os error 13" in text:
        return Reason(
            f"watchfiles needs access to every folder, and one may not be read: {text}",
            "give this user the right to, or name only the folders beside it in FLEET_WATCH",
        )
    return Reason(f"inotify fails: {text}")


def _watches(root: str, limit: int) -> Reason:
    folders = _folders(root)
    wanted = _FEWEST_WATCHES
    while wanted <= max(limit, 2 * folders):
        wanted *= 2
    return Reason(
        f"inotify watches {limit:,} folders at most for all programs of this user "
        f"(fs.inotify.{_WATCHES}), and {shown(root)} has {folders:,}",
        _remedy(f"fs.inotify.{_WATCHES}={wanted}"),
    )


def _instances(limit: int) -> Reason:
    wanted = max(_FEWEST_INSTANCES, 2 * limit)
    return Reason(
        f"the programs of this user use inotify {limit:,} times, which is the most that they may "
        f"(fs.inotify.{_INSTANCES})",
        _remedy(f"fs.inotify.{_INSTANCES}={wanted}"),
    )


def _remedy(line: str) -> str:
    file = "/etc/sysctl.d/60-musicfleet.conf"
    return f"run `echo {line} | sudo tee -a {file} && sudo sysctl --system`"


def _folders(root: str) -> int:
    return sum(1 for _ in os.walk(to_bytes(root)))


def _present(name: str) -> int:
    try:
        return int((_SETTINGS / name).read_text())
    except (OSError, ValueError):
        return 0
