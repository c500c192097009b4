"""Searching artists, albums and tracks by words, with bounded work."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import fn

from db import artist_page, gallery
from db.album_page import track_credits
from db.artist_page import ArtistCard
from db.folding import contains, fold
from db.gallery import AlbumCard, Credit
from db.models import Album, Artist, EntityType, Track
from db.pictures import Picture, fronts
from db.rows import tuples

_LOOKED_AT = 300
"""How many rows that fit are compared: of a word that is everywhere not all are sorted."""
_MOST_WORDS = 6


class FoundTrack(NamedTuple):
    """A track that fits. `picture` is that of its album."""

    id: int
    title: str | None
    album_id: int | None
    album_title: str | None
    duration: float | None
    artists: list[Credit]
    picture: Picture | None


class Found(NamedTuple):
    """What fits, the best first."""

    artists: list[ArtistCard]
    albums: list[AlbumCard]
    tracks: list[FoundTrack]

    @property
    def is_empty(self) -> bool:
        """Whether nothing fits."""
        return not (self.artists or self.albums or self.tracks)


def search(text: str, artists: int, albums: int, tracks: int) -> Found:
    """What has every word of the text in it: up to so many artists, albums and tracks.

    An album fits by its title and its artists together, a track by its title.
    """
    words = text.split()[:_MOST_WORDS]
    if not words:
        return Found([], [], [])
    shown = fn.COALESCE(Album.title, "").concat(" ").concat(fn.COALESCE(Album.album_artist, ""))
    return Found(
        artist_page.cards(_best(Artist, Artist.name, words, artist_page.is_there(), artists)),
        gallery.cards(_best(Album, shown, words, gallery.is_there(), albums)),
        track_cards(_best(Track, Track.title, words, Track.missing_since.is_null(), tracks)),
    )


def _best(model: Any, field: Any, words: Sequence[str], is_there: Any, most: int) -> list[int]:
    """The ids of the rows that fit: those that begin with the text first, then the shortest."""
    fits = is_there
    for word in words:
        fits = contains(field, word) & fits
    found = list(tuples(model.select(model.id, field).where(fits).limit(_LOOKED_AT)))
    beginning = fold(" ".join(words)) or ""
    found.sort(key=lambda row: (not (fold(row[1]) or "").startswith(beginning), len(row[1]), row))
    return [row_id for row_id, _ in found[:most]]


def track_cards(track_ids: Sequence[int]) -> list[FoundTrack]:
    """These tracks, in this order."""
    query = (
        Track.select(Track.id, Track.title, Album.id, Album.title, Track.duration)
        .left_outer_join(Album)
        .where(Track.id.in_(list(track_ids)))
    )
    rows = {row[0]: row for row in tuples(query)}
    credited = track_credits(list(rows))
    shown = fronts(EntityType.ALBUM, [row[2] for row in rows.values() if row[2] is not None])
    return [
        FoundTrack._make(
            (*rows[track_id], credited.get(track_id, []), shown.get(rows[track_id][2]))
        )
        for track_id in track_ids
        if track_id in rows
    ]
