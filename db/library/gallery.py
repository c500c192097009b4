"""Lists of albums and artists: filtered, ordered, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.artwork.covers import Picture, fronts
from db.library.artists import Credit, credits_of
from db.library.track_files import missing_count
from db.models import (
    IS_PRESENT,
    YEAR,
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    Cover,
    EntityType,
    Fact,
    Genre,
    Image,
    Kind,
    LedgerRow,
    Role,
    State,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.settings.provider_settings import any_on
from db.sql.queries import among, distinct_values, folded, slices, tuples

_YEAR_LENGTH = 4
_MOST_GENRES = 500
_ID_BEGINS = 8
"""Characters of an id that people can compare."""


class AlbumOrder(StrEnum):
    """How albums are sorted."""

    ADDED = "added"
    """What came last is first."""
    TITLE = "title"
    ARTIST = "artist"
    YEAR = "year"
    """The newest first."""


@dataclass(frozen=True)
class AlbumFilter:
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


class AlbumCard(NamedTuple):
    """An album as the gallery shows it."""

    id: int
    title: str | None
    album_artist: str | None
    year: str | None
    edition: str | None
    """What distinguishes it from the other editions of its release."""
    artists: list[Credit]
    picture: Picture | None
    lack: str
    """Why there is no picture; empty where there is one."""


class FilterValue(NamedTuple):
    """A value that albums can be chosen by, and what it is called."""

    value: str
    name: str


def album_list(wanted: AlbumFilter, order: AlbumOrder, first: int, most: int) -> list[AlbumCard]:
    """Up to `most` albums of the ordered list, from position `first` on."""
    query = Album.select(Album.id).where(_album_fits(wanted)).order_by(*_ordering(order))
    return album_cards([album_id for (album_id,) in tuples(query.limit(most).offset(first))])


def album_ids(wanted: AlbumFilter, after: int, most: int) -> list[int]:
    """The next albums after this id that fit, by id."""
    query = Album.select(Album.id).where(_album_fits(wanted), Album.id > after)
    return [album_id for (album_id,) in tuples(query.order_by(Album.id).limit(most))]


def album_count(wanted: AlbumFilter) -> int:
    """How many albums fit."""
    return int(Album.select().where(_album_fits(wanted)).count())


def album_cards(album_ids: Sequence[int]) -> list[AlbumCard]:
    """These albums, in this order."""
    rows = {
        row[0]: row
        for ids in slices(album_ids)
        for row in tuples(
            Album.select(Album.id, Album.title, Album.album_artist, _year(), Album.edition).where(
                Album.id.in_(list(ids))
            )
        )
    }
    shown, credited = fronts(EntityType.ALBUM, album_ids), credits_of(EntityType.ALBUM, album_ids)
    lacks = why_missing(EntityType.ALBUM, [each for each in album_ids if each not in shown])
    return [
        AlbumCard._make((*rows[each], credited.get(each, []), shown.get(each), lacks.get(each, "")))
        for each in album_ids
        if each in rows
    ]


def why_missing(entity_type: EntityType, ids: Sequence[int]) -> dict[int, str]:
    """Why each of these albums or artists shows no picture: of the disk, and of the web."""
    if not ids:
        return {}
    columns = (LedgerRow.entity_id, LedgerRow.kind, LedgerRow.state, LedgerRow.reason)
    of_pictures = LedgerRow.kind.in_((Kind.COVER, Kind.REMOTE))
    found = {
        (entity_id, kind): (State(state), reason)
        for part in slices(ids)
        for entity_id, kind, state, reason in tuples(
            LedgerRow.select(*columns).where(
                of_pictures, LedgerRow.entity_type == entity_type, among(LedgerRow.entity_id, part)
            )
        )
    }
    unasked = "not asked on the web" + ("" if any_on() else ": no provider is on")
    return {
        each: "; ".join(
            (
                _ending(found.get((each, Kind.COVER)), "not looked for yet", ""),
                _ending(found.get((each, Kind.REMOTE)), unasked, "on the web: "),
            )
        )
        for each in ids
    }


def _ending(need: tuple[State, str | None] | None, unasked: str, place: str) -> str:
    """How a search ended that found no picture."""
    if need is None:
        return unasked
    state, reason = need
    return f"{place}{_NOT_FOUND.get(state) or reason or 'nothing was found'}"


_NOT_FOUND = {
    State.TODO: "still to be looked for",
    State.LEASED: "being looked for",
    State.CANCELLED: "the search was cancelled",
}


class AlbumFilters(NamedTuple):
    """What albums can be chosen by."""

    genres: list[FilterValue]
    """By name."""
    years: list[FilterValue]
    """The newest first."""
    sources: list[FilterValue]
    """Where covers were found."""


def album_filters() -> AlbumFilters:
    """The genres, years and sources of covers that there are."""
    genre = Genre.select(Genre.id, Genre.name).order_by(folded(Genre.name)).limit(_MOST_GENRES)
    years = distinct_values("albums", YEAR, f"{YEAR} <> '' AND present > 0")
    sources = distinct_values("covers", "source", "entity_type = 'album' AND role = 'front'")
    return AlbumFilters(
        [FilterValue(str(genre_id), name) for genre_id, name in tuples(genre)],
        [FilterValue(year, year) for year in years],
        [FilterValue(source, source) for source in reversed(sources)],
    )


def year_of(date: str | None) -> str | None:
    """The year of a date as a tag has it."""
    return date[:_YEAR_LENGTH] if date else None


def _year() -> Any:  # an expression
    return SQL(YEAR)


def _ordering(order: AlbumOrder) -> Sequence[Any]:
    """Each is the order of an index."""
    match order:
        case AlbumOrder.ADDED:
            return Album.added_at.desc(), Album.id.desc()
        case AlbumOrder.TITLE:
            return Album.sort_key, Album.id
        case AlbumOrder.ARTIST:
            return Album.artist_key, _year(), Album.sort_key, Album.id
        case AlbumOrder.YEAR:
            return SQL(f"{YEAR} DESC"), Album.sort_key, Album.id


def _album_fits(wanted: AlbumFilter) -> Expression:
    fits: Any = IS_PRESENT
    if wanted.missing_art:
        fits &= ~fn.EXISTS(_front_cover())
    if wanted.source:
        fits &= fn.EXISTS(_front_cover().where(Cover.source == wanted.source))
    if wanted.year:
        fits &= _year() == wanted.year
    if wanted.genre_id is not None:
        fits &= Album.id.in_(_albums_with(TrackGenre, TrackGenre.genre == wanted.genre_id))
    if wanted.artist_id is not None:
        fits &= Album.id.in_(_albums_by(wanted.artist_id))
    if wanted.guest_id is not None:
        fits &= Album.id.in_(_albums_with(TrackArtist, TrackArtist.artist == wanted.guest_id))
        fits &= Album.id.not_in(_albums_by(wanted.guest_id))
    return fits  # type: ignore[no-any-return]  # an expression


def _front_cover() -> Any:
    """The front that the album shows."""
    return (
        Cover.select(1)
        .join(Image)
        .where(
            Cover.entity_type == EntityType.ALBUM,
            Cover.entity_id == Album.id,
            Cover.role == Role.FRONT,
            Image.fault.is_null(),
        )
    )


def _albums_by(artist_id: int) -> Any:
    return AlbumArtist.select(AlbumArtist.album).where(AlbumArtist.artist == artist_id)


def _albums_with(link: Any, condition: Any) -> Any:
    """The albums of present tracks that a row of `link` is about."""
    return (
        link.select(Track.album)
        .join(Track)
        .where(condition, Track.album.is_null(False), Track.missing_since.is_null())
    )


class ArtistCard(NamedTuple):
    """An artist as the list shows one."""

    id: int
    name: str
    albums: int
    disambiguation: str | None
    """What distinguishes the artist from others of the name; None where there is none."""
    picture: Picture | None
    lack: str
    """Why there is no picture; empty where there is one."""


def artist_list(*, everyone: bool, first: int, most: int) -> list[ArtistCard]:
    """Up to `most` artists by name, from position `first` on.

    Those of albums, or with `everyone` also those who only play on some track.
    """
    query = (
        Artist.select(Artist.id)
        .where(artist_is_present() if everyone else _has_albums())
        .order_by(Artist.sort_key, Artist.id)
    )
    return artist_cards([artist_id for (artist_id,) in tuples(query.limit(most).offset(first))])


def artist_ids(after: int, most: int, *, everyone: bool) -> list[int]:
    """The next artists after this id, by id; `everyone` as for `artist_list`."""
    here = artist_is_present() if everyone else _has_albums()
    query = Artist.select(Artist.id).where(here, Artist.id > after).order_by(Artist.id)
    return [artist_id for (artist_id,) in tuples(query.limit(most))]


def artist_cards(artist_ids: Sequence[int]) -> list[ArtistCard]:
    """These artists, in this order."""
    albums = AlbumArtist.select(fn.COUNT(AlbumArtist.album)).where(AlbumArtist.artist == Artist.id)
    rows = {
        row[0]: row
        for ids in slices(artist_ids)
        for row in tuples(
            Artist.select(Artist.id, Artist.name, albums).where(Artist.id.in_(list(ids)))
        )
    }
    shown, distinct = fronts(EntityType.ARTIST, artist_ids), disambiguations(artist_ids)
    lacks = why_missing(EntityType.ARTIST, [each for each in artist_ids if each not in shown])
    return [
        ArtistCard._make((*rows[each], distinct.get(each), shown.get(each), lacks.get(each, "")))
        for each in artist_ids
        if each in rows
    ]


def disambiguations(artist_ids: Sequence[int]) -> dict[int, str]:
    """What distinguishes those of the artists whose name another has too.

    What MusicBrainz says, else how their ids begin.
    """
    other = ArtistName.alias()
    found: dict[int, str] = {}
    for ids in slices(artist_ids):
        same = (other.key == ArtistName.key) & (other.artist != ArtistName.artist)
        query = ArtistName.select(Artist.id, Artist.musicbrainz_id, Fact.value)
        query = query.join(other, on=same).switch(ArtistName).join(Artist)
        says = (Fact.entity_id == Artist.id) & (Fact.entity_type == EntityType.ARTIST)
        says &= Fact.field == "disambiguation"
        query = query.left_outer_join(Fact, on=says).where(among(ArtistName.artist, ids))
        for artist_id, mbid, said in tuples(query.order_by(Fact.score)):
            found[artist_id] = said or (mbid[:_ID_BEGINS] if mbid else "without an id")
    return found


def artist_count(*, everyone: bool) -> int:
    """How many artists there are."""
    if not everyone:
        found = AlbumArtist.select(fn.COUNT(fn.DISTINCT(AlbumArtist.artist))).join(Album)
        return int(found.where(IS_PRESENT).scalar())
    # Each has some track: it takes long only to find those of whom all are missing.
    some = Artist.select().where(artist_is_present()) if missing_count() else Artist.select()
    return int(some.count())


def artist_is_present() -> Any:
    """Whether an artist has a present album, or plays on a present track."""
    tracks = (
        TrackArtist.select(1)
        .join(Track)
        .where(TrackArtist.artist == Artist.id, Track.missing_since.is_null())
    )
    return _has_albums() | fn.EXISTS(tracks)


def _has_albums() -> Any:
    albums = AlbumArtist.select(1).join(Album).where(AlbumArtist.artist == Artist.id, IS_PRESENT)
    return fn.EXISTS(albums)
