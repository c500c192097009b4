"""Text of tags, made fit for the database, and the numbers and dates written in it."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

VARIOUS_ARTISTS = frozenset(("various artists", "various", "va", "v.a.", "v. a."))
"""Names, in lower case, that stand for many artists."""

MAX_CHARACTERS = 10_000
"""A longer value is cut to this."""
MAX_VALUES = 200
"""Further values of a field are left out."""
MAX_FIELD_CHARACTERS = 20_000
"""Of all values of a field together; the values from the first that exceeds it are left out."""
MAX_LYRICS = 30_000
"""Characters of the lyrics of a track that are kept."""
MAX_NAME_CHARACTERS = 500
"""A longer name is cut to this: names have an index, whose entries PostgreSQL limits."""

_MAX_NUMBER = 2**31 - 1
_TIMED = re.compile(r"^\[\d{1,3}:\d\d(?:[.:]\d{1,3})?\]", re.MULTILINE)
"""How a line of an LRC file begins: https://en.wikipedia.org/wiki/LRC_(file_format)."""
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
_YEAR_LAST = re.compile(
    r"(?<!\d)(?:(?P<first>\d{1,2})(?P<sign>[-/.]) ?)?(?P<second>\d{1,2})[-/.] ?"
    r"(?P<year>[12]\d{3})(?!\d)"
)
_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
_MONTHS, _DAYS = 12, 31
_MOST_DIGITS = 10

_DISC = r"(?:cd|dis[ck]|disque|dvd)[ ._-]*(?P<disc>\d{1,2})"
_ON_DISC = re.compile(
    rf"(?:{_DISC}[ ,.:_-]+(?:track[ ._-]*|t)?|(?P<plain>\d{{1,2}})[.-])(?P<number>\d{{1,3}})"
    r"(?: ?/ ?(?P<total>\d{1,10}))?",
    re.IGNORECASE,
)
_ON_SIDE = re.compile(
    r"(?P<side>[A-Z]|AA)[ .-]?(?P<number>\d{1,3})(?: ?/ ?(?P<total>\d{1,10}))?", re.IGNORECASE
)
_SIDE = re.compile(r"[A-H]|AA", re.IGNORECASE)
_DOUBLE_SIDE = "AA"


def cleaned(text: str) -> str:
    """The text without outer blanks, NULs and lone surrogates, at most MAX_CHARACTERS long."""
    if len(text) <= MAX_CHARACTERS and text.isascii() and "\0" not in text:  # as most is
        return text.strip()
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


def lyrics(text: str) -> tuple[str, bool]:
    """Lyrics fit for the database, and whether their lines have times.

    They are cut at the end of a line to MAX_LYRICS characters.
    """
    text = _SURROGATE.sub("\ufffd", text[: 2 * MAX_LYRICS].strip(_OUTER).replace("\0", ""))
    lines = "\n".join(text.splitlines()).strip("\n")
    if len(lines) > MAX_LYRICS:
        lines = lines[:MAX_LYRICS].rpartition("\n")[0] or lines[:MAX_LYRICS]
    return lines.rstrip(), _TIMED.search(lines) is not None


_TIME = re.compile(r"([\[<])(\d{1,3}):(\d\d(?:[.:]\d{1,3})?)([\]>])")
_OFFSET = re.compile(r"^\[offset: ?([+-]?\d{1,7})\]", re.MULTILINE | re.IGNORECASE)


def lyrics_between(text: str, begin: float, end: float) -> str:
    """The lines of synced lyrics between two moments, in seconds, with times from the first on."""
    offset = _OFFSET.search(text)
    shift = begin + (int(offset[1]) / 1000 if offset else 0.0)
    found = []
    for line in text.splitlines():
        marks, start = [], 0
        while (mark := _TIME.match(line, start)) and mark[1] == "[":
            marks.append(_seconds(mark) - shift)
            start = mark.end()
        words = _TIME.sub(lambda mark: _marked(mark, _seconds(mark) - shift), line[start:])
        found += [f"[{_clock(at)}]{words}" for at in marks if 0 <= at < end - begin]
    return "\n".join(found)


