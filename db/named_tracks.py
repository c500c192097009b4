"""Tracks by what people call them."""

from collections.abc import Sequence
from typing import NamedTuple

from db import sounding
from db.folding import fold
from db.models import Track
from db.rows import tuples
from db.searching import search

_BETWEEN = " - "
_LOOKED_AT = 200
_LONGEST_ID = 10
"""Digits; no database has a longer id, or takes it."""


class NamedTrack(NamedTuple):
    """A track that may be meant."""

    id: int
    full_name: str
    """Its title with the artists before it, or else its path."""

    @property
    def address(self) -> str:
        """What names just this one, such as track:12."""
        return f"track:{self.id}"


def called(text: str, path: str | None = None) -> list[NamedTrack]:
    """Those that are called so: by address or id, path, name, words of the title, or file name.

    A name is a title, or ARTIST - TITLE; case and accents do not count. `path` is the text as a
    path in the form of `db.paths`. Tracks whose files are missing are found by id and path alone.
    """
    bare = text.removeprefix("track:")
    if bare.isdecimal() and len(bare) < _LONGEST_ID and (found := _where(Track.id == int(bare))):
        return _named(found)
    if path and (found := _where(Track.path == path)):
        return _named(found)
    return _by_name(text) or _named(_where(Track.path.endswith(f"/{text}")))


def titles(most: int = 50_000) -> list[str]:
    """Titles of tracks, to find those near to a name that is not known."""
    query = Track.select(Track.title).where(Track.title.is_null(False)).distinct().limit(most)
    return [title for (title,) in tuples(query)]


def _by_name(text: str) -> list[NamedTrack]:
    fits = [each.id for each in search(text, 0, 0, _LOOKED_AT).tracks]
    if _BETWEEN in text:
        title = text.partition(_BETWEEN)[2]
        fits += [each.id for each in search(title, 0, 0, _LOOKED_AT).tracks if each.id not in fits]
    known = sounding.tracks(fits)
    by = sounding.artists(fits)
    wanted = fold(text)
    exact = [
        track_id
        for track_id in fits
        if track_id in known
        and wanted
        in {
            fold(known[track_id].title),
            fold(f"{by.get(track_id, '')}{_BETWEEN}{known[track_id].title}"),
        }
    ]
    return _named(exact or [each.id for each in search(text, 0, 0, _LOOKED_AT).tracks])


def _where(condition: object) -> list[int]:
    return [track_id for (track_id,) in tuples(Track.select(Track.id).where(condition))]


def _named(track_ids: Sequence[int]) -> list[NamedTrack]:
    known = sounding.tracks(track_ids, missing=True)
    by = sounding.artists(track_ids)
    return [
        NamedTrack(each, sounding.full_name(known[each], by.get(each)))
        for each in track_ids
        if each in known
    ]
