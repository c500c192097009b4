"""Which entity of MusicBrainz is meant, how sure that is, and why."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

_ISRC = re.compile("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")

CERTAIN = 1.0
LEAST_SCORE = 0.85
"""A match by names that is less sure is none: a wrong fact is worse than none."""
CLEARLY = 0.03
"""By how much the best match must be better than one that is something else; else it is a tie."""


class Identity(NamedTuple, Generic[T]):
    """Who or what is meant."""

    meant: T
    by: str
    """How it was found: "release id in the tags", "ISRC", "AcoustID", "search" …"""
    score: float
    fetched_at: datetime
    """When MusicBrainz answered."""
    why: Sequence[str] = ()
    """What was compared, for people."""


class Unknown(NamedTuple):
    """Why no entity could be identified."""

    reasons: Sequence[str]
    is_tie: bool = False
    """Whether several fit, so that looking further would not help."""


def isrcs(texts: Sequence[str]) -> list[str]:
    """The ISRCs among texts of tags (ISO 3901), as they stand in a URL."""
    plain = (text.replace("-", "").replace(" ", "").upper() for text in texts)
    return list(dict.fromkeys(each for each in plain if _ISRC.fullmatch(each)))