def _seconds(mark: re.Match[str]) -> float:
    return 60 * int(mark[2]) + float(mark[3].replace(":", "."))


def _marked(mark: re.Match[str], at: float) -> str:
    return f"{mark[1]}{_clock(max(0.0, at))}{mark[4]}"


def _clock(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02}:{hundredths % 6000 / 100:05.2f}"


def names(values: Iterable[str]) -> list[str]:
    """As `several`, each value at most MAX_NAME_CHARACTERS long."""
    return [value[:MAX_NAME_CHARACTERS].rstrip() for value in several(values)]


def first(values: Iterable[str]) -> str | None:
    """The first value that says something, cleaned."""
    return next(filter(None, map(cleaned, values)), None)


class Position(NamedTuple):
    """Where a track stands."""

    number: int | None = None
    total: int | None = None
    disc: int | None = None
    """The disc, or the side of a record, that the text of its number names."""
    is_side: bool = False


def position(values: Iterable[str]) -> Position:
    """The position that the first value names that says something.

    "3/11" is the third of eleven, "03" the third, "0" none. "1.05", "1-05" and "CD1 05" name the
    disc; "A1" and "B2" the side of a record, as the side "AA" of a single, which is its second.
    """
    text = first(values) or ""
    if text.isdecimal():
        return Position(_positive(text) if len(text) <= _MOST_DIGITS else None)
    if found := _on_disc_or_side(text):
        return found
    if match := _PAIR.match(text):
        return Position(_positive(match[1]), _positive(match[2]))
    match = _TOTAL.match(text)
    return Position(None, _positive(match[1]) if match else None)


def _on_disc_or_side(text: str) -> Position | None:
    if (match := _ON_DISC.fullmatch(text)) and (number := _positive(match["number"])):
        disc = match["disc"] or match["plain"]
        return Position(number, _positive(match["total"]), _positive(disc))
    if match := _ON_SIDE.fullmatch(text):
        total = _positive(match["total"])
        return Position(_positive(match["number"]), total, _side(match["side"]), is_side=True)
    return Position(1, None, _side(text), is_side=True) if _SIDE.fullmatch(text) else None


def _side(letters: str) -> int:
    return 2 if letters.upper() == _DOUBLE_SIDE else ord(letters.upper()) - ord("A") + 1


def disc_of(written: int | None, found: Position) -> int | None:
    """The disc of a track by its tag and by the text of its number.

    Where the sides of a record are numbered A to D each is a disc here, also when the tag counts
    the records, for every side begins with its number 1 again.
    """
    if written is None or found.disc is None:
        return written or found.disc
    both_sides = (2 * written - 1, 2 * written)
    is_finer = found.is_side and (written == 1 or found.disc in both_sides)
    return found.disc if is_finer else written


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
    """The first date among the values: YYYY, YYYY-MM or YYYY-MM-DD, as far as it is certain.

    "2004-00-00" and "c. 2004" are "2004", "2004-10-19T12:00:00Z", "20041019" and "19.10.2004" are
    "2004-10-19"; of "03/04/2004", where day and month may be either, only the year is certain. What
    names no year is no date, and neither is "20041" or the year 0000.
    """
    return next(filter(None, map(_date, values)), None)


def _date(value: str) -> str | None:
    text = cleaned(value)
    if match := _DATE.match(text):
        year, _, month, day = match.groups()
        if year == "0000":
            return None
        return "-".join([year, *(part.zfill(2) for part in (month, day) if part)])
    if match := _YEAR_LAST.search(text):
        return "-".join([match["year"], *_month_and_day(match)])
    year_alone = _YEAR.search(text)
    return year_alone[0] if year_alone else None


def _month_and_day(match: re.Match[str]) -> list[str]:
    """What is certain of the numbers before a year: none, the month, or month and day."""
    second = int(match["second"])
    if match["first"] is None:
        return [f"{second:02}"] if 0 < second <= _MONTHS else []
    first_number = int(match["first"])
    day_first = match["sign"] == "." or first_number > _MONTHS
    day, month = (first_number, second) if day_first else (second, first_number)
    is_certain = day_first or day > _MONTHS or day == month
    if is_certain and 0 < month <= _MONTHS and 0 < day <= _DAYS:
        return [f"{month:02}", f"{day:02}"]
    return []


