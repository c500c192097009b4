"""Watching one root: by file-system events or by scans at intervals, and enqueuing the scans."""

import logging
import os
import posixpath
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from db import settings
from db.artwork import picture_files
from db.library import track_files
from db.models import database, utc_now
from db.scanning import problems, roots, scans
from db.scanning.library_files import Scope
from db.scanning.roots import Mount, mounts_of
from db.sql.path_text import shown, to_bytes, to_text
from watch.changes import Listener, Pending, Reason, Sorter, reason
from worker import dispatch
from worker.supervisor import watch_state
from worker.supervisor.watch_state import WatchedRoot


def ask_for(root: str, scope: Scope | None) -> bool:
    """Have a root, or a part of it, scanned, and say whether that is so.

    It is not while another scan of the same files is running. A part where nothing is known and
    nothing is there needs no scan.
    """
    if scope is not None:
        scope = Scope(scope.folders, _known(root, scope.trees))
        if not scope.folders and not scope.trees:
            return True
    scan_id = scans.start_unless_running(root, scope)
    if scan_id is None:
        return False
    dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    return True


def _known(root: str, trees: frozenset[str]) -> frozenset[str]:
    """Those of the trees where a scan saw something, or that can hold something now."""
    if not trees:
        return trees
    scope = Scope(trees=trees)
    paths: list[Iterable[str]] = [
        track_files.known_files(root, scope),
        picture_files.known_folder_images(root, scope),
        problems.known_files(root, problems.Stage.READING, scope),
    ]
    found = {tree for each in paths for path in each for tree in _above(path) if tree in trees}
    return frozenset(found | {tree for tree in trees if _is_there(tree)})


def _above(path: str) -> Iterable[str]:
    """The path and every folder above it."""
    while True:
        yield path
        path, below = posixpath.dirname(path), path
        if path == below:
            return


def _is_there(path: str) -> bool:
    return os.path.lexists(to_bytes(path))


_POLL_SECONDS = 0.5
"""Seconds between two polls."""
_DAILY = timedelta(days=1)
"""A root that is watched by events is scanned this often too: no listener gets every event."""
_SELDOM = 30.0
"""Seconds at most between two questions to the database whether a scan is due."""

log = logging.getLogger("watch")


class RootWatcher:
    """Watches one root until it is stopped, in a thread of its own.

    A share that does not answer delays no other root.
    """

    def __init__(self, root: str) -> None:
        """`root` is an absolute path in the form of `db.sql.path_text`; it need not exist."""
        self.state = WatchedRoot(root, "waiting", "the first check is still running")
        self.fault: Exception | None = None
        """The error that ended it; None when it was stopped."""
        self._root = root
        self._path = to_bytes(root)
        self._pending = Pending(root, watch_state.quiet_seconds())
        self._sorter = Sorter(self._path, os.fsencode(settings.data_dir()))
        self._every = timedelta(minutes=watch_state.timed_minutes())
        self._patience = min(_SELDOM, self._every.total_seconds() / 10)
        self._listener: Listener | None = None
        self._hears = False
        """Whether the listener has started to listen."""
        self._mounts: list[Mount] = []
        self._next_question = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, soon."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait so long at most until it has ended; a share that does not answer delays that."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._poll()
        except Exception as error:  # noqa: BLE001  # the program reports it, and ends
            self.fault = error
        finally:
            self._end_listening()

    def _poll(self) -> None:
        missing = self._what_is_missing()
        if missing:
            self._wait_for(missing)
            return
        self._see_mounts()
        if self._listener is None and self.state.how != "timed":
            self._begin()
        if self._listener is None:
            self._stop.wait(self._patience)
        else:
            self._listen(self._listener)
        if not self._what_is_missing() and self._is_mounted_as_before():
            self._ask(time.monotonic())

    def _what_is_missing(self) -> str:
        """Why the root cannot be scanned; empty when it can."""
        return roots.absence(self._root)

    def _wait_for(self, missing: str) -> None:
        """Let everything be as it is known until the root is there."""
        self._end_listening()
        self._pending.clear()
        self._mounts = []
        self._say("waiting", Reason(missing, "mount its disk, or take it out of FLEET_WATCH"))
        self._stop.wait(_POLL_SECONDS)

    def _see_mounts(self) -> None:
        """Notice what was mounted, and leave alone what was unmounted."""
        before, self._mounts = self._mounts, mounts_of(self._path)
        if {*self._mounts} - {*before}:
            self._end_listening()
            self._say("waiting", Reason("the watcher is checking it"))
        for gone in {*before} - {*self._mounts}:
            log.info("%s is mounted no more", shown(to_text(gone.place)))
            self._pending.clear(to_text(gone.place))

    def _is_mounted_as_before(self) -> bool:
        return mounts_of(self._path) == self._mounts

    def _begin(self) -> None:
        """Listen, unless that is to no avail."""
        shares = sorted({each.kind for each in self._mounts if each.is_network})
        if shares:
            why = f"inotify does not report what others change on {', '.join(shares)}"
            self._say("timed", Reason(why))
        elif not _is_text(self._path):
            self._say("timed", Reason("watchfiles takes only paths that are UTF-8"))
        else:
            self._listener, self._hears = Listener(self._path), False

    def _listen(self, listener: Listener) -> None:
        for path in listener.changes(_POLL_SECONDS):
            concern = self._sorter.concern(path)
            if concern is not None:
                self._pending.note(concern, time.monotonic())
        if listener.error is not None:
            self._listener = None
            if not self._what_is_missing():
                self._take(listener.error, listener.is_listening)
        elif listener.is_listening and not self._hears:
            self._hears = True
            self._pending.note_all(time.monotonic())  # earlier changes were missed
            self._say("inotify", Reason(""))

    def _take(self, error: Exception, was_listening: bool) -> None:
        """Restart after an error that passes, such as a name that is no UTF-8."""
        found = reason(self._root, error)
        if was_listening and not found.remedy:
            log.info("%s: %s; restarting the listener", shown(self._root), error)
            return
        if was_listening:
            self._pending.note_all(time.monotonic())
        self._say("timed", found)

    def _ask(self, now: float) -> None:
        """Have scanned what is due."""
        if self._listener is not None and not self._hears:
            return
        is_time = self._is_time(now)
        if is_time or self._pending.all_is_due(now):
            if self._has_scanned(None):
                self._pending.clear()
                if is_time and self.state.remedy:  # perhaps it was applied
                    self._say("waiting", Reason("the watcher is checking it"))
        elif (scope := self._pending.ready(now)) is not None and self._has_scanned(scope):
            self._pending.sent(scope)

    def _has_scanned(self, scope: Scope | None) -> bool:
        with database.connection_context():
            return ask_for(self._root, scope)

    def _is_time(self, now: float) -> bool:
        """Whether the whole root was not scanned for too long."""
        if now < self._next_question:
            return False
        self._next_question = now + self._patience
        every = self._every if self.state.how == "timed" else _DAILY
        with database.connection_context():
            last = scans.last_whole(self._root)
        return last is None or utc_now() - last >= every

    def _end_listening(self) -> None:
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _say(self, how: str, reason: Reason) -> None:
        state = WatchedRoot(self._root, how, reason.why, reason.remedy)
        if state != self.state:
            self.state = state
            reason_text = f": {reason.why}" if reason.why else ""
            remedy = f" — {reason.remedy}" if reason.remedy else ""
            log.info("%s is %s%s%s", shown(self._root), _HOW[how], reason_text, remedy)


_HOW = {"inotify": "watched", "timed": "scanned from time to time", "waiting": "waited for"}


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
