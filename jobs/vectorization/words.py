"""What is said of tracks, as words: genres, moods, decades, and tags made of what was heard."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from db.vector_inputs import TrackInput

_OF_LEVEL = frozenset(("loud", "quiet", "silent", "dynamic"))
"""Synthetic tags that tell how loud a copy is, and not what music it is."""
_YEAR = re.compile(r"(1[89]\d|20\d)\d")
_BETWEEN = re.compile(r"[;/,|]+")


def words(track: TrackInput) -> list[str]:
    """The words of a track, sorted, each once, such as `genre:jazz`, `mood:calm`, `decade:1970`."""
    return sorted({*_said("genre", track.genres), *_said("mood", track.moods), *_made(track)})


def genres(track: TrackInput) -> list[str]:
    """The genres among the words."""
    return sorted(set(_said("genre", track.genres)))


def _said(of: str, texts: Iterable[str]) -> Iterator[str]:
    """However it is spelt: width, case and spaces do not count; some write several in one."""
    for text in texts:
        for part in _BETWEEN.split(unicodedata.normalize("NFKC", text).casefold()):
            if name := " ".join(part.split()):
                yield f"{of}:{name}"


def _made(track: TrackInput) -> Iterator[str]:
    if year := _YEAR.search(track.date or ""):
        yield f"decade:{year[1]}0"
    for tag, *_ in (track.features or {}).get("synthetic_tags") or []:
        if tag not in _OF_LEVEL:
            yield f"sound:{tag}"
