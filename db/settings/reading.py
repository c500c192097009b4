"""How files are read: the names of files and folders that say what tags lack, and character sets.

    FLEET_FOLDER_NAMES    ARTIST/YEAR - ALBUM; ARTIST/ALBUM

A pattern has the words DISC, TRACK, ARTIST, ALBUM, YEAR and TITLE where such a thing stands, and
between them what a name has there. A hyphen between blanks stands for a dash too, round brackets
for square ones, and a blank after TRACK for any of the signs that people put behind a number. Of
folders a pattern with `/` names the last ones. What tags lack is taken from the first pattern that
fits a name and agrees with the tags that are there; a word that stands twice must say the same.
"""

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

from db.errors import SettingError
from db.settings import value

_FILE, _FOLDER, _CHARSETS = "FLEET_FILE_NAMES", "FLEET_FOLDER_NAMES", "FLEET_TAG_CHARSETS"
_OFF = "off"
_TEXT = r"[^/\s](?:[^/]*?[^/\s])?"
_NUMBER = (
    r"0\d{1,2}|\d{2,3}(?= ?[-\u2013\u2014_)]| ?[.:](?!\d))"
    r"|\d(?= ?[_)]| ?[.:](?!\d)| [-\u2013\u2014])"
    r"|(?P<bare>[1-3]\d(?= )|[A-D][1-9](?=[ ._)]))"
)
"""A number that a sign follows, or two digits of which the first is 0. A bare one, as in "12 Title"
and "B1 Title", may begin a title too."""
_PLAIN_NUMBER = r"\d{2}(?!\d)"
"""A number behind that of its disc."""
_WORDS = {
    "DISC": r"\d{1,2}",
    "TRACK": _NUMBER,
    "ARTIST": _TEXT,
    "ALBUM": _TEXT,
    "YEAR": r"(?:19|20)\d\d",
    "TITLE": r"[^/\s][^/]*",
}
_PART = re.compile(rf"{'|'.join(_WORDS)}| - | |[-()\[\]]|.", re.DOTALL)
_SIGNS = {
    " - ": r" [-\u2013\u2014]+ ",
    "-": "[-.]",
    **dict.fromkeys("([", r"[(\[]"),
    **dict.fromkeys(")]", r"[)\]]"),
}
_BEHIND_NUMBER = r"(?: ?[-\u2013\u2014_).:]+ ?| )"
_LONGEST = 200


class NamePattern(NamedTuple):
    """A pattern as it is compared."""

    matcher: re.Pattern[str]
    """With a group for each word, in lower case; of one that stands twice the second ends in 2."""
    depth: int
    """How many names it is of, which are compared with `/` between them."""


def file_names() -> tuple[NamePattern, ...]:
    """What names of files, without extension, say: FLEET_FILE_NAMES. Raises SettingError."""
    return _patterns(_FILE, value(_FILE))


def folder_names() -> tuple[NamePattern, ...]:
    """What names of folders say: FLEET_FOLDER_NAMES. Raises SettingError."""
    return _patterns(_FOLDER, value(_FOLDER))


def tag_charsets() -> tuple[str, ...]:
    """What texts may be written in that claim to be Latin-1, the likeliest first.

    FLEET_TAG_CHARSETS, as Python calls them. Raises SettingError.
    """
    return _charsets(value(_CHARSETS))


def check() -> None:
    """Raise SettingError when one of these settings has a fault."""
    file_names()
    folder_names()
    tag_charsets()


@lru_cache(maxsize=4)
def _patterns(setting: str, text: str) -> tuple[NamePattern, ...]:
    if text.lower() == _OFF:
        return ()
    return tuple(_pattern(setting, each.strip()) for each in text.split(";") if each.strip())


def _pattern(setting: str, text: str) -> NamePattern:
    words = [part for part in _PART.findall(text) if part in _WORDS]
    fault = ""
    if not words:
        fault = f"has no word — write one of {', '.join(_WORDS)}, or off for all patterns"
    elif any(words.count(word) > 2 for word in words):  # groups: word and word2
        fault = "has a word three times — write it once"
    elif len(text) > _LONGEST:
        fault = f"is longer than {_LONGEST} characters — write a shorter one"
    elif setting == _FILE and "/" in text:
        fault = f"is of folders — write it in {_FOLDER}"
    if fault:
        raise SettingError(f"{setting} has the pattern {text!r}, which {fault}")
    return NamePattern(re.compile("".join(_expressions(text))), text.count("/") + 1)


def _expressions(text: str) -> list[str]:
    found: list[str] = []
    seen: set[str] = set()
    last = ""
    for part in _PART.findall(text):
        if part in _WORDS:
            name = part.lower() + ("2" if part in seen else "")
            seen.add(part)
            is_plain = "DISC" in seen or name == "track2"
            text_of = _PLAIN_NUMBER if part == "TRACK" and is_plain else _WORDS[part]
            found.append(f"(?P<{name}>{text_of})")
        elif last == "TRACK" and part in {" ", " - "}:
            found.append(_BEHIND_NUMBER)
        else:
            found.append(_SIGNS.get(part, re.escape(part)))
        last = part
    return found


@lru_cache(maxsize=4)
def _charsets(text: str) -> tuple[str, ...]:
    names = [each.strip() for each in text.split(",") if each.strip()]
    return tuple(_charset(each) for each in names if each.lower() != "none")


def _charset(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        is_sound = b"a/1".decode(codec.name) == "a/1"
    except (LookupError, UnicodeError):
        is_sound = False
    if not is_sound:
        raise SettingError(
            f"{_CHARSETS} has {name!r}, which is no character set of tags — write some of cp1251, "
            "gbk, shift_jis, big5, euc_kr, cp1250, cp1253, with commas"
        )
    return codec.name
