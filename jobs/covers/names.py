"""What the names of picture files say: which entry of an order they are, and their number."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from db.cover_orders import EXTENSIONS, NEVER_FRONT

UNNUMBERED = -1
_NUMBER = re.compile(r"[\s._-]*\(?(\d{1,3})\)?")
_WORD = re.compile(r"[^\W\d_]+")
_EXTENSION = "|".join(EXTENSIONS)


class CoverName(NamedTuple):
    """What the name of a picture file says; names that come first are the better covers."""

    rank: int
    """The place in the order of the entry that it is."""
    number: int
    """The number in it; UNNUMBERED, which is before all others, for a name without."""
    extension: int
    name: str


def folded(name: str) -> str:
    """A name as names are compared: without regard to case and composition."""
    return unicodedata.normalize("NFC", name).casefold()


def plain(name: str) -> str:
    """Just the letters and digits of a name; the name itself when it has none.

    File names cannot hold all that a title can: "AC/DC" is "AC_DC.jpg".
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in text if character.isalnum()) or text


def cover_name(name: str, order: Sequence[str]) -> CoverName | None:
    """Which entry of the order a file name is, the best one; None when it is none.

    A word that says that it is no front, such as "back", is not allowed where `*` stands.
    """
    text = folded(name)
    for rank, entry in enumerate(order):
        match = _matcher(entry)
        if match and (found := match.pattern.fullmatch(text)):
            number = _number(found["rest"], numbered_only=not match.is_wild)
            if number is not None:
                return CoverName(rank, number, EXTENSIONS.index(found["extension"]), name)
    return None


def picture_stem(name: str) -> str | None:
    """The name of a picture file without its extension; None for other files."""
    stem, _, extension = name.rpartition(".")
    return stem if stem and extension.lower() in EXTENSIONS else None


class _Matcher(NamedTuple):
    pattern: re.Pattern[str]
    """With the groups `rest`, what follows the part of the name that is fixed, and `extension`."""
    is_wild: bool


@cache
def _matcher(entry: str) -> _Matcher | None:
    """How the file names of an entry are told; None for an entry that is a word."""
    stem, dot, extension = entry.rpartition(".")
    if not dot:
        return None
    fixed = re.match(r"[^*?]*", stem)
    begin = fixed[0] if fixed else ""
    wild = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in stem[len(begin) :])
    ending = _EXTENSION if extension == "*" else re.escape(extension)
    pattern = rf"{re.escape(begin)}(?P<rest>{wild or '.*'})\.(?P<extension>{ending})"
    return _Matcher(re.compile(pattern, re.DOTALL), bool(wild))


def _number(rest: str, *, numbered_only: bool) -> int | None:
    """The number in the rest of a name; None when the rest says that it is another picture."""
    if not rest:
        return UNNUMBERED
    if numbered_only:
        number = _NUMBER.fullmatch(rest)
        return int(number[1]) if number else None
    if NEVER_FRONT.intersection(_WORD.findall(rest)):
        return None
    digits = re.search(r"\d{1,9}", rest)
    return int(digits[0]) if digits else UNNUMBERED
