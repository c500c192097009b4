"""What may go wrong while something is examined or mended, and how it is told."""

import http.client

import peewee
import redis

from db.errors import DatabaseError, SettingError
from worker.errors import WorkerError

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
    """What an error says, and what to do about it: "" when it does not tell."""
    if isinstance(error, WorkerError | DatabaseError | SettingError):
        fact, _, remedy = str(error).partition(" — ")
        return fact, remedy
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{error.filename}: "
        return f"{file}{error.strerror}", ""
    return (str(error).strip().splitlines() or [type(error).__name__])[0], ""
