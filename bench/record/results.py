"""What a bench measured, kept in `bench/results/` with the machine that it was measured on.

A file a bench, `NAME.json`; a new run takes the place of the one before. The page of benchmarks is
rendered from them by `docs/render.py`: a table, and a plot of one of its columns.
"""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "results"
Cell = str | float | int | None
BUSY = 0.5
"""A load of the machine before the bench, by core, from which its walls are not to be relied on."""


@dataclass(frozen=True)
class Table:
    """Figures: the first cell of a row is its name, the others are of the columns."""

    columns: Sequence[str]
    """Each with its unit, such as "wall s"."""
    rows: Sequence[Sequence[Cell]]
    plotted: str
    """The column that is drawn."""


@dataclass(frozen=True)
class Machine:
    """What the figures hold for."""

    processor: str
    cores: int
    memory: float
    """GiB."""
    system: str
    python: str


def this_machine() -> Machine:
    """This machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        _processor(), os.cpu_count() or 1, round(memory, 1), _system(), platform.python_version()
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


@dataclass(frozen=True)
class Result:
    """What a bench measured, when, where and by which command."""

    bench: str
    command: str
    what: str
    """A sentence: what was measured, and on what."""
    table: Table
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of whatever took part."""
    load: float = 0.0
    """Of the machine by core, before the bench began."""
    machine: Machine = field(default_factory=this_machine)
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")

    @property
    def is_busy(self) -> bool:
        """Whether something else ran on the machine."""
        return self.load > BUSY


def load() -> float:
    """The load of the machine in the last minute, by core; ask before anything is measured."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Keep a result; the file that has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.bench}.json"
    text = json.dumps(asdict(result), ensure_ascii=False, indent=1)
    file.write_text(f"{text}\n", encoding="utf-8")
    return file


def read(file: Path) -> Result:
    """The result that a file holds."""
    found = json.loads(file.read_text(encoding="utf-8"))
    table, on = Table(**found.pop("table")), Machine(**found.pop("machine"))
    return Result(**found, table=table, machine=on)
