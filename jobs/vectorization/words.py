"""What is said of tracks, as words: genres, moods, decades, and tags made of what was heard."""

from collections.abc import Iterable, Iterator

from db import tag_words
from db.vector_inputs import TrackInput


def words(track: TrackInput) -> list[str]:
    """The words of a track, sorted, each once, such as `genre:jazz`, `mood:calm`, `decade:1970`."""
    return sorted({*_said("genre", track.genres), *_said("mood", track.moods), *_made(track)})


def genres(track: TrackInput) -> list[str]:
    """The genres among the words."""
    return sorted(set(_said("genre", track.genres)))


def _said(of: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from tag_words.said(of, text)


def _made(track: TrackInput) -> Iterator[str]:
    yield from tag_words.decade(track.date)
    for tag, *_ in (track.features or {}).get("synthetic_tags") or []:
        yield from tag_words.sound(tag)
