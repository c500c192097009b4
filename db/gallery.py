"""The albums as a gallery: which of them, in which order, a page at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import Expression, fn

from db.covers import FRONT
from db.folding import folded
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    Cover,
    EntityType,
    Genre,
    Image,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.pictures import Picture, fronts
from db.rows import tuples
from db.slices import slices

_YEAR_LENGTH = 4
_MOST_GENRES = 500


class Order(StrEnum):
    """How albums are sorted."""

    ADDED = "added"
    """What came last is first."""
    TITLE = "title"
    ARTIST = "artist"
    YEAR = "year"
    """The newest first."""


@dataclass(frozen=True)
class Wanted:
    """Which albums: those that hold a present track, and fit everything that is given."""

    missing_art: bool = False
    source: str = ""
    """Where the cover was found."""
    genre_id: int | None = None
    year: str = ""
    artist_id: int | None = None
    """Whose albums."""
    guest_id: int | None = None
    """Who plays on them, though they are others' albums."""


class Credit(NamedTuple):
    """An artist of an album or a track."""

    artist_id: int
    name: str


class AlbumCard(NamedTuple):
    """An album as the gallery shows it."""

    id: int
    title: str | None
    album_artist: str | None
    year: str | None
    artists: list[Credit]
    picture: Picture | None


class Choice(NamedTuple):
    """A value that albums can be chosen by, and what it is called."""

    value: str
    name: str


def albums(wanted: Wanted, order: Order, first: int, most: int) -> list[AlbumCard]:
    """Up to `most` albums of the ordered list, from position `first` on."""
    query = Album.select(Album.id).where(_fits(wanted)).order_by(*_ordering(order))
    return cards([album_id for (album_id,) in tuples(query.limit(most).offset(first))])


def count(wanted: Wanted) -> int:
    """How many albums fit."""
    return int(Album.select().where(_fits(wanted)).count())


def cards(album_ids: Sequence[int]) -> list[AlbumCard]:
    """These albums, in this order."""
    rows = {
        row[0]: row
        for ids in slices(album_ids)
        for row in tuples(
            Album.select(Album.id, Album.title, Album.album_artist, _year()).where(
                Album.id.in_(list(ids))
            )
        )
    }
    shown, credited = fronts(EntityType.ALBUM, album_ids), album_credits(album_ids)
    return [
        AlbumCard._make((*rows[album_id], credited.get(album_id, []), shown.get(album_id)))
        for album_id in album_ids
        if album_id in rows
    ]


def is_there() -> Any:
    """Whether an album holds a present track."""
    return fn.EXISTS(Track.select(1).where(Track.album == Album.id, Track.missing_since.is_null()))


def album_credits(album_ids: Sequence[int]) -> dict[int, list[Credit]]:
    """The artists of each album, in order."""
    found: dict[int, list[Credit]] = defaultdict(list)
    for ids in slices(album_ids):
        query = (
            AlbumArtist.select(AlbumArtist.album, Artist.id, Artist.name)
            .join(Artist)
            .where(AlbumArtist.album.in_(list(ids)))
            .order_by(AlbumArtist.album, AlbumArtist.position)
        )
        for album_id, *credit in tuples(query):
            found[album_id].append(Credit._make(credit))
    return dict(found)


def genres() -> list[Choice]:
    """The genres that there are, by name."""
    query = Genre.select(Genre.id, Genre.name).order_by(folded(Genre.name)).limit(_MOST_GENRES)
    return [Choice(str(genre_id), name) for genre_id, name in tuples(query)]


def years() -> list[Choice]:
    """The years that albums are of, newest first."""
    year = _year().alias("year")
    query = Album.select(year).where(_year() != "").distinct().order_by(year.desc())
    return [Choice(text, text) for (text,) in tuples(query)]


def sources() -> list[Choice]:
    """Where the covers of albums were found."""
    query = (
        Cover.select(Cover.source)
        .where(Cover.entity_type == EntityType.ALBUM, Cover.role == FRONT)
        .distinct()
        .order_by(Cover.source)
    )
    return [Choice(source, source) for (source,) in tuples(query)]


def year_of(date: str | None) -> str | None:
    """The year of a date as a tag has it."""
    return date[:_YEAR_LENGTH] if date else None


def _year() -> Any:  # an expression
    return fn.SUBSTR(fn.COALESCE(Album.original_date, Album.date), 1, _YEAR_LENGTH)


def _ordering(order: Order) -> Sequence[Any]:
    title = folded(fn.COALESCE(Album.sort_title, Album.title))
    match order:
        case Order.ADDED:
            return Album.added_at.desc(), Album.id.desc()
        case Order.TITLE:
            return title, Album.id
        case Order.ARTIST:
            return folded(Album.album_artist), _year(), title, Album.id
        case Order.YEAR:
            return fn.COALESCE(_year(), "").desc(), title, Album.id


def _fits(wanted: Wanted) -> Expression:
    fits = is_there()
    if wanted.missing_art:
        fits &= ~fn.EXISTS(_cover())
    if wanted.source:
        fits &= fn.EXISTS(_cover().where(Cover.source == wanted.source))
    if wanted.year:
        fits &= _year() == wanted.year
    if wanted.genre_id is not None:
        fits &= Album.id.in_(_with(TrackGenre, TrackGenre.genre == wanted.genre_id))
    if wanted.artist_id is not None:
        fits &= Album.id.in_(_by(wanted.artist_id))
    if wanted.guest_id is not None:
        fits &= Album.id.in_(_with(TrackArtist, TrackArtist.artist == wanted.guest_id))
        fits &= Album.id.not_in(_by(wanted.guest_id))
    return fits  # type: ignore[no-any-return]  # an expression


def _cover() -> Any:
    """The front that the album shows."""
    return (
        Cover.select(1)
        .join(Image)
        .where(
            Cover.entity_type == EntityType.ALBUM,
            Cover.entity_id == Album.id,
            Cover.role == FRONT,
            Image.fault.is_null(),
        )
    )


def _by(artist_id: int) -> Any:
    return AlbumArtist.select(AlbumArtist.album).where(AlbumArtist.artist == artist_id)


def _with(link: Any, condition: Any) -> Any:
    """The albums of present tracks that a row of `link` is about."""
    return (
        link.select(Track.album)
        .join(Track)
        .where(condition, Track.album.is_null(False), Track.missing_since.is_null())
    )
