"""The doctor: finds faults of the fleet and its surroundings, and repairs what is safe to repair.

Each module of checks ends with its table of them, and `worker.doctor.examination` runs them all.
"""

import http.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import peewee
import redis

from db.errors import DatabaseError, SettingError
from worker.errors import WorkerError


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
    """Does it, and returns what was done. Raises one of `worker.doctor.FAULTS`."""


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
    notice: str = ""
    """What the owner is notified of: a `db.maintenance.notices.Event.about`; empty: nothing."""

    def as_json(self) -> dict[str, Any]:
        """For machines: everything but the function of the fix."""
        return {
            "check": self.check,
            "severity": self.severity.value,
            "says": self.says,
            "remedy": self.remedy,
            "count": self.count,
            "age": None if self.age is None else round(self.age),
            "fixable": self.fix is not None,
        }


class Check(NamedTuple):
    """A check, as the table of its module lists it."""

    subject: str
    """What is reported when the check itself fails."""
    run: Callable[[], Finding | Iterable[Finding]]
    is_required: bool = False
    """Whether the checks after it say nothing once this one has found an error."""
    is_slow: bool = False


FAULTS = (
    WorkerError,
    DatabaseError,
    peewee.PeeweeException,
    redis.RedisError,
    OSError,
    http.client.HTTPException,
)
"""Faults of what is examined. Any other error is one of musicfleet's own."""


def fact_and_remedy(error: Exception) -> tuple[str, str]:
    """What an error says, and what to do about it: "" when it names no remedy."""
    if isinstance(error, WorkerError | DatabaseError | SettingError):
        fact, _, remedy = str(error).partition(" — ")
        return fact, remedy
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{error.filename}: "
        return f"{file}{error.strerror}", ""
    return (str(error).strip().splitlines() or [type(error).__name__])[0], ""
