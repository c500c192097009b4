"""Listening to inotify, by watchfiles, in a thread of its own."""

import os
import queue
import threading
from collections.abc import Iterable

from watchfiles import watch

_STEP, _TOGETHER = 200, 1_000
"""Milliseconds: how often watchfiles looks, and for how long it puts changes together at most."""


class Listener:
    """Hears of every change below a folder. What it missed is in no way to be had again."""

    def __init__(self, root: bytes) -> None:
        """Begin. `is_listening` tells when it hears everything, `error` why it does no more."""
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
        """End it; what it heard is forgotten."""
        self._stop.set()

    def heard(self, seconds: float) -> list[bytes]:
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
                yield_on_timeout=True,  # the first tells that all folders are watched
                raise_interrupt=False,
                force_polling=False,
                # It would pass over any error, and leave out folders at random.
                ignore_permission_denied=False,
            ):
                self._listening.set()
                if changes:
                    self._changes.put({path for _, path in changes})
        except Exception as error:  # noqa: BLE001  # it is told where the root is looked after
            self.error = error
