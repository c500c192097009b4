"""The data folder and its sockets, which are for their owner alone."""

import configparser
import stat
from collections.abc import Iterator
from pathlib import Path

from db import settings
from worker.doctor.findings import Finding, Fix, Severity

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
