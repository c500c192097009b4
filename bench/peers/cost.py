"""What processes cost: CPU seconds, memory and bytes written, of one command or a whole tree."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    """What a command took to its end."""

    wall: float
    cpu: float
    """Seconds of it and of all its children that it waited for."""
    code: int
    output: str


class Usage(NamedTuple):
    """What a process has used so far, and the memory that it has now."""

    command: str
    cpu: float
    """Seconds, those of its ended children included."""
    pss: float
    """MiB, what it shares with others counted in parts."""
    rss: float
    """MiB."""
    written: int
    """Bytes that went to disks."""


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    quiet: bool = False,
) -> Run:
    """Run a command to its end. What it prints on stdout is kept, stderr is the bench's own.

    With `quiet` what it prints on stderr goes nowhere.
    """
    before, begun = _children(), time.perf_counter()
    ended = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        text=True,
        env=environment,
        check=False,
    )
    wall = time.perf_counter() - begun
    return Run(wall, _children() - before, ended.returncode, ended.stdout)


def tree(top: int) -> list[int]:
    """The ids of a process and of all below it."""
    parents = {pid: int(fields[1]) for pid, fields in _stats()}
    below, grown = {top}, {top}
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in grown} - below
        below |= grown
    return sorted(below & parents.keys())


def tree_cpu(top: int) -> float:
    """CPU seconds of a process and all below it, the ended ones that were waited for included."""
    pids = set(tree(top))
    return sum(_cpu(fields) for pid, fields in _stats() if pid in pids)


def tree_pss(top: int) -> float:
    """MiB that a process and all below it have."""
    return sum(each.pss for each in usages(top).values())


def usages(top: int) -> dict[int, Usage]:
    """What a process and all below it use, by their ids; of those that are still there."""
    found = {}
    for pid in tree(top):
        try:
            found[pid] = _usage(pid)
        except OSError:  # it has ended
            continue
    return found


def _usage(pid: int) -> Usage:
    folder = Path(f"/proc/{pid}")
    rows = (folder / "smaps_rollup").read_text().splitlines()[1:]
    memory = {name: int(text.split()[0]) for name, _, text in (row.partition(":") for row in rows)}
    io = dict(row.split(": ") for row in (folder / "io").read_text().splitlines())
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    cpu = _cpu(_fields((folder / "stat").read_text()))
    pss, rss = memory["Pss"] / 1024, memory["Rss"] / 1024
    return Usage(command.strip(), cpu, pss, rss, int(io["write_bytes"]))


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Each process of the machine with the fields of proc_pid_stat(5) from the third on."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(file.parent.name), _fields(file.read_text())
        except OSError:  # it has ended
            continue


def _fields(stat: str) -> list[str]:
    return stat.rpartition(")")[2].split()


def _cpu(fields: Sequence[str]) -> float:
    """utime, stime, cutime and cstime."""
    return sum(map(int, fields[11:15])) / _TICKS


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
