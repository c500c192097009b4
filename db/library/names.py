"""Names as people mean them: the keys by which spellings are one, and several genres in one text.

Artists and genres are compared by these keys, and the words of vectors are made of these genres.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from db.sql.folding import fold
from db.sql.queries import indexable

_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        "\u2026": "...",
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"),
    }
)
"""Quotes, dashes and the ellipsis as a typewriter has them; what has no width is dropped."""


@lru_cache(maxsize=16_384)
def name_key(name: str) -> str:
    """What spellings of one name have in common.

    Composition, case, blanks, and which quotes, apostrophes and dashes are written do not count;
    accents and all other characters do. A name of nothing else is its own key.
    """
    plain = unicodedata.normalize("NFC", name).translate(_TYPOGRAPHY).casefold()
    return indexable(" ".join(unicodedata.normalize("NFC", plain).split()) or name)


_GUEST = r"\s*[(\[]?\b(?:feat(?:uring|\.)?|ft\.?)\s+"
_AND = r"\s+(?:&|and|with|vs\.?|x|\+)\s+"
_CREDITS = tuple(
    re.compile("|".join(each), re.IGNORECASE)
    for each in (
        (r";",),
        (r";", r"\s*/\s*"),
        (r";", _GUEST),
        (r";", _GUEST, r"\s*/\s*", _AND),
        (r";", _GUEST, r"\s*/\s*", _AND, r",\s+(?:&|and)\s+", r","),
    )
)
"""What stands between the artists of a credit, from the sure to the doubtful."""
_SURE = re.compile(
    r";\s|\s*[(\[]?\b(?:[Ff]eaturing|FEATURING|[Ff](?:ea)?t\.|F(?:EA)?T\.|f(?:ea)?t)\s+"
)
"""What separates artists also without ids; "Little Feat and Friends" is none."""


def split_credit(text: str, count: int) -> list[str]:
    """The artists of a credit, of whom there are so many by the MusicBrainz ids beside it.

    As it is where it cannot be taken apart into just these; without ids, at ";" and guests alone.
    """
    for separators in _CREDITS if count > 1 else ():
        parts = [part.strip(" ()[]") for part in separators.split(text)]
        if len(parts) == count and all(parts):
            return parts
    parts = [_without_end(part.strip()) for part in _SURE.split(text)]
    return parts if not count and all(parts) else [text]


def _without_end(name: str) -> str:
    """A name without the end of brackets that begin before it, as those of "(feat. B)" do."""
    return name[:-1].rstrip() if re.fullmatch(r"[^(]*\)|[^\[]*\]", name) else name


_ALWAYS = re.compile(r"[;|\0]|\\\\")
_PERHAPS = re.compile(r"[/,]")
_SEPARATOR = re.compile(rf"{_ALWAYS.pattern}|{_PERHAPS.pattern}")
_NUMBERED = re.compile(r"\((\d{1,3})\)\s*([^()]*)$")
_WHOLE = frozenset(
    (
        "folk, world, & country",
        "funk / soul",
        "hip-hop/rap",
        "hip hop/rap",
        "r&b/soul",
        "pop/funk",
        "brass & military",
        "stage & screen",
        "singer/songwriter",
    )
)
"""Genres of Discogs, iTunes and ID3 that have a separator in their name."""


def split_genres(text: str) -> list[str]:
    """The genres of a text, in order.

    ";", "|" and a double backslash separate; "/" and "," only where each part is a genre of the
    list of ID3 and the whole is none, for many genres have them in their name.
    """
    text = _numbered(text)
    if not _SEPARATOR.search(text):
        return [text] if text else []
    return [genre for part in _ALWAYS.split(text) for genre in _known_parts(part.strip())]


def _numbered(text: str) -> str:
    """A genre that is written as its number in ID3's list, such as (17), by its name."""
    match = _NUMBERED.match(text)
    if not match:
        return text
    from mutagen.id3 import TCON  # noqa: PLC0415  # only readers have it at hand

    number = int(match[1])
    return match[2] or (TCON.GENRES[number] if number < len(TCON.GENRES) else text)


def _known_parts(text: str) -> list[str]:
    parts = [part.strip() for part in _PERHAPS.split(text)]
    known = _known_genres()
    is_list = len(parts) > 1 and name_key(text) not in _WHOLE
    if is_list and all(part[:1].isalnum() and _letters(part) in known for part in parts):
        return parts
    return [text] if text else []


