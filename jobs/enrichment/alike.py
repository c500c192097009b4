"""How alike two names, titles or lengths are: 0 to 1.

Spellings are compared as `jobs.providers.names` normalises them, by Ratcliff and Obershelp's ratio
(difflib). What makes another record of nearly the same title, a number or "live", makes it alike by
half at most.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from jobs.providers.musicbrainz_answers import Credit, credited
from jobs.providers.names import normal, without_edition

SAME_SECONDS = 3.0
"""Rips and masterings of one recording differ by so much."""
OTHER_SECONDS = 10.0
"""From this difference on it is another recording, or a damaged file."""
_MOST_OF_OTHERS = 0.5
_NUMBER = re.compile(r"\d+|[ivx]{1,5}")
_WORDS_OF_OTHERS = """
    live remix remixes remixed mix instrumental acoustic demo demos karaoke tribute unplugged
    session sessions dub reprise version cover covers interlude intro outro part vol volume
"""
_MARKS = frozenset(_WORDS_OF_OTHERS.split())
_ARTICLE = re.compile(r"^the (?=.)")


@lru_cache(maxsize=4096)
def alike(one: str, other: str) -> float:
    """How alike two titles are."""
    first, second = normal(one), normal(other)
    if first == second:
        return 1.0
    ratio = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return ratio if _marks(first) == _marks(second) else min(ratio, _MOST_OF_OTHERS)


def titles_alike(one: str, other: str) -> float:
    """How alike two titles of albums are, whatever edition a shop calls them."""
    return max(alike(one, other), alike(without_edition(one), without_edition(other)))


def artists_alike(names: Sequence[str], credits: Sequence[Credit]) -> float:
    """How alike the artists of the tags are to those who are credited, together or one by one."""
    if not names or not credits:
        return 0.0
    whole = max(_names_alike(joined, credited(credits)) for joined in _joined(names))
    each = [max(_names_alike(name, c) for c in _called(credits)) for name in names]
    return max(whole, sum(each) / len(each))


def seconds_alike(one: float | None, other: float | None) -> float | None:
    """How alike two lengths are; None when one of them is unknown."""
    if not one or not other:
        return None
    apart = abs(one - other)
    return min(1.0, max(0.0, (OTHER_SECONDS - apart) / (OTHER_SECONDS - SAME_SECONDS)))


def _joined(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(mark.join(names) for mark in (" & ", " feat. ", ", ")))


def _called(credits: Sequence[Credit]) -> list[str]:
    return [name for each in credits for name in (each.name, each.own_name)]


def _names_alike(one: str, other: str) -> float:
    return max(alike(one, other), alike(_without_article(one), _without_article(other)))


def _without_article(name: str) -> str:
    return _ARTICLE.sub("", normal(name))


def _marks(text: str) -> frozenset[str]:
    words = text.split()
    return frozenset(word for word in words if word in _MARKS or _NUMBER.fullmatch(word))
