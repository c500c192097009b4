"""Names near to one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that offers the nearest known names, or all of them when none is near."""
    known = sorted(known)
    matches = get_close_matches(name, known, n=3, cutoff=0.6)
    if matches:
        return f"did you mean {' or '.join(matches)}?"
    return f"known are: {', '.join(known)}" if known else "none is known"
