"""Waiting for what other processes do: long enough for a machine that is busy or slow."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds after which what did not come will not come. Speed is measured in bench/, not here."""


def until(look: Callable[[], T | None], what: str = "it", every: float = 0.02) -> T:
    """Ask again and again; the first answer that is true.

    Raises
    ------
    AssertionError
        There was none within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(every)
    return found