@lru_cache(maxsize=1)
def _known_genres() -> frozenset[str]:
    from mutagen.id3 import TCON  # noqa: PLC0415  # only readers have it at hand

    return frozenset(map(_letters, TCON.GENRES))


def is_genre(name: str) -> bool:
    """Whether it is a genre of ID3's list."""
    return _letters(name) in _known_genres()


def split_moods(text: str) -> list[str]:
    """The moods of a text: none has a separator in its name."""
    return [part.strip() for part in _SEPARATOR.split(text) if part.strip()]


def _letters(genre: str) -> str:
    return "".join(character for character in genre.lower() if character.isalnum())


_TOO_MANY = 3
"""An artist is known by two names that have nothing in common; more are a mistake of a tagger."""


def of_one_artist(names: Mapping[str, int]) -> set[str]:
    """Those of the names, each with how often it is used, to which files give one id rightly.

    All of them, unless three or more have nothing in common: then what is like the one that is
    used for more than half, and if there is none, nobody.
    """
    ordered = sorted(names, key=lambda each: (-names[each], each))
    different: list[str] = []
    for name in ordered:
        if len(different) < _TOO_MANY and not any(_are_similar(name, each) for each in different):
            different.append(name)
    if len(different) < _TOO_MANY:
        return set(names)
    like = {name for name in names if _are_similar(name, different[0])}
    return like if sum(names[each] for each in like) * 2 > sum(names.values()) else set()


def _are_similar(one: str, other: str) -> bool:
    """Whether two names may be an artist's: those in different scripts may.

    Else all words of the shorter one, perhaps misspelt, or its letters, are in the longer.
    """
    few, many = sorted((_words(one), _words(other)), key=len)
    if _is_latin(few) != _is_latin(many):
        return True
    initials = "".join(word[0] for word in many)
    is_whole = "".join(few) in {"".join(many), initials}
    return is_whole or all(any(_is_word(each, word) for word in many) for each in few)


@lru_cache(maxsize=1024)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in re.findall(r"\w+", fold(name) or "") if word not in _ARTICLES)


_ARTICLES = frozenset(("the", "and", "los", "las", "les", "die", "der", "das"))
_LATIN_ENDS = "\u0250"
_LONG = 5
_NEARLY = 0.8


def _is_latin(words: Sequence[str]) -> bool:
    return all(letter < _LATIN_ENDS for word in words for letter in word)


def _is_word(one: str, other: str) -> bool:
    """Whether two words are the same; long ones may differ by a letter or two."""
    if one == other or min(len(one), len(other)) < _LONG:
        return one == other
    return SequenceMatcher(None, one, other).ratio() >= _NEARLY


class Named(NamedTuple):
    """An artist as a file names one."""

    name: str
    musicbrainz_id: str | None = None

    @property
    def key(self) -> str:
        """What spellings of the name have in common."""
        return name_key(self.name)


_OF_NOBODY = {
    "00000000-0000-0000-0000-000000000000": frozenset[str](),
    "89ad4ac3-39f7-470e-963a-56509c546377": frozenset(
        ("various artists", "various", "va", "v.a.", "v. a.", "varios artistas", "verschiedene")
    ),
    "125ec42a-7229-4250-afc5-e057484327fe": frozenset(("[unknown]", "unknown artist", "unknown")),
    "eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61": frozenset(("[no artist]", "no artist")),
}
"""Ids that stand for many artists, and the names that they may belong to, by `name_key`.

Source: https://musicbrainz.org/doc/Style/Unknown_and_untitled/Special_purpose_artist.
"""


def named(names: Sequence[str], ids: Sequence[str]) -> list[Named]:
    """The artists that a file lists, by their names and MusicBrainz ids.

    An id belongs to a name only when there are as many of them. One that stands at two names
    belongs to neither: whoever wrote it gave all the same. That of Various Artists, which some
    taggers write on every track of a compilation, belongs to nobody else.
    """
    if len(ids) != len(names):
        return [Named(name) for name in names]
    names_of: dict[str, set[str]] = defaultdict(set)
    for name, each in zip(names, ids, strict=True):
        names_of[each].add(name_key(name))
    return [
        Named(name, each if len(names_of[each]) == 1 and _may_have(name, each) else None)
        for name, each in zip(names, ids, strict=True)
    ]


def _may_have(name: str, musicbrainz_id: str) -> bool:
    return musicbrainz_id not in _OF_NOBODY or name_key(name) in _OF_NOBODY[musicbrainz_id]
