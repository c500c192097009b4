"""Phrases for people: suggestions for a wrong name, counted nouns, lengths of time, grades."""

from collections.abc import Iterable, Sequence

from db.errors import counted

__all__ = ["counted", "did_you_mean", "graded", "nearest", "some", "time_span"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that offers the nearest known names, or all of them when none is near."""
    known = sorted(known)
    if near := nearest(name, known):
        return f"did you mean {near}?"
    return f"known are: {', '.join(known)}" if known else "none is known"


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known names with "or" between them; empty when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # few names are wrong

    return " or ".join(get_close_matches(name, sorted(known), n=3, cutoff=0.6))


def some(names: Sequence[str], count: int | None = None) -> str:
    """The first few of `count` names (default: of all that are given)."""
    more = (len(names) if count is None else count) - len(names[:_NAMED])
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more else "")


def time_span(seconds: float) -> str:
    """A length of time for people: "45 s", "12 min", "3 h", "2 days"."""
    for unit, size in _UNITS.items():
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


_NAMED = 3


_UNITS = {"days": 86_400, "h": 3_600, "min": 60}


_GRADES = {
    "similarity": (
        (0.85, "almost the same"),
        (0.6, "very similar"),
        (0.4, "similar"),
        (0.2, "somewhat similar"),
        (-1.0, "hardly similar"),
    ),
    "certainty": ((0.75, "sure"), (0.5, "fairly sure"), (0.25, "unsure"), (-1.0, "a guess")),
    "level": (
        (0.8, "very high"),
        (0.6, "high"),
        (0.4, "medium"),
        (0.2, "low"),
        (-1.0, "very low"),
    ),
}
"""From which number on each grade holds."""


def graded(number: float, what: str) -> str:
    """A number from 0 to 1 in words: a `similarity` (from -1 on), a `certainty` or a `level`."""
    return next(words for least, words in _GRADES[what] if number >= least - 1e-6)
