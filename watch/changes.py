"""Changes below a root: what inotify says, what each concerns, and what waits for quiet."""

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from watchfiles import watch

from db.scanning.library_files import (
    IGNORE_FILES,
    Scope,
    album_folder,
    is_disc_folder,
)
from db.scanning.selection import Selection
from db.sql.path_text import is_under, shown, to_bytes, to_text


class Kind(Enum):
    """What to scan."""

    FOLDER = auto()
    """An album's folder, with its disc folders."""
    NEW_FOLDER = auto()
    """A folder that came, with all below it."""
    TREE = auto()
    """All that is known below a path that is gone, or below a folder that was hidden or shown."""
    ALL = auto()
    """The whole root, for a link leads who knows where."""
    ACTIVITY = auto()
    """Nothing, but work on the folder is not over."""


class Concern(NamedTuple):
    """What a change concerns; `path` is in the text form of `db.sql.path_text`."""

    kind: Kind
    path: str


class Sorter:
    """Sorts the changes below one root."""

    def __init__(self, root: bytes, data_dir: bytes) -> None:
        """`data_dir` is the fleet's own data folder, where changes are no concern."""
        self._root = root
        self._data_dir = os.path.realpath(data_dir)
        self._selection = Selection.of_settings()

    def concern(self, path: bytes) -> Concern | None:
        """What a change of this path concerns; None when a scan would not go there."""
        if not path.startswith(self._root.rstrip(b"/") + b"/") or self._is_own(path):
            return None
        above, name = os.path.split(path)
        if above != self._root and self._has_hidden(above):
            return None
        real = os.path.realpath(above)
        if real != above:
            leads_inside = (real + b"/").startswith(self._root.rstrip(b"/") + b"/")
            return Concern(Kind.ALL, to_text(self._root)) if leads_inside else None
        if name in IGNORE_FILES:
            return Concern(Kind.TREE, to_text(above))
        return None if self._selection.refusal(name) else self._of(path, above)

    def _of(self, path: bytes, above: bytes) -> Concern:
        if not os.path.lexists(path):
            return Concern(Kind.TREE, to_text(path))
        if os.path.islink(path):  # noqa: PTH114  # bytes
            return Concern(Kind.ALL, to_text(self._root))
        if os.path.isdir(path):
            return Concern(Kind.NEW_FOLDER, to_text(path))
        folder = album_folder(to_text(self._root), to_text(above))
        return Concern(
            Kind.FOLDER if self._selection.is_of_interest(path) else Kind.ACTIVITY, folder
        )

    def _is_own(self, path: bytes) -> bool:
        return path == self._data_dir or path.startswith(self._data_dir + b"/")

    def _has_hidden(self, folder: bytes) -> bool:
        below = os.path.relpath(folder, self._root)
        return any(self._selection.refusal(name) for name in below.split(b"/"))


_LONGEST = 120
"""So many quiet times after its first change a folder is taken in, though it never was quiet."""
_MOST_PLACES = 500
"""With more, one scan of the whole root costs less. It is also the remedy for lost events: when
more than 16,384 wait, the kernel drops some, and watchfiles does not report it."""

_Snapshot = tuple[tuple[bytes, int, int], ...]
"""Name, size and modification time of each file of a folder."""


@dataclass
class _Wait:
    """How long something waits, in seconds of monotonic time."""

    first: float
    last: float
    snapshot: _Snapshot | None = None
    """How the folder was half of the quiet time after its last change."""


