"""Genres as ID3 writes them: by number, by reference, by name.

Sources: https://id3.org/ID3v1 with the additions of Winamp; TCON in https://id3.org/id3v2.3.0.
"""

import re

from mutagen.id3 import TCON

GENRES: list[str] = TCON.GENRES
"""Names by number."""

_GENRE_REFERENCES = re.compile(r"(\((?:\d{1,3}|RX|CR)\)(?:\([^()]+\))*)?(.*)", re.DOTALL)


def resolved_genres(text: str) -> list[str]:
    """Genres by name: "(17)", "17", "(51)(39)Noise", "RX" and "CR" as ID3 means them."""
    if text.strip().isdecimal():
        return [_genre(text.strip())]
    if text in ("RX", "CR"):
        return [_genre(text)]
    match = _GENRE_REFERENCES.match(text)
    references, rest = match.groups("") if match else ("", text)
    genres = [_genre(reference) for reference in references[1:-1].split(")(") if reference]
    rest = rest.removeprefix("(") if rest.startswith("((") else rest
    if rest and rest not in genres:
        genres.append(rest)
    return genres


def _genre(reference: str) -> str:
    """The genre of a reference; what no list knows stays as it is."""
    if reference.isdecimal() and int(reference) < len(GENRES):
        return GENRES[int(reference)]
    return {"RX": "Remix", "CR": "Cover"}.get(reference, reference)
