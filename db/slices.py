"""Long lists in parts that one SQL statement takes: SQLite allows 32,766 values in one."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
ROWS = 400


def slices(items: Sequence[T], size: int = ROWS) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