def flag(values: Iterable[str]) -> bool:
    """Whether a value says yes."""
    return any(cleaned(value).lower() in ("1", "true", "yes", "y") for value in values)


class Guessed(str):
    """A text whose character set was guessed. Who cuts it makes the parts `Guessed` again."""

    __slots__ = ()


_CP1252 = re.compile("[\x80-\x9f]")
"""Control characters in Latin-1, and letters and signs where people mean Windows-1252 by it."""
_FEW = 4
"""Of so many characters one may be such a sign."""
_WORD = re.compile(r"[^\W\d_]+")
_WRITTEN_TOGETHER = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}
_ONE_SCRIPT = 2
"""So many letters, all of them of another script than Latin, say that a character set fits."""


def recoded(texts: Sequence[str], charsets: Sequence[str]) -> list[str]:
    """Texts that were read as Latin-1, which their tag claims, as they were likely meant.

    UTF-8 where a text is that, for hardly another one is by chance; else `in_charset`; else
    Windows-1252, which differs from Latin-1 where that has nothing to show, for some quotation
    marks and dashes. What was changed is `Guessed`.
    """
    found = [_from(text, "utf-8") or text for text in texts]
    return [
        text if isinstance(text, Guessed) else _with_signs(text)
        for text in in_charset(found, charsets)
    ]


def in_charset(texts: Sequence[str], charsets: Sequence[str]) -> list[str]:
    """Texts that were read as Latin-1 in the first of these character sets that fits them.

    All of them together are words of one script in it, for a wrong one mixes scripts within words
    ("Bjцrk"). What is `Guessed` stays.
    """
    others = [text for text in texts if not (isinstance(text, Guessed) or text.isascii())]
    for charset in charsets:
        meant = [_from(text, charset) for text in others]
        if all(meant) and _is_plausible(" ".join(filter(None, meant))):
            return [
                text if isinstance(text, Guessed) else _from(text, charset) or text
                for text in texts
            ]
    return list(texts)


def _with_signs(text: str) -> str:
    signs = len(_CP1252.findall(text))
    return (_from(text, "cp1252") or text) if 0 < signs * _FEW <= len(text) else text


def decoded(data: bytes, charsets: Sequence[str]) -> str:
    """Text of which nothing says how it is written: UTF-16 by its mark, UTF-8, or as `recoded`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return recoded([data.decode("latin-1")], charsets)[0]


def _from(text: str, charset: str) -> Guessed | None:
    """A text that was read as Latin-1 in another character set; None where it is none of that."""
    if text.isascii():
        return None
    try:
        return Guessed(text.encode("latin-1").decode(charset))
    except UnicodeError:
        return None


def _is_plausible(text: str) -> bool:
    """Whether words are of another script than Latin, as it is written.

    No word has letters of two scripts, a capital behind a small letter, or kana of half width. One
    letter alone may be an accented one of Latin-1.
    """
    is_foreign = False
    for letters in _WORD.findall(text):
        scripts = [unicodedata.name(each, "").partition(" ")[0] for each in letters]
        if set(scripts) <= {"LATIN"}:
            continue
        turns = (one.islower() and two.isupper() for one, two in pairwise(letters))
        if not _WRITTEN_TOGETHER.isdisjoint(scripts):
            scripts = [each for each in scripts if each not in _WRITTEN_TOGETHER]
            scripts.append("CJK")
        if len(set(scripts)) > 1 or "HALFWIDTH" in scripts or any(turns):
            return False
        is_foreign = is_foreign or len(letters) >= _ONE_SCRIPT
    return is_foreign


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A tag's name without case, blanks and punctuation.

    "MusicBrainz Album Id" and "MUSICBRAINZ_ALBUMID" are one name.
    """
    return "".join(c for c in name.lower() if c.isalnum())


def _positive(digits: str | None) -> int | None:
    value = int(digits) if digits else 0
    return value if 0 < value <= _MAX_NUMBER else None
