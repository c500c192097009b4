"""How what tags say becomes words, such as `genre:jazz`, `mood:calm`, `decade:1970`."""

import re
import unicodedata
from collections.abc import Iterator

OF_LEVEL = frozenset(("loud", "quiet", "silent", "dynamic"))
"""Synthetic tags that tell how loud a copy is, and not what music it is: no words."""
_YEAR = re.compile(r"(1[89]\d|20\d)\d")
_BETWEEN = re.compile(r"[;/,|]+")


def said(of: str, text: str) -> Iterator[str]:
    """The words of a genre or mood tag, however it is spelt.

    Width, case and spaces do not count; some write several in one.
    """
    for part in _BETWEEN.split(unicodedata.normalize("NFKC", text).casefold()):
        if name := " ".join(part.split()):
            yield f"{of}:{name}"


def decade(date: str | None) -> Iterator[str]:
    """The decade of a date, if it names a year."""
    if year := _YEAR.search(date or ""):
        yield f"decade:{year[1]}0"


def sound(tag: str) -> Iterator[str]:
    """The word of a synthetic tag, unless it is of loudness."""
    if tag not in OF_LEVEL:
        yield f"sound:{tag}"
