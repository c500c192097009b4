"""Names near to one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that offers the nearest known names, or all of them when none is near."""
    known = sorted(known)
    if near := nearest(name, known):
        return f"did you mean {near}?"
    return f"known are: {', '.join(known)}" if known else "none is known"


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known names with "or" between them; empty when none is near."""
    return " or ".join(get_close_matches(name, sorted(known), n=3, cutoff=0.6))
