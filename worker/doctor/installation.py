"""Checks of the installation: versions, queues.toml, the data folder and the disks."""

import configparser
import platform
import shutil
import stat
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from db import settings
from worker.doctor.findings import Finding, Fix, Severity
from worker.errors import TopologyError
from worker.topology import Topology, load

_PACKAGES = ("musicfleet", "rq", "redis", "supervisor", "peewee", "mutagen", "pillow")


def versions() -> Finding:
    """Which versions run here."""
    installed = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Finding("versions", Severity.OK, f"Python {platform.python_version()}, {installed}")


def topology() -> tuple[Topology | None, Finding]:
    """The topology as queues.toml says now; None when it has faults."""
    try:
        loaded = load()
    except TopologyError as error:
        remedy = "repair it, then run `fleet config check`"
        return None, Finding("topology", Severity.ERROR, str(error), remedy)
    return loaded, Finding("topology", Severity.OK, f"{loaded.path} has no fault")


_OWNERS = 0o700


def permissions() -> Iterator[Finding]:
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


def internet_server() -> Iterator[Finding]:
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


def disks() -> Iterator[Finding]:
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
