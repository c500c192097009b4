"""inotify: the events, and the limits that stop it."""

import os
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from watchfiles import watch

from db.sql.path_text import shown, to_bytes

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

    It recognises the limits of inotify (ENOSPC and EMFILE of inotify(7)) by their text alone.
    `limit` has the value of fs.inotify.NAME, by default this machine's.
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


_STEP, _TOGETHER = 200, 1_000
"""Milliseconds: how often watchfiles polls, and for how long it collects changes at most."""


class Listener:
    """Receives every change below a folder. Changes that it missed are lost."""

    def __init__(self, root: bytes) -> None:
        """Begin. `is_listening` says when it receives everything, `error` why it stopped."""
        self._root = os.fsdecode(root)
        self._changes: queue.SimpleQueue[Iterable[str]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._listening = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def is_listening(self) -> bool:
        """Whether all folders are watched. For 100,000 of them that takes seconds."""
        return self._listening.is_set()

    def stop(self) -> None:
        """End it, and drop the changes it received."""
        self._stop.set()

    def changes(self, seconds: float) -> list[bytes]:
        """The paths that changed; waits so many seconds for the first."""
        paths: list[bytes] = []
        try:
            paths += map(os.fsencode, self._changes.get(timeout=seconds))
            while True:
                paths += map(os.fsencode, self._changes.get_nowait())
        except queue.Empty:
            return paths

    def _listen(self) -> None:
        try:
            for changes in watch(
                self._root,
                watch_filter=None,
                step=_STEP,
                debounce=_TOGETHER,
                stop_event=self._stop,
                rust_timeout=1_000,
                yield_on_timeout=True,  # the first says that all folders are watched
                raise_interrupt=False,
                force_polling=False,
                # It would pass over any error, and leave out folders at random.
                ignore_permission_denied=False,
            ):
                self._listening.set()
                if changes:
                    self._changes.put({path for _, path in changes})
        except Exception as error:  # noqa: BLE001  # `RootWatcher` reports it
            self.error = error
