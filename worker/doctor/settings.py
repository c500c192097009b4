"""What is wrong with the settings, and how settings.toml is changed: never to one with a fault."""

import os
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from db import settings
from db.artwork import image_files
from db.errors import SettingError
from db.maintenance import backups, notices, removal
from db.scanning.selection import Selection
from db.settings import (
    check_analysis,
    check_redis_prefix,
    cover_orders,
    keep_logs_days,
    provider_settings,
    read_text,
    reading,
    set_mode,
    settings_file,
)
from db.settings.declarations import SETTINGS, Setting
from db.similarity.model_health import rules
from db.users import accounts
from worker.errors import BadInputError
from worker.maintenance.roots import places
from worker.supervisor import fleet_environment, watch_state, web_address

_SETTINGS: tuple[Callable[[], object], ...] = (
    cover_orders.check,
    provider_settings.check,
    reading.check,
    check_analysis,
    check_redis_prefix,
    settings.supervisor,
    rules,
    backups.kept,
    removal.forget_missing_after,
    keep_logs_days,
    image_files.check,
    watch_state.environment,
    watch_state.quiet_seconds,
    watch_state.timed_minutes,
    Selection.of_settings,
    web_address.configured,
    accounts.token_login_is_on,
    notices.urls,
    notices.kinds,
    places,
)
"""Each raises SettingError or BadInputError for a setting with a fault."""


def setting_faults() -> list[str]:
    """What is wrong with the settings that hold: every fault, a line each."""
    before, faults = dict(os.environ), []
    try:
        for check in _SETTINGS:
            while fault := _fault(check):
                faults.append(fault)
                if not _leave_out(fault):
                    break
    finally:
        os.environ.clear()
        os.environ.update(before)
    return faults


def _fault(check: Callable[[], object]) -> str:
    try:
        check()
    except (SettingError, BadInputError) as error:
        return str(error)
    return ""


def _leave_out(fault: str) -> bool:
    """Unset what a fault names, so that the check goes on to the next; whether there was any."""
    name = fault.partition(" ")[0]
    return os.environ.pop(name, None) is not None


def named(name: str) -> tuple[str, Setting]:
    """The key of settings.toml that somebody means, and its setting. Raises SettingError.

    That may be the key of a secret's file, such as web_password_file.
    """
    key = name.lower().removeprefix("fleet_")
    ending = settings_file.SECRET_FILE.lower()
    if key.endswith(ending):
        setting = settings_file.named(key.removesuffix(ending))
        if setting.secret:
            return key, setting
    setting = settings_file.named(key)
    if not setting.in_file:
        raise SettingError(f"{setting.key} stands in the environment alone — set {setting.name}")
    return setting.key, setting


def change(name: str, value: str | None) -> Setting:
    """Write a setting into settings.toml, as the environment would have it; None takes it out.

    The rest of the file, comments too, stays as it is, and all of it when there would be a fault.
    Returns the setting. Raises SettingError.
    """
    import tomlkit  # noqa: PLC0415  # takes longer than all else to show a setting

    key, setting = named(name)
    file = settings_file.path()
    settings_file.values()
    document = tomlkit.parse(read_text(file) if file.exists() else template())
    if value is None:
        if document.pop(key, None) is None:
            raise SettingError(f"{file} has no {key} — `fleet settings list` shows what is set")
    elif key != setting.key:
        document[key] = value.strip()
    else:
        written = settings_file.as_toml(setting, value.strip())
        document[key] = tomlkit.inline_table() if isinstance(written, dict) else written
        if isinstance(written, dict):
            document[key].update(written)
    write(tomlkit.dumps(document))
    return setting


def write(text: str) -> None:
    """Have settings.toml be this text, unless that has a fault: then it raises SettingError."""
    file = settings_file.path()
    settings.prepare_data_dir()
    new = file.with_name("settings.new.toml")
    new.touch(mode=0o600)
    set_mode(new, 0o600)
    try:
        new.write_text(text, encoding="utf-8")
        _refuse_faults(new)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _refuse_faults(file: Path) -> None:
    name, shown = str(file), str(settings_file.path())
    try:
        with fleet_environment.trying(file) as filled:
            faults = [each for each in setting_faults() if each.partition(" ")[0] in filled]
    except SettingError as error:
        raise SettingError(str(error).replace(name, shown)) from error
    if faults:
        raise SettingError("\n  ".join([f"{shown} stays as it was:", *faults]))


def template() -> str:
    """A new file: every setting as a comment."""
    lines = ["# The environment wins over these settings; `fleet reload` applies them."]
    stored = (each for each in SETTINGS if each.in_file)
    for group, members in groupby(stored, key=lambda each: each.group):
        lines += ["", f"# {group}"]
        for each in members:
            lines += ["", f"# {each.help}", f"# {each.type}; {each.default}", f"# {each.key} ="]
    return "\n".join(lines) + "\n"
