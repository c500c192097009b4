"""Checks of the installation: versions, queues.toml, settings, the data folder and the disks."""

import configparser
import platform
import shutil
import stat
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from db import settings
from db.errors import SettingError
from db.maintenance import backups, removal
from db.settings import (
    check_analysis_seconds,
    check_redis_prefix,
    cover_orders,
    keep_logs_days,
    provider_settings,
)
from db.settings.retraining_rules import rules
from worker.doctor.findings import Check, Finding, Fix, Severity, fact_and_remedy
from worker.errors import BadInputError, TopologyError
from worker.supervisor import watch_state, web_address
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


_SETTINGS: tuple[Callable[[], object], ...] = (
    cover_orders.check,
    provider_settings.check,
    check_analysis_seconds,
    check_redis_prefix,
    rules,
    backups.kept,
    removal.forget_missing_after,
    keep_logs_days,
    watch_state.environment,
    web_address.configured,
)
"""Each raises SettingError or BadInputError for a setting with a fault."""


def _settings() -> Iterator[Finding]:
    """The first fault of each group of settings, or that there is none."""
    is_sound = True
    for check in _SETTINGS:
        try:
            check()
        except (SettingError, BadInputError) as error:
            is_sound = False
            fact, remedy = fact_and_remedy(error)
            yield Finding("settings", Severity.ERROR, fact, remedy or "correct it")
    if is_sound:
        yield Finding("settings", Severity.OK, "every setting can be used")


_OWNERS = 0o700


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
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & ~_OWNERS:
        return Finding("permissions", Severity.OK, f"{path} is its owner's alone")

    def close() -> str:
        path.chmod(_OWNERS)
        return f"{path} is its owner's alone now"

    command = f"chmod {_OWNERS:o} {path}"
    says = f"{path} is open to others ({mode:o})"
    return Finding("permissions", Severity.ERROR, says, command, fix=Fix(command, close))


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
    yield settings.images_dir()
    url = settings.database_url()
    if url.startswith("sqlite:///"):
        yield Path(url.removeprefix("sqlite:///")).parent


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total
    says = f"{folder} has {usage.free / 1024**2:,.0f} MiB free, {share:.0%} of its disk"
    remedy = "free some space there, or move FLEET_DATA_DIR to a larger disk"
    if usage.free < SCARCE_BYTES:
        return Finding("disk", Severity.ERROR, says, remedy)
    if usage.free < LOW_BYTES or share < LOW_SHARE:
        return Finding("disk", Severity.WARNING, says, remedy)
    return Finding("disk", Severity.OK, says)


CHECKS = (
    Check("versions", _versions),
    Check("topology", _topology),
    Check("settings", _settings),
    Check("permissions", _permissions),
    Check("supervisord.conf", _internet_server),
    Check("disk", _disks),
)
