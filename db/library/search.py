"""Search: artists, albums and tracks by words, and those that a name, address or path means."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import SQL, fn

from db.artwork.covers import Picture, fronts
from db.ledger.states import ENTITIES
from db.library import gallery, tracks
from db.library.artists import Credit, credits_of
from db.library.gallery import AlbumCard, ArtistCard
from db.library.names import name_key
from db.models import (
    IS_PRESENT,
    Album,
    Artist,
    ArtistName,
    EntityType,
    Fact,
    Track,
    TrackArtist,
)
from db.sql.connection import is_sqlite
from db.sql.folding import fold
from db.sql.name_index import named
from db.sql.queries import among, below, folded, slices, tuples

_MOST_COMPARED = 300
"""How many rows that fit are compared: of a word that is everywhere not all are sorted."""
_MOST_WORDS = 6


class FoundTrack(NamedTuple):
    """A track that fits. `picture` is that of its album."""

    id: int
    title: str | None
    album_id: int | None
    album_title: str | None
    duration: float | None
    start: float | None
    """Where it begins in its file, in seconds; None where it is the file."""
    credit: str | None
    """The artists in one text, where the file has one beside the list."""
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
    present = gallery.artist_is_present()
    found = _best_matches(Artist, words, present, artists)
    return Found(
        gallery.artist_cards(_with_other_names(found, words, artists)),
        gallery.album_cards(_best_matches(Album, words, IS_PRESENT, albums)),
        track_cards(_best_matches(Track, words, Track.missing_since.is_null(), tracks)),
    )


_MOST_PAGED = 2_000
_MODELS = {EntityType.TRACK: Track, EntityType.ALBUM: Album, EntityType.ARTIST: Artist}


def matching(
    entity_type: EntityType, text: str, most: int, first: int, root: str | None = None
) -> list[int]:
    """The ids of what has every word of the text in its name: a page of the best 2,000.

    With a root only of what is below it. Without a word nothing is found.
    """
    if entity_type is EntityType.TRACK:
        is_there: Any = Track.missing_since.is_null()
        is_there = is_there if root is None else is_there & below(Track.path, root)
    else:
        is_there = IS_PRESENT if entity_type is EntityType.ALBUM else gallery.artist_is_present()
        here = Track.missing_since.is_null() & below(Track.path, root or "")
        if root is not None and entity_type is EntityType.ALBUM:
            is_there &= fn.EXISTS(Track.select(SQL("1")).where(Track.album == Album.id, here))
        elif root is not None:
            played = TrackArtist.select(SQL("1")).join(Track)
            is_there &= fn.EXISTS(played.where(TrackArtist.artist == Artist.id, here))
    words = text.split()[:_MOST_WORDS]
    if not (most and words) or first >= _MOST_PAGED:
        return []
    found = _best_matches(_MODELS[entity_type], words, is_there, first + most, _MOST_PAGED)
    return found[first:]


def newer(entity_type: EntityType, ids: Sequence[int], than: datetime) -> list[int]:
    """Those of the ids that were added after a moment; an artist with the newest song."""
    table: Any = _MODELS[entity_type]
    if entity_type is EntityType.ARTIST:
        played = TrackArtist.select(SQL("1")).join(Track).where(TrackArtist.artist == Artist.id)
        is_newer = fn.EXISTS(played.where(Track.added_at > than))
    else:
        is_newer = table.added_at > than
    query = table.select(table.id).where(among(table.id, ids), is_newer)
    found = {each for (each,) in tuples(query)}
    return [each for each in ids if each in found]


def _best_matches(
    model: Any, words: Sequence[str], is_there: Any, most: int, compared: int = _MOST_COMPARED
) -> list[int]:
    """The ids of the rows that fit: those that begin with the text first, then the shortest."""
    if not most:
        return []
    found = list(tuples(named(model, words).where(is_there).limit(compared)))
    beginning = fold(" ".join(words)) or ""
    found.sort(key=lambda row: (not (fold(row[1]) or "").startswith(beginning), len(row[1]), row))
    return [row_id for row_id, _ in found[:most]]


def _with_other_names(found: list[int], words: Sequence[str], most: int) -> list[int]:
    """The artists found, and behind them those who are called so in another spelling.

    That are spellings of files; where nobody is, what providers know as aliases.
    """
    if len(found) >= most:
        return found
    letters = [name_key(word) for word in words]
    spelt = named(ArtistName, letters).select(ArtistName.artist).distinct()
    for query in (spelt, *([] if found else [_by_alias(letters)])):
        others = [each for (each,) in tuples(query.limit(_MOST_COMPARED)) if each not in found]
        found += sorted(others)[: most - len(found)]
        if found:
            break
    return found


def _by_alias(words: Sequence[str]) -> Any:  # a query
    parts = fn.json_each if is_sqlite() else fn.jsonb_array_elements_text
    alias = SQL("alias.value") if is_sqlite() else SQL("alias")
    position = fn.INSTR if is_sqlite() else fn.STRPOS
    query = Fact.select(Fact.entity_id).from_(Fact, parts(Fact.value).alias("alias"))
    fits = (Fact.entity_type == EntityType.ARTIST) & (Fact.field == "aliases")
    for word in words:
        fits &= position(folded(alias), fold(word)) > 0
    return query.where(fits).distinct()


def track_cards(track_ids: Sequence[int]) -> list[FoundTrack]:
    """These tracks, in this order."""
    if not track_ids:
        return []
    of_track = (Track.duration, Track.start, Track.artist_credit)
    query = (
        Track.select(Track.id, Track.title, Album.id, Album.title, *of_track)
        .left_outer_join(Album)
        .where(Track.id.in_(list(track_ids)))
    )
    rows = {row[0]: row for row in tuples(query)}
    credited = credits_of(EntityType.TRACK, list(rows))
    shown = fronts(EntityType.ALBUM, [row[2] for row in rows.values() if row[2] is not None])
    return [
        FoundTrack._make(
            (*rows[track_id], credited.get(track_id, []), shown.get(rows[track_id][2]))
        )
        for track_id in track_ids
        if track_id in rows
    ]


class Entity(NamedTuple):
    """An album or artist."""

    type: EntityType
    id: int
    name: str
    """An album's title, an artist's name."""
    by: str | None = None
    """The artists of an album."""

    @property
    def address(self) -> str:
        """What names just this one, such as album:12."""
        return f"{self.type}:{self.id}"

    @property
    def full_name(self) -> str:
        """The name with the artists before it."""
        return f"{self.by} - {self.name}" if self.by else self.name


def all_entities(types: Iterable[EntityType]) -> Iterator[Entity]:
    """Every album and artist of these types, by id."""
    if EntityType.ALBUM in types:
        query = Album.select(Album.id, Album.title, Album.album_artist).order_by(Album.id)
        for album_id, title, artists in tuples(query):
            yield Entity(EntityType.ALBUM, album_id, title or "", artists)
    if EntityType.ARTIST in types:
        for artist_id, name in tuples(Artist.select(Artist.id, Artist.name).order_by(Artist.id)):
            yield Entity(EntityType.ARTIST, artist_id, name)


def entity_exists(entity_type: EntityType, entity_id: int) -> bool:
    """Whether there is a track, album or artist, as the type says, with this id."""
    entity = ENTITIES[entity_type]
    return bool(entity.select().where(entity.id == entity_id).exists())


def existing(entity_type: EntityType, ids: Sequence[int]) -> set[int]:
    """Those of these ids that a track, album or artist, as the type says, has."""
    entity = ENTITIES[entity_type]
    return {
        each
        for part in slices(ids)
        for (each,) in tuples(entity.select(entity.id).where(among(entity.id, part)))
    }


def entities_named(text: str, known: Iterable[Entity]) -> list[Entity]:
    """Those that are called so: by address, by id (an album's first), name, or full name."""
    everyone = list(known)
    by_id = [each for each in everyone if text in {each.address, str(each.id)}]
    if len({each.type for each in by_id}) > 1:  # a bare number
        by_id = [each for each in by_id if each.type is EntityType.ALBUM]
    folded = _simplified(text)
    by_name = [
        each for each in everyone if folded in {_simplified(each.name), _simplified(each.full_name)}
    ]
    return by_id + [each for each in by_name if each not in by_id]


def _simplified(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_ARTIST_TITLE = " - "
_MOST_NAMED = 200
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


def tracks_named(text: str, path: str | None = None) -> list[NamedTrack]:
    """Those that are called so: by address or id, path, name, words of the title, or file name.

    A name is a title, or ARTIST - TITLE; case and accents do not count. `path` is the text as a
    path in the form of `db.sql.path_text`. Tracks whose files are missing are found by id and path
    alone.
    """
    bare = text.removeprefix("track:")
    if (
        bare.isdecimal()
        and len(bare) < _LONGEST_ID
        and (found := _track_ids(Track.id == int(bare)))
    ):
        return _named_tracks(found)
    if path and (found := _track_ids(Track.path == path)):
        return _named_tracks(found)
    return _tracks_by_name(text) or _named_tracks(_track_ids(Track.path.endswith(f"/{text}")))


def track_titles(most: int = 50_000) -> list[str]:
    """Titles of tracks, to find those near to a name that is not known."""
    query = Track.select(Track.title).where(Track.title.is_null(False)).distinct().limit(most)
    return [title for (title,) in tuples(query)]


def _tracks_by_name(text: str) -> list[NamedTrack]:
    fits = [each.id for each in search(text, 0, 0, _MOST_NAMED).tracks]
    if _ARTIST_TITLE in text:
        title = text.partition(_ARTIST_TITLE)[2]
        fits += [each.id for each in search(title, 0, 0, _MOST_NAMED).tracks if each.id not in fits]
    known = tracks.track_summaries(fits)
    by = tracks.artist_credits(fits)
    wanted = fold(text)
    exact = [
        track_id
        for track_id in fits
        if track_id in known
        and wanted
        in {
            fold(known[track_id].title),
            fold(f"{by.get(track_id, '')}{_ARTIST_TITLE}{known[track_id].title}"),
        }
    ]
    return _named_tracks(exact or [each.id for each in search(text, 0, 0, _MOST_NAMED).tracks])


def _track_ids(condition: object) -> list[int]:
    return [track_id for (track_id,) in tuples(Track.select(Track.id).where(condition))]


def _named_tracks(track_ids: Sequence[int]) -> list[NamedTrack]:
    known = tracks.track_summaries(track_ids, missing=True)
    by = tracks.artist_credits(track_ids)
    return [
        NamedTrack(each, tracks.full_title(known[each], by.get(each)))
        for each in track_ids
        if each in known
    ]
