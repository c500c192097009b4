"""Whether two spellings are one name. A wrong picture is worse than none, so this is strict."""

import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")
"""Combining marks of Latin, Greek and Cyrillic; those of other scripts make other letters."""
_NOT_A_WORD = re.compile(r"[\W_]+")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_EDITION = re.compile(
    r"[(\[][^()\[\]]*\b(?:deluxe|remaster(?:ed)?|expanded|anniversary|edition|reissue|explicit|"
    r"bonus tracks?|special|limited|mono|stereo)\b[^()\[\]]*[)\]]",
    re.IGNORECASE,
)
"""What a shop adds to the title of the same record. A live or remix album is another record."""
_VARIOUS = {"various artists", "various", "va", "v a", "unknown artist", "unknown", "no artist"}


def normal(name: str) -> str:
    """A name without what spellings differ in: case, accents, punctuation, "&" for "and".

    One that consists of nothing else, such as "!!!", stays as it is.
    """
    folded = unicodedata.normalize("NFKD", name).casefold()
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", folded))
    words = _APOSTROPHES.sub("", plain).replace("&", " and ")
    return _NOT_A_WORD.sub(" ", words).strip() or plain.strip()


def without_edition(title: str) -> str:
    """A title without "(Deluxe Edition)" and the like."""
    return _EDITION.sub(" ", title)


def is_somebody(name: str) -> bool:
    """Whether a name stands for one artist, of whom there can be a picture."""
    return normal(name) not in _VARIOUS
