"""As much of Lucene's query language as is needed to answer a search, over a few thousand records.

    field:"words in this order"    field:(some~ words~)    field:value    AND    OR    ( )

A phrase matches where its words stand in this order; of words in brackets any one does, and `~`
stands for up to two edits (Damerau and Levenshtein). A record's score is the mean of its terms':
1 for a phrase, the share of the words that match for words in brackets.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Fields = Mapping[str, Sequence[str]]
Test = Callable[[Fields], float]
_TOKEN = re.compile(r'\(|\)|AND\b|OR\b|\w+:"(?:[^"\\]|\\.)*"|\w+:\([^)]*\)|\w+:[^\s()]+')
_WORD = re.compile(r"[^\W_]+")
_MOST_EDITS = 2


class Index:
    """Records of one kind."""

    def __init__(self, records: Sequence[Fields]) -> None:
        self._records = records
        self._words = [
            {name: [words(text) for text in texts] for name, texts in fields.items()}
            for fields in records
        ]
        self._vocabulary = {
            word for fields in self._words for texts in fields.values() for t in texts for word in t
        }
        self._near: dict[str, frozenset[str]] = {}

    def search(self, query: str, most: int) -> list[tuple[int, float]]:
        """The positions of the best records, each with its score: 0 to 1."""
        self._tokens = _TOKEN.findall(query)
        scores = self._either()
        found = [(place, score) for place, score in enumerate(scores) if score > 0]
        return sorted(found, key=lambda each: -each[1])[:most]

    def _either(self) -> list[float]:
        scores = self._both()
        while self._tokens[:1] == ["OR"]:
            self._tokens.pop(0)
            scores = [max(pair) for pair in zip(scores, self._both(), strict=True)]
        return scores

    def _both(self) -> list[float]:
        scores = self._term()
        while self._tokens[:1] == ["AND"]:
            self._tokens.pop(0)
            other = self._term()
            scores = [
                (one + two) / 2 if one and two else 0.0
                for one, two in zip(scores, other, strict=True)
            ]
        return scores

    def _term(self) -> list[float]:
        term = self._tokens.pop(0)
        if term == "(":
            scores = self._either()
            self._tokens.pop(0)
            return scores
        name, _, value = term.partition(":")
        if value.startswith("("):
            wanted = [self._allowed(each) for each in value.strip("()").split()]
            return [_share(wanted, fields.get(name, ())) for fields in self._words]
        phrase = words(value.strip('"').replace('\\"', '"'))
        return [_holds(phrase, fields.get(name, ())) for fields in self._words]

    def _allowed(self, word: str) -> frozenset[str]:
        """The words of the records that this one stands for."""
        plain = word.rstrip("~")
        if not word.endswith("~"):
            return frozenset((plain,))
        if plain not in self._near:
            near = (each for each in self._vocabulary if _is_near(plain, each))
            self._near[plain] = frozenset(near)
        return self._near[plain]


def words(text: str) -> tuple[str, ...]:
    """The words of a text, without accents and in lower case."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return tuple(_WORD.findall(plain.lower()))


def _holds(phrase: tuple[str, ...], texts: Sequence[tuple[str, ...]]) -> float:
    size = len(phrase)
    return float(
        any(
            text[place : place + size] == phrase
            for text in texts
            for place in range(len(text) - size + 1)
        )
    )


def _share(wanted: Sequence[frozenset[str]], texts: Sequence[tuple[str, ...]]) -> float:
    if not wanted or not texts:
        return 0.0
    return max(sum(not each.isdisjoint(text) for each in wanted) for text in texts) / len(wanted)


def _is_near(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > _MOST_EDITS:
        return False
    differing = (Counter(one) - Counter(other)) + (Counter(other) - Counter(one))
    return differing.total() <= 2 * _MOST_EDITS and edits(one, other) <= _MOST_EDITS


def edits(one: str, other: str) -> int:
    """How many letters are to be left out, put in, changed or exchanged with the next."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]