class Pending:
    """The places below one root where something changed."""

    def __init__(self, root: str, quiet: float) -> None:
        """`quiet` is for how many seconds nothing may have changed."""
        self._root = root
        self._quiet = quiet
        self._selection = Selection.of_settings()
        self._folders: dict[str, _Wait] = {}
        self._trees: dict[str, _Wait] = {}
        self._all: _Wait | None = None

    def note(self, concern: Concern, now: float) -> None:
        """Take note of a change."""
        if self._all is not None:
            self._all.last = now
        elif concern.kind is Kind.ALL:
            self.note_all(now)
        elif concern.kind is Kind.TREE:
            self._note_tree(concern.path, now)
        elif concern.kind is Kind.ACTIVITY:
            if concern.path in self._folders:
                self._note_folder(concern.path, now)
        else:
            new = concern.kind is Kind.NEW_FOLDER
            for folder in self._albums_below(concern.path) if new else [concern.path]:
                self._note_folder(folder, now)
        if len(self._folders) + len(self._trees) > _MOST_PLACES:
            self.note_all(now)

    def note_all(self, now: float) -> None:
        """Say that anything may have changed."""
        self.clear()
        self._all = _Wait(now, now)

    def clear(self, below: str | None = None) -> None:
        """Forget what waits, or what of it lies below a folder."""
        for places in (self._folders, self._trees):
            for place in [each for each in places if below is None or is_under(each, below)]:
                del places[place]
        if below is None:
            self._all = None

    def all_is_due(self, now: float) -> bool:
        """Whether the whole root is to be scanned, and quiet."""
        return self._all is not None and self._is_over(self._all, now)

    def ready(self, now: float) -> Scope | None:
        """What is quiet now; None when nothing is.

        What is gone goes along with anything that is sent: its new place may be among that, and
        only a scan that sees both knows a file for the same.
        """
        folders = [place for place, wait in self._folders.items() if self._is_quiet(place, now)]
        trees = [place for place, wait in self._trees.items() if self._is_over(wait, now)]
        if not folders and not trees:
            return None
        return Scope.of(folders, self._trees)

    def sent(self, scope: Scope) -> None:
        """Forget what is being scanned."""
        for folder in scope.folders:
            self._folders.pop(folder, None)
        for tree in scope.trees:
            self._trees.pop(tree, None)

    def _note_tree(self, path: str, now: float) -> None:
        if not os.path.lexists(to_bytes(path)):
            self.clear(path)
        wait = self._trees.setdefault(path, _Wait(now, now))
        wait.last = now

    def _note_folder(self, folder: str, now: float) -> None:
        wait = self._folders.setdefault(folder, _Wait(now, now))
        wait.last, wait.snapshot = now, None

    def _albums_below(self, folder: str) -> Iterator[str]:
        """The albums' folders of a folder that came: no event reports what it brought along."""
        yield album_folder(self._root, folder)
        for place, names, _ in os.walk(to_bytes(folder)):
            names[:] = [name for name in names if not self._selection.refusal(name)]
            for name in names:
                yield album_folder(self._root, to_text(os.path.join(place, name)))

    def _is_over(self, wait: _Wait, now: float) -> bool:
        return now - wait.last >= self._quiet or now - wait.first >= _LONGEST * self._quiet

    def _is_quiet(self, folder: str, now: float) -> bool:
        """Whether a folder was the same in two snapshots; a share may grow without an event."""
        wait = self._folders[folder]
        if now - wait.first >= _LONGEST * self._quiet:
            return True
        if now - wait.last < self._quiet / 2:
            return False
        if wait.snapshot is None:
            wait.snapshot = _snapshot_of(to_bytes(folder))
            return False
        if now - wait.last < self._quiet:
            return False
        snapshot = _snapshot_of(to_bytes(folder))
        if snapshot != wait.snapshot:
            wait.last, wait.snapshot = now, None
            return False
        return True


def _snapshot_of(folder: bytes) -> _Snapshot:
    """How the files of an album's folder are; nothing of one that cannot be listed."""
    found: list[tuple[bytes, int, int]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
                elif entry.is_dir(follow_symlinks=False) and is_disc_folder(to_text(entry.name)):
                    found += _snapshot_of(entry.path)
    except OSError:
        return ()
    return tuple(sorted(found))


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
