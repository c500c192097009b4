"""Whoever starts, changes or stops the fleet of this data folder does so alone."""

from contextlib import AbstractContextManager

from db import settings
from worker.locks import hold

_PATIENCE = 120


def hold_fleet() -> AbstractContextManager[None]:
    """Hold the fleet meanwhile. Raises LockTakenError when another `fleet` goes on holding it."""
    return hold(settings.run_dir() / "up.lock", _PATIENCE)
