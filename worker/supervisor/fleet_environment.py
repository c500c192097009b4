"""The settings that hold for a command: those of the running fleet, else the caller's own.

The fleet has the environment that `fleet up` was called in, which that notes in the folder `run`,
and below it settings.toml as it was then, or at the last `fleet reload`. A command goes by the same
while the fleet runs, so that no shell makes it see another database, or stop the watcher.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from db import settings
from db.errors import SettingError
from db.settings.declarations import PLACES, SETTINGS, Setting

_NOTE, _FILE = "environment.json", "settings.toml"
_OWN = {each.name for each in SETTINGS if not each.in_file}
"""What each command is given for itself."""
_BY_NAME = {each.name: each for each in SETTINGS}
_NAMES = [
    name
    for each in SETTINGS
    if each.in_file
    for name in ((each.name, f"{each.name}_FILE") if each.secret else (each.name,))
]


class _InForce:
    """What the present command goes by."""

    def __init__(self) -> None:
        self.filled: list[str] = []
        """The variables that come from settings.toml, or out of the file of a secret."""
        self.callers: dict[str, str] = {}
        """What the caller's environment has otherwise than the running fleet."""
        self.started_with: Mapping[str, str] = {}
        """The environment that the running fleet was started in."""


_now = _InForce()


@contextmanager
def in_force(*, whatever: bool = False) -> Iterator[None]:
    """Have the settings that hold in this process's environment, for what is done inside.

    `whatever`: without those of a settings.toml that has a fault, instead of raising SettingError.
    """
    global _now  # noqa: PLW0603  # of this process, which runs one command at a time
    before = dict(os.environ)
    running = _running()
    folder = settings.data_dir() if running is None else settings.run_dir()
    try:
        callers = {} if running is None else _replace(running)
        _fill(folder / _FILE, whatever=whatever)
        _now.callers = {
            name: text
            for name, text in callers.items()
            if name in _BY_NAME and os.environ.get(name, "") != text
        }
        _now.started_with = running or {}
        yield
    finally:
        _now = _InForce()
        if before != dict(os.environ):
            os.environ.clear()
            os.environ.update(before)


def differences() -> list[str]:
    """A line for each setting that the caller has otherwise than the running fleet."""
    return [_difference(*each) for each in _now.callers.items()]


def reread() -> None:
    """Go by settings.toml as it is now. Raises SettingError, and for what takes a new start."""
    for name, text in _now.callers.items():
        if _BY_NAME[name].group == PLACES:
            present = os.environ.get(name) or _BY_NAME[name].default
            values = "" if _BY_NAME[name].secret else f" ({present}, and now {text})"
            raise SettingError(
                f"the fleet was started with another {name} than is set now{values} — set it as "
                "it was, or `fleet down`, then `fleet up`"
            )
    from db.settings import settings_file  # noqa: PLC0415  # few commands parse TOML

    before, after = settings_file.values(settings_file.taken_path()), settings_file.values()
    for setting in SETTINGS:
        is_other = before.get(setting.name) != after.get(setting.name)
        if setting.group == PLACES and is_other and setting.name not in _given():
            raise SettingError(
                f"{settings_file.path()} has another {setting.key} than the fleet was started "
                "with — set it as it was, or `fleet down`, then `fleet up`"
            )
    refill()


def refill() -> None:
    """Go by settings.toml as it is now, whatever it says. Raises SettingError for a fault."""
    for name in _now.filled:
        os.environ.pop(name, None)
    _now.filled = []
    _fill(settings.data_dir() / _FILE, whatever=False)


@contextmanager
def trying(file: Path) -> Iterator[list[str]]:
    """Have another settings.toml for what is done inside, which is given what comes from it.

    Raises SettingError for one with a fault.
    """
    from db.settings import settings_file  # noqa: PLC0415  # few commands parse TOML

    before = dict(os.environ)
    try:
        for name in _now.filled:
            os.environ.pop(name, None)
        yield settings_file.fill(file)
    finally:
        os.environ.clear()
        os.environ.update(before)


def is_edited() -> bool:
    """Whether settings.toml is another than the running fleet goes by."""
    files = [folder / _FILE for folder in (settings.run_dir(), settings.data_dir())]
    taken, edited = [settings.read_text(each) if each.exists() else "" for each in files]
    return taken != edited


def source(setting: Setting) -> str:
    """Where the value of a setting is from: `environment`, `settings.toml` or `default`."""
    if setting.name in _now.filled:
        return "settings.toml"
    return "environment" if os.environ.get(setting.name) else "default"


def noted() -> dict[str, str]:
    """The environment that the running fleet was started in; none when no fleet runs."""
    return _running() or {}


def own() -> dict[str, str]:
    """The environment without what settings.toml gives, which the programs read themselves."""
    return {name: text for name, text in os.environ.items() if name not in _now.filled}


def note() -> None:
    """Note the environment that the fleet is started in."""
    new = _note_file().with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(_given()), encoding="utf-8")
    new.replace(_note_file())


def forget() -> None:
    """Leave the settings to each command again, for the fleet is down."""
    for name in (_NOTE, _FILE):
        (settings.run_dir() / name).unlink(missing_ok=True)


def _given() -> dict[str, str]:
    environment = own()
    return {name: environment[name] for name in _NAMES if environment.get(name)}


def _note_file() -> Path:
    return settings.run_dir() / _NOTE


def _running() -> dict[str, str] | None:
    """The environment of the fleet that runs; None when none does, or `fleet up` started none."""
    try:
        noted = json.loads(settings.read_text(settings.run_dir() / _NOTE))
        pid = int(settings.read_text(settings.run_dir() / "supervisord.pid"))
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError, SettingError):
        return None
    from worker.host.lifeline import is_supervisord  # noqa: PLC0415  # takes ctypes

    if sys.platform == "linux" and not is_supervisord(pid):
        return None  # the number is another process's by now
    return {str(name): str(text) for name, text in dict(noted).items() if name in _NAMES}


def _replace(running: Mapping[str, str]) -> dict[str, str]:
    """Have the environment of the running fleet, and return what the caller's said."""
    callers = {name: text for name in _NAMES if (text := os.environ.pop(name, ""))}
    os.environ.update(running)
    return callers


def _difference(name: str, text: str) -> str:
    setting = _BY_NAME[name]
    present = os.environ.get(name) or setting.default
    values = "" if setting.secret else f" ({text} here, {present} there)"
    remedy = f"`fleet settings set {setting.key} …`, then `fleet reload`"
    if name in _now.started_with or setting.group == PLACES:
        remedy = "`fleet down`, then `fleet up`"
    return f"The fleet runs with another {name} than is set here{values}: {remedy} changes it."


def _fill(file: Path, *, whatever: bool) -> None:
    """Have what a settings.toml says, and what the files of secrets hold."""
    is_secret_in_file = any(os.environ.get(each) for each in _NAMES if each.endswith("_FILE"))
    if not (file.exists() or is_secret_in_file):
        return
    from db.settings import settings_file  # noqa: PLC0415  # few commands parse TOML

    try:
        _now.filled = settings_file.fill(file)
    except SettingError:
        if not whatever:
            raise
