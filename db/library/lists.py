"""Lists of songs and albums as players ask for them: the ids of a page, by indexes.

Those by title, artist, year and age follow `db.library.gallery`.
"""

import json
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.library.gallery import artist_is_present
from db.library.names import name_key
from db.library.track_files import missing_count
from db.models import (
    IS_PRESENT,
    YEAR,
    Album,
    AlbumArtist,
    Artist,
    AudioFeatures,
    EntityType,
    Fact,
    Genre,
    TagWord,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.connection import is_sqlite
from db.sql.queries import among, below, tuples

_FEW = 20_000
"""Rows up to which all are put in a random order."""
_TRIES = 4
_LAST_YEAR = 9_999


class AlbumOrder(StrEnum):
    """How albums are sorted; each is the order of an index."""

    NEWEST = "newest"
    NAME = "alphabeticalByName"
    ARTIST = "alphabeticalByArtist"
    YEAR = "byYear"
    """The oldest first."""
    YEAR_BACK = "byYear, the newest first"


_YEAR = SQL(YEAR)
_ORDERS: dict[AlbumOrder, tuple[Any, ...]] = {
    AlbumOrder.NEWEST: (Album.added_at.desc(), Album.id.desc()),
    AlbumOrder.NAME: (Album.sort_key, Album.id),
    AlbumOrder.ARTIST: (Album.artist_key, _YEAR, Album.sort_key, Album.id),
    AlbumOrder.YEAR: (SQL(f"{YEAR} ASC"), Album.sort_key.desc(), Album.id.desc()),
    AlbumOrder.YEAR_BACK: (SQL(f"{YEAR} DESC"), Album.sort_key, Album.id),
}


class Which(NamedTuple):
    """Which songs or albums: those that fit everything that is given."""

    root: str | None = None
    """Of files below it."""
    genre: str | None = None
    """Its name, however it is spelt."""
    years: tuple[int, int] | None = None
    """The first and the last."""


ALL = Which()


def albums(which: Which, order: AlbumOrder, most: int, first: int) -> list[int]:
    """Albums of which a track is there."""
    query = Album.select(Album.id).where(_fits(which)).order_by(*_ORDERS[order])
    return _ids(query.limit(most).offset(first))


def random_albums(which: Which, most: int) -> list[int]:
    """Albums of which a track is there, drawn at random."""
    query = Album.select(Album.id).where(_fits(which)).order_by(fn.RANDOM())
    return _ids(query.limit(most))


def _fits(which: Which) -> Expression:
    """Whether an album is there, and one of these."""
    fits: Any = IS_PRESENT
    if which.years is not None:
        fits &= _between(SQL(YEAR), which.years)
    if which.genre is not None:
        fits &= Album.id.in_(_of_genre(which.genre).select(Track.album))
    if which.root is not None:
        here = Track.select(SQL("1")).where(Track.album == Album.id, *_there(which.root))
        fits &= fn.EXISTS(here)
    return fits  # type: ignore[no-any-return]  # an expression


def _between(year: Any, years: tuple[int, int]) -> Any:
    first, last = (f"{max(0, min(each, _LAST_YEAR)):04}" for each in years)
    return year.between(first, last)


def _of_genre(genre: str) -> Any:
    """A query of the tracks of a genre that are there."""
    return (
        TrackGenre.select(TrackGenre.track)
        .join(Genre)
        .switch(TrackGenre)
        .join(Track)
        .where(Genre.key == name_key(genre), Track.missing_since.is_null())
    )


def _there(root: str | None) -> list[Any]:
    """Conditions of tracks that are there, and below a root if there is one."""
    return [Track.missing_since.is_null(), *([] if root is None else [below(Track.path, root)])]


def songs(which: Which, most: int, first: int) -> list[int]:
    """Tracks whose files are there, album by album."""
    if which.genre is not None:
        query = _of_genre(which.genre).where(*_there(which.root))
        return _ids(query.order_by(TrackGenre.track).limit(most).offset(first))
    # SQLite goes by the index of albums, which is small, PostgreSQL by that of ids.
    order = (Track.album, Track.id) if is_sqlite() else (Track.id,)
    query = Track.select(Track.id).order_by(*order)
    if which.root is not None:
        query = query.where(*_there(which.root))
    elif missing_count():
        gone = Track.select(Track.id).where(Track.missing_since.is_null(False), Track.size >= 0)
        query = query.where(Track.id.not_in(gone))
    return _ids(query.limit(most).offset(first))


def random_songs(which: Which, most: int) -> list[int]:
    """Tracks whose files are there, drawn at random."""
    if which.genre is not None:
        query = _of_genre(which.genre).where(*_song_fits(which))
        return _ids(query.order_by(fn.RANDOM()).limit(most))
    query = Track.select(Track.id).where(*_song_fits(which))
    last = Track.select(fn.MAX(Track.id)).scalar() or 0
    if last <= _FEW:
        return _ids(query.order_by(fn.RANDOM()).limit(most))
    found: dict[int, None] = {}
    for attempt in range(_TRIES):
        drawn = random.sample(range(1, last + 1), min(last, most * 4 ** (attempt + 1)))
        some = _ids(query.where(among(Track.id, drawn)))
        random.shuffle(some)
        found.update(dict.fromkeys(some))
        if len(found) >= most:
            return list(found)[:most]
    return _ids(query.order_by(fn.RANDOM()).limit(most))


def _song_fits(which: Which) -> list[Any]:
    fits = _there(which.root)
    if which.years is not None:
        dated = fn.SUBSTR(fn.COALESCE(Track.original_date, Track.date, ""), 1, 4)
        fits.append(_between(dated, which.years))
    return fits


def of_album(album_id: int) -> list[int]:
    """The tracks of an album whose files are there, by disc, number and path."""
    columns = (Track.id, Track.disc, Track.track, Track.path, Track.part)
    query = Track.select(*columns).where(Track.album == album_id, Track.missing_since.is_null())
    rows = sorted(tuples(query), key=lambda row: (row[1] or 1, row[2] or 0, row[3], row[4]))
    return [row[0] for row in rows]


def by_artist(artist_id: int, most: int | None = None) -> list[int]:
    """The albums that an artist leads of which a track is there, by year."""
    query = (
        AlbumArtist.select(AlbumArtist.album)
        .join(Album)
        .where(AlbumArtist.artist == artist_id, IS_PRESENT)
        .order_by(_YEAR, Album.sort_key, Album.id)
    )
    return _ids(query.limit(most))


def played_by(artist_id: int, most: int) -> list[int]:
    """Tracks that an artist plays on and whose files are there."""
    query = (
        TrackArtist.select(TrackArtist.track)
        .join(Track)
        .where(TrackArtist.artist == artist_id, Track.missing_since.is_null())
        .order_by(TrackArtist.track)
    )
    return list(dict.fromkeys(_ids(query.limit(most))))


def listeners(track_ids: Sequence[int]) -> dict[int, int]:
    """How many people play each of these tracks, as the web says of any."""
    query = Fact.select(Fact.entity_id, Fact.value).where(
        Fact.entity_type == EntityType.TRACK,
        among(Fact.entity_id, list(track_ids)),
        Fact.field.in_(("listeners", "plays")),
    )
    found: dict[int, int] = {}
    for track_id, value in tuples(query):
        if isinstance(value, int):
            found[track_id] = max(value, found.get(track_id, 0))
    return found


class CountedGenre(NamedTuple):
    """A genre, and how many songs and albums have it."""

    name: str
    songs: int
    albums: int


def genres() -> list[CountedGenre]:
    """The genres of tracks that are there, by name."""
    query = (
        TrackGenre.select(
            Genre.name, fn.COUNT(Track.id), fn.COUNT(fn.DISTINCT(Track.album)).alias("albums")
        )
        .join(Genre)
        .switch(TrackGenre)
        .join(Track)
        .where(Track.missing_since.is_null())
        .group_by(Genre.id, Genre.name)
    )
    found = [CountedGenre._make(row) for row in tuples(query)]
    return sorted(found, key=lambda each: each.name.casefold())


def _ids(query: Any) -> list[int]:
    return [row[0] for row in tuples(query)]


def artists(root: str | None, most: int, first: int) -> list[int]:
    """Artists who lead an album, or play on a track, that is there and below a root, by name."""
    present: Any = artist_is_present()
    if root is not None:
        played: Any = TrackArtist.select(SQL("1")).join(Track)
        present = fn.EXISTS(played.where(TrackArtist.artist == Artist.id, *_there(root)))
        leads: Any = AlbumArtist.select(SQL("1")).join(Album)
        leads = leads.where(AlbumArtist.artist == Artist.id, _fits(Which(root)))
        present |= fn.EXISTS(leads)
    query = Artist.select(Artist.id).where(present)
    return _ids(query.order_by(Artist.sort_key, Artist.id).limit(most).offset(first))


def below_root(album_ids: Sequence[int], root: str) -> list[int]:
    """Those of the albums that have a track below a root which is there."""
    fits = _fits(Which(root)) & among(Album.id, list(album_ids))
    there = set(_ids(Album.select(Album.id).where(fits)))
    return [each for each in album_ids if each in there]


def songs_below(track_ids: Sequence[int], root: str) -> list[int]:
    """Those of the tracks that are below a root and there."""
    where = [among(Track.id, list(track_ids)), *_there(root)]
    there = set(_ids(Track.select(Track.id).where(*where)))
    return [each for each in track_ids if each in there]


def seconds(track_ids: Sequence[int]) -> float:
    """How long these tracks are together."""
    query = Track.select(fn.SUM(Track.duration)).where(among(Track.id, list(track_ids)))
    return float(query.scalar() or 0)


_SOUND = "sound:"


def moods() -> dict[str, int]:
    """The synthetic tags of the library, with how many tracks had each when last counted."""
    query = TagWord.select(TagWord.word, TagWord.tracks)
    rows = tuples(query.where(TagWord.word.startswith(_SOUND), TagWord.tracks > 0))
    return {word.removeprefix(_SOUND): count for word, count in sorted(rows)}


def of_mood(tag: str, most: int) -> list[int]:
    """Tracks that are there and that have a synthetic tag."""
    text = fn.REPLACE(AudioFeatures.synthetic_tags.cast("TEXT"), " ", "")
    query = (
        AudioFeatures.select(AudioFeatures.track)
        .join(Track)
        .where(
            text.contains(f"[{json.dumps(tag).replace(' ', '')},"), Track.missing_since.is_null()
        )
    )
    return _ids(query.order_by(AudioFeatures.track).limit(most))
