"""Text without case and accents, as search compares and lists sort it.

Both databases have it as their function `fold`, and `letters` too: SQLite calls those here, on
every connection of ours, and PostgreSQL has functions in SQL.
"""

import unicodedata

_LIGATURES = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
_BARRED = {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "\u0131": "i"}
"""Letters that Unicode does not take apart."""
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
"""Combining marks: each is dropped."""
_PLAIN = _ACCENTS | str.maketrans(_LIGATURES | _BARRED)
_LATIN_ENDS = 0x250


def fold(text: str | None) -> str | None:
    """The text without case and accents; None for None."""
    if text is None or text.isascii():
        return text and text.lower()
    return unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)


def letters(text: str | None) -> str | None:
    """Just the letters and digits of that; all of it when it has none."""
    folded = fold(text)
    return folded and ("".join(filter(str.isalnum, folded)) or folded)


def fold_on_postgresql() -> str:
    """The body of PostgreSQL's function `fold`: what it does with $1, in SQL.

    To look up each letter takes ten times as long as all else of a name, so not those of ASCII.
    """
    pairs = {chr(code): fold(chr(code)) or "" for code in range(0x80, _LATIN_ENDS)}
    single = {
        letter: plain for letter, plain in pairs.items() if len(plain) == 1 and plain != letter
    }
    folded = f"LOWER(TRANSLATE($1, '{''.join(single)}', '{''.join(single.values())}'))"
    for ligature, letters in _LIGATURES.items():
        folded = f"REPLACE({folded}, '{ligature}', '{letters}')"
    return f"CASE WHEN OCTET_LENGTH($1) = LENGTH($1) THEN LOWER($1) ELSE {folded} END"
