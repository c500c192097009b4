"""A slot is held by one process at a time, so that a successor knows its predecessor is dead."""

from collections.abc import Iterator
from contextlib import contextmanager

from db import settings
from worker.locks import hold
from worker.slots import Slot

_PATIENCE = 5.0  # a killed predecessor may take a moment to be gone


@contextmanager
def hold_slot(program: str, number: int) -> Iterator[None]:
    """Hold the lock of a slot. Raises LockTakenError when a living process keeps it."""
    folder = settings.run_dir() / "slots"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold(folder / f"{Slot(program, number).process_name}.lock", _PATIENCE):
        yield
