"""Lengths of time as people write them: "90s", "10m", "4h", "1d"."""

import re

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"([0-9]+)([smhd])")


def seconds(text: str) -> int:
    """The seconds that `text` says. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no duration")
    return int(match[1]) * _SECONDS[match[2]]


def shown(length: int) -> str:
    """A number of seconds in the largest unit that divides it."""
    for unit, size in _SECONDS.items():
        if length and length % size == 0:
            return f"{length // size}{unit}"
    return f"{length}s"
