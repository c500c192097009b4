"""What the kernel says of memory: how many processes it killed for want of it, and the limit.

And how a process gives memory back.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from db import settings

OUT_OF_MEMORY = "memory"
"""What ended a process that the kernel killed for that, or that had used up what it may have."""
_ROOT = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")


def kernel_kills(pid: int | str = "self") -> int:
    """A number that grows whenever the kernel kills a process for want of memory.

    In the control group of a process, and on the whole machine: some count only there.
    """
    files = [folder / name for folder in _groups(pid) for name in _COUNTS]
    return sum(_number(file, "oom_kill") for file in [*files, _MACHINE])


def note_kernel_kills() -> None:
    """Keep how many there were before the fleet, which is about to start. Raises OSError."""
    _before().write_text(f"{kernel_kills()}\n")


def kernel_kills_since_start(pid: int | str) -> int:
    """How often the kernel killed since the fleet was started, as `kernel_kills` counts."""
    try:
        before = int(_before().read_text())
    except (OSError, ValueError):  # supervisord was started without `fleet up`
        before = 0
    return max(0, kernel_kills(pid) - before)


def _before() -> Path:
    return settings.run_dir() / "kernel-kills"


def memory_limit(pid: int | str = "self") -> int | None:
    """The bytes that the control group of a process may use; None where it has no limit."""
    found = []
    for folder in _groups(pid):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # "max"
                found.append(int((folder / name).read_text()))
    return min((limit for limit in found if limit < _NO_LIMIT), default=None)


_COUNTS = ("memory.events", "memory.oom_control")
"""Of version 2 of control groups, and of version 1."""
_NO_LIMIT = 2**60


def _groups(pid: int | str) -> Iterator[Path]:
    """Where the group of a process may be: within a container its path is that of the host."""
    try:
        rows = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return
    for row in rows:
        _, controllers, path = row.split(":", 2)
        if controllers in {"", "memory"}:
            top = _ROOT / controllers
            yield top / path.lstrip("/")
            yield top


def _number(file: Path, name: str) -> int:
    """The number after a name in a file of such lines; 0 where there is none."""
    try:
        pairs = (line.partition(" ") for line in file.read_text().splitlines())
        return next((int(number) for key, _, number in pairs if key == name), 0)
    except (OSError, ValueError):
        return 0


def give_back_memory() -> None:
    """Return to the system what is free inside this process, such as after imports or jobs.

    Only glibc can; elsewhere it stays with the process.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
