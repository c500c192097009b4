"""Checks of the installation: versions, queues.toml, settings, the data folder and the disks.

By the checks of settings, settings.toml is never changed to one with a fault.
"""

import configparser
import os
import platform
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
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
from worker.doctor import Check, Finding, Fix, Severity, fact_and_remedy
from worker.errors import BadInputError, TopologyError
from worker.maintenance.roots import places
from worker.phrases import counted, some
from worker.supervisor import fleet_environment, watch_state, web_address
from worker.topology import load

_PACKAGES = ("musicfleet", "rq", "redis", "supervisor", "peewee", "mutagen", "pillow")


def _versions() -> Finding:
    """Which versions run here."""
    installed = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding("versions", Severity.OK, f"Python {platform.python_version()}, {installed}")


def _topology() -> Finding:
    """Whether queues.toml has a fault."""
    try:
        loaded = load()
    except TopologyError as error:
        remedy = "repair it, then run `fleet config check`"
        return Finding("topology", Severity.ERROR, str(error), remedy)
    return Finding("topology", Severity.OK, f"{loaded.path} has no fault")


def _settings() -> Iterator[Finding]:
    """Every fault of the settings, or that there is none."""
    try:
        settings_file.values()
    except SettingError as error:
        says = str(error).removesuffix(" — repair it").replace("\n ", "")
        yield Finding("settings", Severity.ERROR, says, "correct it: `fleet settings edit`")
    faults = setting_faults()
    for fault in faults:
        fact, remedy = fact_and_remedy(SettingError(fault))
        yield Finding("settings", Severity.ERROR, fact, remedy or "correct it")
    for line in fleet_environment.differences():
        fact, _, remedy = line.partition(": ")
        yield Finding("settings", Severity.WARNING, fact, remedy)
    if not faults:
        yield Finding("settings", Severity.OK, "every setting can be used")


_OWNERS, _OTHERS = 0o700, 0o077


def _permissions() -> Iterator[Finding]:
    """Whether others may enter the data folder or talk to what listens there."""
    for folder in (settings.data_dir(), settings.run_dir()):
        if folder.is_dir():
            yield _owners_alone(folder)
        else:
            yield Finding("folders", Severity.WARNING, f"{folder} is not there", "run `fleet up`")
    for socket in sorted(settings.run_dir().glob("*.sock")):
        yield _owners_alone(socket)


def _owners_alone(path: Path) -> Finding:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not mode & _OTHERS:
        return Finding("permissions", Severity.OK, f"{path} is its owner's alone")
    if status.st_uid != os.geteuid() and not mode & stat.S_IRWXO:
        says = f"{path} belongs to {_name_of(status.st_uid)} and its group, as volumes do"
        return Finding("permissions", Severity.OK, says)

    def close() -> str:
        path.chmod(_OWNERS)
        return f"{path} is its owner's alone now"

    command = f"chmod {_OWNERS:o} {path}"
    says = f"{path} is open to others ({mode:o})"
    return Finding("permissions", Severity.ERROR, says, command, fix=Fix(command, close))


def _owners() -> Iterator[Finding]:
    """Whether the fleet's user may use every file of the data folder: a run as root ends that."""
    folder = settings.data_dir()
    if not folder.is_dir():
        return
    owner = folder.stat().st_uid
    strange = [path for path in _below(folder) if _is_strange(path, owner)]
    if not strange:
        yield Finding("owners", Severity.OK, f"every file in {folder} can be used by the fleet")
        return
    user = owner if os.geteuid() == 0 else os.geteuid()

    def hand_over() -> str:
        for path in strange:
            os.chown(path, user, -1, follow_symlinks=False)
        return f"{counted(len(strange), 'file')} in {folder} given to {_name_of(user)}"

    owners = {path.lstat().st_uid for path in strange}
    whose = ", ".join(sorted(map(_name_of, owners)))
    is_own = owners == {user}
    command = f"chmod -R u+rwX {folder}" if is_own else f"sudo chown -R {_name_of(user)} {folder}"
    says = (
        f"{counted(len(strange), 'file')} in {folder} belong to {whose}, and the fleet's user "
        f"{_name_of(user)} may not write them ({some([path.name for path in strange])})"
    )
    fix = Fix(command, hand_over) if os.geteuid() == 0 and not is_own else None
    yield Finding("owners", Severity.ERROR, says, command, len(strange), fix=fix)


def _below(folder: Path) -> Iterator[Path]:
    """The files and folders below a folder, as far as they can be listed."""
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in [*folders, *files])


def _is_strange(path: Path, owner: int) -> bool:
    """Whether the fleet's user may not write it.

    Root may write all, but is not the fleet's user when the data folder is another's.
    """
    try:
        if os.geteuid() == 0 and owner != 0:
            return path.lstat().st_uid != owner
        return not path.is_symlink() and not os.access(path, os.R_OK | os.W_OK)
    except OSError:  # it has gone meanwhile
        return False


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _internet_server() -> Iterator[Finding]:
    """Whether the supervisord.conf that runs opens a port: who reaches it runs any command."""
    file = settings.data_dir() / "supervisord.conf"
    if not file.exists():
        return
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    remedy = "run `fleet down`, then `fleet up`, which rewrites the file"
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        says = f"{file} cannot be read as supervisord does: {reason}"
        yield Finding("supervisord.conf", Severity.ERROR, says, remedy)
        return
    if parser.has_section("inet_http_server"):
        port = parser.get("inet_http_server", "port", fallback="no port")
        says = f"{file} has an inet_http_server ({port}), through which any command can be run"
        yield Finding("supervisord.conf", Severity.ERROR, says, remedy)
    else:
        yield Finding("supervisord.conf", Severity.OK, f"{file} opens no port")


SCARCE_BYTES = 100 * 1024**2
"""Below this much free space the database and Redis soon cannot write."""
LOW_BYTES = 500 * 1024**2
LOW_SHARE = 0.05


def _disks() -> Iterator[Finding]:
    """The free space of each disk that the data folder, the pictures or an SQLite file are on."""
    seen = set()
    for folder in _written_to():
        if not folder.is_dir() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        yield _disk(folder)


def _written_to() -> Iterator[Path]:
    yield settings.data_dir()
    with suppress(SettingError):  # which the check of the settings names
        yield settings.images_dir()
    url = settings.database_url()
    if url.startswith("sqlite:///"):
        yield Path(url.removeprefix("sqlite:///")).parent


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    share = usage.free / max(usage.total, 1)  # /proc has no size
    says = f"{folder} has {usage.free / 1024**2:,.0f} MiB free, {share:.0%} of its disk"
    remedy = "free some space there, or move FLEET_DATA_DIR to a larger disk"
    notice = f"disk {folder}"
    if usage.free < SCARCE_BYTES:
        return Finding("disk", Severity.ERROR, says, remedy, notice=notice)
    if usage.free < LOW_BYTES or share < LOW_SHARE:
        return Finding("disk", Severity.WARNING, says, remedy, notice=notice)
    return Finding("disk", Severity.OK, says)


CHECKS = (
    Check("versions", _versions),
    Check("topology", _topology),
    Check("settings", _settings),
    Check("permissions", _permissions),
    Check("owners", _owners, is_slow=True),
    Check("supervisord.conf", _internet_server),
    Check("disk", _disks),
)


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
