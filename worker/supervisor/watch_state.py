"""The settings of the watcher, and the state that the program `watch` publishes."""

import os
from typing import NamedTuple

from db import settings
from db.errors import SettingError
from db.scanning import scans
from db.sql.path_text import is_under, to_text
from worker.errors import BadInputError
from worker.host.process_files import StateFile
from worker.supervisor.rpc import processes

STATE_FILE = StateFile("watch")
"""Holds the `WatchedRoot` of each root."""
_OFF, _ON = "off", "on"
_LONGEST_QUIET = 600.0
_MOST_MINUTES = 60.0 * 24 * 365


class WatchedRoot(NamedTuple):
    """How a root is watched."""

    root: str
    """In the text form of `db.sql.path_text`."""
    how: str
    """`inotify`, `timed`, or `waiting`: the watcher polls until it is there."""
    why: str = ""
    """Why it is not inotify."""
    remedy: str = ""
    """What to do about that; empty when there is nothing to do."""


class WatchState(NamedTuple):
    """What the program `watch` has published last."""

    pid: int
    roots: list[WatchedRoot]


def is_on() -> bool:
    """Whether FLEET_WATCH says that anything is to be watched."""
    return settings.value("FLEET_WATCH").lower() != _OFF


def environment() -> dict[str, str]:
    """The settings of the program `watch`; none when it is off.

    Raises BadInputError and SettingError for values that mean nothing.
    """
    if not is_on():
        return {}
    named_roots(), quiet_seconds(), timed_minutes()
    names = ("FLEET_WATCH", "FLEET_WATCH_QUIET", "FLEET_WATCH_MINUTES")
    return {name: settings.value(name) for name in names}


def roots() -> list[str]:
    """The roots to watch, none below another; with `on` those that were scanned.

    They need not be there. Raises BadInputError.
    """
    named = named_roots()
    wanted = scans.roots() if named is None else named
    return [
        root
        for root in sorted(set(wanted))
        if not any(is_under(root, other) for other in wanted if other != root)
    ]


def named_roots() -> list[str] | None:
    """The folders that FLEET_WATCH names, links resolved; None when it is `on`.

    Raises BadInputError for one that is no absolute path.
    """
    text = settings.value("FLEET_WATCH")
    if text.lower() == _ON:
        return None
    named = []
    for part in filter(None, map(str.strip, text.split(os.pathsep))):
        folder = settings.expanded(part)
        if not folder.is_absolute():
            raise BadInputError(
                f"FLEET_WATCH names {part!r}, which is no absolute path — write on, off, or "
                f"absolute paths with {os.pathsep!r} between them"
            )
        named.append(to_text(os.fsencode(os.path.realpath(folder))))
    return named


def quiet_seconds() -> float:
    """For how long nothing may have changed in a folder that is taken in. Raises SettingError."""
    return _number("FLEET_WATCH_QUIET", "seconds", _LONGEST_QUIET)


def timed_minutes() -> float:
    """Minutes between the scans of a root that cannot be watched. Raises SettingError."""
    return _number("FLEET_WATCH_MINUTES", "minutes", _MOST_MINUTES)


def running() -> WatchState | None:
    """What the watcher of the running fleet has published; None when there is none."""
    pid, watched = STATE_FILE.read()
    if not any(each.pid == pid for each in processes()):
        return None
    try:
        return WatchState(pid, [WatchedRoot(*each) for each in watched])
    except TypeError:
        return None


def _number(name: str, unit: str, most: float) -> float:
    text = settings.value(name)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= most:
        raise SettingError(f"{name} is {text!r} — write a number of {unit} up to {most:g}")
    return number
