"""settings.toml of the data folder: the settings that stay. The environment wins over them.

`fleet up` and `fleet reload` read the file and copy what they have read to the folder `run`. The
programs of the fleet and the commands go by that copy, so what is edited, and may be half done,
changes nothing before `fleet reload` takes it.
"""

import os
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from db.errors import SettingError, counted
from db.settings import data_dir, read_text, redis_key, run_dir, set_mode
from db.settings.declarations import SETTINGS, Kind, Setting

NAME = "settings.toml"
SECRET_FILE = "_FILE"  # noqa: S105  # how a name ends
"""Ends the name of a setting that says in which file a secret is."""
_OF_FOLDERS = {Kind.FOLDERS, Kind.FOLDERS_OR_SWITCH}
"""Lists with `:` between their items, for paths may have commas."""
_OFF = {False: "off", True: "on"}
_BY_KEY = {each.key: each for each in SETTINGS}


def path() -> Path:
    """The file that the user edits; it need not be there."""
    return data_dir() / NAME


def taken_path() -> Path:
    """The copy that the running fleet goes by."""
    return run_dir() / NAME


def named(name: str) -> Setting:
    """The setting that somebody calls so, as in settings.toml or as in the environment.

    Raises SettingError, with the nearest names.
    """
    key = name.lower().removeprefix("fleet_")
    if key not in _BY_KEY:
        raise SettingError(f"there is no setting {name!r} — {_near(key)}")
    return _BY_KEY[key]


def values(file: Path | None = None) -> dict[str, str]:
    """What the file says: the text of each setting as the environment would have it.

    Without a file there is nothing. Raises SettingError, which names every fault.
    """
    file = file or path()
    if not file.exists():
        return {}
    try:
        table = tomllib.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(f"{file} cannot be read: {reason} — repair it") from error
    found, faults = _read(table)
    if faults:
        raise SettingError(f"{file} has {_counted(faults)}:" + "".join(f"\n  {f}" for f in faults))
    return found


def take() -> None:
    """Have the fleet go by the file as it is now. Raises SettingError for one with a fault."""
    values()
    if path().exists():
        new = taken_path().with_suffix(".new")
        shutil.copyfile(path(), new)
        set_mode(new, 0o600)
        new.replace(taken_path())
    else:
        taken_path().unlink(missing_ok=True)


def fill(file: Path) -> list[str]:
    """Have this process's environment say what the file does, where it says nothing itself.

    Returns the variables that it set. Raises SettingError.
    """
    said = {
        name: text
        for name, text in values(file).items()
        if not os.environ.get(name) and not os.environ.get(name + SECRET_FILE)
    }
    os.environ.update(said)
    added = [*said, *_read_secrets()]
    # RQ reads it when it is imported, which no command has done yet.
    os.environ["RQ_KEY_PREFIX"] = redis_key("rq")
    return added


_followed: list[str] = []
"""The variables of this program that come from the file."""


def follow(file: Path) -> None:
    """As `fill`, for a program, which calls it again when the file is another.

    Raises SettingError for one with a fault, and leaves all as it was.
    """
    values(file)
    for name in _followed:
        os.environ.pop(name, None)
    _followed[:] = fill(file)


def as_text(setting: Setting, value: Any) -> str:
    """A value of TOML as the environment would have it. Raises SettingError for another type."""
    is_allowed = isinstance(value, (str, *setting.kind.types))
    if isinstance(value, bool) and bool not in setting.kind.types:
        is_allowed = False
    if isinstance(value, bool) and is_allowed:
        return _OFF[value]
    if not is_allowed:
        raise SettingError(f"{setting.key} is {value!r} — write {_wanted(setting)}")
    if isinstance(value, list):
        separator = os.pathsep if setting.kind in _OF_FOLDERS else ", "
        return separator.join(str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    return str(value).strip()


def as_toml(setting: Setting, text: str) -> Any:
    """The value of TOML that says what a text of the environment does."""
    kind = setting.kind
    if bool in kind.types and text.lower() in _OFF.values():
        return text.lower() == "on"
    if int in kind.types:
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    if kind is Kind.TABLE:
        pairs = (each.partition("=") for each in text.split(",") if each.strip())
        return {name.strip(): each.strip() for name, _, each in pairs}
    if list in kind.types:
        separator = os.pathsep if kind in _OF_FOLDERS else ","
        return [each.strip() for each in text.split(separator) if each.strip()]
    return text


def _read(table: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    faults: list[str] = []
    for key, value in table.items():
        secret = _BY_KEY.get(key.removesuffix(SECRET_FILE.lower()))
        setting = _BY_KEY.get(key)
        try:
            if setting is None and secret is not None and secret.secret:
                found[secret.name + SECRET_FILE] = _path_of(key, value)
            elif setting is None:
                faults.append(f"there is no setting {key!r} — {_near(key)}")
            elif not setting.in_file:
                faults.append(f"{key} stands in the environment alone: {setting.name}")
            else:
                found[setting.name] = as_text(setting, value)
        except SettingError as error:
            faults.append(str(error))
    return found, faults


def _path_of(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SettingError(f"{key} is {value!r} — write the path of a file")
    return value


def _read_secrets() -> list[str]:
    """Read the secrets that files hold, and set their variables, which are returned."""
    added = []
    for setting in SETTINGS:
        file = os.environ.get(setting.name + SECRET_FILE)
        if setting.secret and file and not os.environ.get(setting.name):
            try:
                os.environ[setting.name] = read_text(Path(file)).strip()
            except OSError as error:
                raise SettingError(
                    f"{setting.name}{SECRET_FILE} names {file}, which cannot be read: "
                    f"{error.strerror} — give the user of the fleet a file to read"
                ) from error
            added.append(setting.name)
    return added


def _wanted(setting: Setting) -> str:
    parts = {
        Kind.TEXT: "text in quotes",
        Kind.TEXT_OR_OFF: "text in quotes, or false",
        Kind.NUMBER: "a number",
        Kind.NUMBER_OR_OFF: "a number, or false",
        Kind.LIST: 'a list, such as ["a", "b"]',
        Kind.FOLDERS: 'a list of folders, such as ["~", "/music"]',
        Kind.FOLDERS_OR_SWITCH: "true, false, or a list of folders",
        Kind.TABLE: 'a table, such as { name = "value" }',
    }
    return parts[setting.kind]


def _near(key: str) -> str:
    near = get_close_matches(key, _BY_KEY, n=2)
    known = "`fleet settings list` has them all"
    return f"did you mean {' or '.join(near)}? {known}" if near else known


def _counted(faults: Iterable[str]) -> str:
    count = len(list(faults))
    return "a fault" if count == 1 else counted(count, "fault")
