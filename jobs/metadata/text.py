"""Text of tags, made fit for the database, and the numbers and dates written in it."""

import math
import re
from collections.abc import Iterable
from functools import lru_cache

MAX_CHARACTERS = 10_000
"""A longer value is cut to this."""
MAX_VALUES = 200
"""Further values of a field are left out."""
MAX_FIELD_CHARACTERS = 20_000
"""Of all values of a field together; the values from the first that exceeds it are left out."""
MAX_NAME_CHARACTERS = 500
"""A longer name is cut to this: names have an index, whose entries PostgreSQL limits."""

_MAX_NUMBER = 2**31 - 1
_OUTER = "\0\ufeff\ufffe"
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile(r"\s*(\d{1,10})(?:\.0*)?\s*(?:(?:/|of\b)\s*(\d{1,10}))?", re.IGNORECASE)
_TOTAL = re.compile(r"\s*/\s*(\d{1,10})")
_NUMBER = re.compile(
    r"\s*([-+\u2212]?)\s*(\d{1,20}(?:[.,]\d{0,20})?|[.,]\d{1,20})(?:e([-+]?\d{1,3}))?"
)
_DATE = re.compile(
    r"(\d{4})(?:([-/.:]?)(0[1-9]|1[0-2]|(?<=[-/.:])[1-9])(?:\2(0[1-9]|[12]\d|3[01]|(?<=[-/.:])[1-9]))?)?"
    r"(?![\d])"
)


def cleaned(text: str) -> str:
    """The text without outer blanks, NULs and lone surrogates, at most MAX_CHARACTERS long."""
    text = text[: 2 * MAX_CHARACTERS].strip(_OUTER).strip()
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text[:MAX_CHARACTERS].rstrip()


def several(values: Iterable[str]) -> list[str]:
    """The values that say something, cleaned, in order, within the bounds above."""
    kept: list[str] = []
    length = 0
    for value in values:
        text = cleaned(value)
        length += len(text)
        if length > MAX_FIELD_CHARACTERS or len(kept) == MAX_VALUES:
            break
        if text:
            kept.append(text)
    return kept


def names(values: Iterable[str]) -> list[str]:
    """As `several`, each value at most MAX_NAME_CHARACTERS long."""
    return [value[:MAX_NAME_CHARACTERS].rstrip() for value in several(values)]


def first(values: Iterable[str]) -> str | None:
    """The first value that says something, cleaned."""
    return next(filter(None, map(cleaned, values)), None)


def number_and_total(values: Iterable[str]) -> tuple[int | None, int | None]:
    """A position and its total, of the first value that says something.

    "3/11" is (3, 11), "03" is (3, None); "0" and "A1" are none.
    """
    text = first(values) or ""
    if match := _PAIR.match(text):
        return _positive(match[1]), _positive(match[2])
    if match := _TOTAL.match(text):
        return None, _positive(match[1])
    return None, None


def number(text: str) -> float | None:
    """The finite number at the start of the text: "-7.23 dB" is -7.23."""
    match = _NUMBER.match(text.lower())
    if not match:
        return None
    sign, digits, exponent = match.groups()
    value = float(f"{digits.replace(',', '.')}e{exponent or 0}")
    if not math.isfinite(value):
        return None
    return value if sign in ("", "+") else -value


def date(values: Iterable[str]) -> str | None:
    """The first value that is one: YYYY, YYYY-MM or YYYY-MM-DD; other text as it is.

    "2004-00-00" and "2004" are "2004", "2004-10-19T12:00:00Z" and "20041019" are "2004-10-19";
    the year 0000 is no date.
    """
    return next(filter(None, map(_date, values)), None)


def _date(value: str) -> str | None:
    text = cleaned(value)
    match = _DATE.match(text)
    if not match:
        return text or None
    year, _, month, day = match.groups()
    if year == "0000":
        return None
    return "-".join([year, *(part.zfill(2) for part in (month, day) if part)])


def flag(values: Iterable[str]) -> bool:
    """Whether a value says yes."""
    return any(cleaned(value).lower() in ("1", "true", "yes", "y") for value in values)


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A tag's name without case, blanks and punctuation.

    "MusicBrainz Album Id" and "MUSICBRAINZ_ALBUMID" are one name.
    """
    return "".join(c for c in name.lower() if c.isalnum())


def _positive(digits: str | None) -> int | None:
    value = int(digits) if digits else 0
    return value if 0 < value <= _MAX_NUMBER else None
