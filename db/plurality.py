"""What most of several sources say, whatever order they come in."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def plurality(values: Iterable[T | None]) -> T | None:
    """The most frequent value that is not empty, the smallest among equals; None of none."""
    counts = Counter(value for value in values if value)
    if not counts:
        return None
    best = max(counts.values())
    return min((value for value, count in counts.items() if count == best), key=repr)
