"""The supervisord.conf in the data folder: what it says, and whether supervisord goes by it."""

import os
import re
from pathlib import Path

from db import settings
from worker.slots import program_of
from worker.supervisor.config import SCALED, topology_line
from worker.topology import Topology

_SECTION = re.compile(r"^\[(?:(?:program|eventlistener):)?(.+)\]\n((?:.+\n)*)", re.MULTILINE)
_COMMAND = re.compile(r"^command = .* --queues (\S+)$", re.MULTILINE)
_VARIABLE = re.compile(r'(\w+)="([^"]*)"')


def path() -> Path:
    """The file that `fleet up` writes, and starts supervisord with."""
    return settings.data_dir() / "supervisord.conf"


def read() -> str:
    """The text of the file; empty when there is none."""
    return path().read_text(encoding="utf-8") if path().exists() else ""


def replace(text: str) -> None:
    """Write the file; whoever reads it meanwhile finds the old or the new text, whole."""
    new = path().with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path())


def is_of(text: str, topology: Topology) -> bool:
    """Whether a supervisord.conf was rendered from this topology."""
    return f"; {topology_line(topology)}" in text.splitlines()


def process_sections(text: str) -> dict[str, str]:
    """What a rendered text says of each process, by the process's name, in its order."""
    return {name: body for name, body in _SECTION.findall(text) if "\ncommand = " in f"\n{body}"}


def workers(text: str) -> dict[str, list[str]]:
    """The queues of each worker process of a rendered text."""
    commands = ((name, _COMMAND.search(body)) for name, body in process_sections(text).items())
    return {name: command[1].split(",") for name, command in commands if command}


def consumed(text: str) -> set[str]:
    """The queues that the workers of a rendered text consume."""
    return {queue for queues in workers(text).values() for queue in queues}


def process_counts(text: str) -> dict[str, int]:
    """How many worker processes each program of a rendered text has."""
    names = [program_of(name) for name in workers(text)]
    return {name: names.count(name) for name in names}


def scaled(text: str) -> set[str]:
    """The programs of a rendered text that `fleet scale` has said the number of."""
    begin = f"; {SCALED}"
    lines = (line for line in text.splitlines() if line.startswith(begin))
    return {name for line in lines for name in line.removeprefix(begin).split()}


def own_settings(text: str) -> dict[str, str]:
    """What a rendered text says of supervisord itself, its environment variable by variable."""
    body = dict(_SECTION.findall(text)).get("supervisord", "")
    lines = dict(line.split(" = ", 1) for line in body.splitlines())
    return lines | dict(_VARIABLE.findall(lines.pop("environment", "")))


def is_own(pid: int) -> bool:
    """Whether the supervisord with this id was started with this file.

    Only Linux's /proc knows; elsewhere it is taken to be so.
    """
    arguments = command_line(pid)
    files = {os.path.realpath(each.removeprefix("--configuration=")) for each in arguments}
    return not arguments or os.path.realpath(path()) in files


def command_line(pid: int) -> list[str]:
    """The arguments of a process; none where that is not to be seen."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(line).rstrip("\0").split("\0")
