"""What the doctor tells: a finding with its severity and remedy, and how it can be mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

_NAMED = 3
_UNITS = {"days": 86_400, "h": 3_600, "min": 60}


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """Nothing is broken, but a person should check it."""
    ERROR = "error"
    """Work does not get done, or is in danger of being lost."""


class Fix(NamedTuple):
    """What `fleet doctor --fix` would do about a finding. Only what is safe at any time is one."""

    says: str
    apply: Callable[[], str]
    """Does it, and returns what was done. Raises one of `worker.doctor.faults.FAULTS`."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    """The subject: queues, redis, schema …"""
    severity: Severity
    says: str
    remedy: str = ""
    """What to do; empty when all is well."""
    count: int | None = None
    """How many jobs, rows or files it is about."""
    age: float | None = None
    """For how many seconds the oldest of them has been so."""
    fix: Fix | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines: everything but the function that mends it."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "says": self.says,
            "remedy": self.remedy,
            "count": self.count,
            "age": None if self.age is None else round(self.age),
            "fixable": self.fix is not None,
        }


def counted(count: int, noun: str) -> str:
    """The number and its noun: "1 job", "12,000 jobs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def some(names: Sequence[str], count: int | None = None) -> str:
    """The first few of `count` names (default: of all that are given)."""
    more = (len(names) if count is None else count) - len(names[:_NAMED])
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more else "")


def time_span(seconds: float) -> str:
    """A length of time as one looks at it: "45 s", "12 min", "3 h", "2 days"."""
    for unit, size in _UNITS.items():
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
