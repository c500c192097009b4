"""Text as people search and sort it: Bjork finds Björk, and Ångström stands with the A.

PostgreSQL folds by functions of its own, SQLite by a function of ours: there it is asked only of
text that is not ASCII, for it costs more than everything else (100,000 titles: 0.2 s).
"""

import unicodedata
from typing import Any

from peewee import Function, fn

from db.connection import is_sqlite
from db.models import database

_LIGATURES = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
_BARRED = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "\u0131": "i"}
"""Letters that Unicode does not take apart."""
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
"""Combining marks: each is dropped."""
_PLAIN = _ACCENTS | str.maketrans(_LIGATURES | _BARRED)
_BEYOND_ASCII = "*[^ -~]*"
_LATIN_ENDS = 0x250


def fold(text: str | None) -> str | None:
    """The text without case and accents; None for None."""
    if text is None or text.isascii():
        return text and text.lower()
    return unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)


def folded(field: Any) -> Function:  # a field, or an expression of some
    """What a column says, folded, to be compared and sorted by."""
    if is_sqlite():
        _teach()
        return fn.FOLD(field)
    plain = fn.LOWER(fn.TRANSLATE(field, *_TRANSLATION))
    for ligature, letters in _LIGATURES.items():
        plain = fn.REPLACE(plain, ligature, letters)
    return plain


def contains(field: Any, word: str) -> Any:  # an expression
    """Whether a column contains a word, whatever its case and accents."""
    plain = fold(word)
    if not is_sqlite():
        return folded(field).contains(plain)
    beyond = field % _BEYOND_ASCII  # GLOB, to SQLite
    return field.contains(plain) | (beyond & folded(field).contains(plain))


def _teach() -> None:
    """Have SQLite know `fold`, on this connection and all that are opened from now on."""
    database.obj.register_function(fold, "fold", 1, deterministic=True)


def _translation() -> tuple[str, str]:
    """Every Latin letter that folds to one other, and what each folds to."""
    pairs = {chr(code): fold(chr(code)) or "" for code in range(0x80, _LATIN_ENDS)}
    single = {
        letter: plain for letter, plain in pairs.items() if len(plain) == 1 and plain != letter
    }
    return "".join(single), "".join(single.values())


_TRANSLATION = _translation()
