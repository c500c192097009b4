"""How artists and genres are written: each spelling with how many tracks and albums use it.

An artist or genre is shown as most tracks write it, the first in the alphabet among equals. Files
that name an artist without an id mean the only one of that name that has an id. Where several
have one, they mean whom other files of their folder name by id, and else an artist of their own.
So it comes out the same whatever the order in which files came and went.

Some files give an id with names of several people: a tagger wrote one everywhere. Which names an id
rightly belongs to is known from all files together (`db.library.names`). A file that gives the id
with another name is taken as if it gave none. The spelling that it uses keeps the id as `given`, so
that whoever comes or goes may change the judgement, in whichever order.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import SQL, fn

from db.library.names import name_key, of_one_artist
from db.library.namesakes import ROW, Row, Settled, delete, empty, give_back, place_loose
from db.models import (
    AlbumArtist,
    Artist,
    ArtistName,
    Genre,
    GenreName,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import LISTED, Prepared, among, slices, tuples
from db.sql.statements import add_to_rows, insert_missing, update_rows


class Spelled(NamedTuple):
    """An artist or genre, and the row of how it is written."""

    id: int
    spelling: int


def ensure_genres(names: Iterable[str]) -> dict[str, Spelled]:
    """The genres of these names; a new one, or a new spelling, gets a row."""
    written = sorted(set(names))
    keys = {name_key(name): name for name in reversed(written)}
    insert_missing(Genre, ["key", "name"], sorted(keys.items()))
    ids = dict(_GENRES.rows(sorted(keys)))
    wanted = {(ids[name_key(name)], name): name for name in written}
    insert_missing(GenreName, ["genre", "name"], list(wanted))
    return {
        wanted[genre_id, name]: Spelled(genre_id, spelling)
        for spelling, genre_id, name in _GENRE_NAMES.rows(sorted(ids.values()))
        if (genre_id, name) in wanted
    }


_GENRES = Prepared.by(Genre.key, Genre.key, Genre.id)
_GENRE_NAMES = Prepared.by(GenreName.genre, GenreName.id, GenreName.genre, GenreName.name)


class Uses(NamedTuple):
    """How often some tracks and albums use each spelling."""

    tracks: Counter[int]
    albums: Counter[int]
    genres: Counter[int]


def uses_of(track_ids: Sequence[int], album_ids: Sequence[int]) -> Uses:
    """What these tracks and albums use now."""
    return Uses(
        _counted(_OF_TRACKS, track_ids),
        _counted(_OF_ALBUMS, album_ids),
        _counted(_GENRES_OF_TRACKS, track_ids),
    )


def _uses(link: Any, of: Any) -> Prepared:
    """How often some tracks or albums use each spelling."""
    return Prepared(
        lambda: (
            link.select(link.spelling, fn.COUNT(of))
            .where(among(of, LISTED), link.spelling.is_null(False))
            .group_by(link.spelling)
        )
    )


def _counted(uses: Prepared, ids: Sequence[int]) -> Counter[int]:
    found: Counter[int] = Counter()
    for spelling, count in uses.rows(ids):
        found[spelling] += count
    return found


_OF_TRACKS = _uses(TrackArtist, TrackArtist.track)
_OF_ALBUMS = _uses(AlbumArtist, AlbumArtist.album)
_GENRES_OF_TRACKS = _uses(TrackGenre, TrackGenre.track)


def settle(
    before: Uses, now: Uses, *, new: Collection[int] = (), unsure: Iterable[str] = ()
) -> Settled:
    """Count the spellings by what some tracks and albums used before and use now, and show them.

    `new` are rows of spellings that may not be in use, `unsure` keys of names under which another
    artist may be meant now. Call it in the transaction that writes the tracks, at its end.
    """
    _count_genres(before, now)
    touched, unused = _count_artists(before, now, new)
    judged = _judge(touched, {row.given for row in unused if row.given})
    loose = {*unsure, *(row.key for row in unused if row.by_id), *judged.loose}
    settled = place_loose(loose, give_back(judged.believed))
    empty({row.artist_id: row.key for row in unused}, settled)
    settled.changed |= _show(Artist, _SHOWN_ARTISTS, touched | settled.changed)
    settled.changed -= settled.emptied
    return settled


def _count_genres(before: Uses, now: Uses) -> None:
    changes = _differences(before.genres, now.genres)
    add_to_rows(GenreName, ["tracks"], [(changes[each], each) for each in sorted(changes)])
    rows = list(_GENRE_COUNTS.rows(sorted(changes)))
    delete(GenreName, [each for each, _, tracks in rows if tracks <= 0])
    _show(Genre, _SHOWN_GENRES, {genre_id for _, genre_id, _ in rows})


_GENRE_COUNTS = Prepared.by(GenreName.id, GenreName.id, GenreName.genre, GenreName.tracks)


def _count_artists(before: Uses, now: Uses, new: Collection[int]) -> tuple[set[int], "list[Row]"]:
    """The artists whose counts changed, and the spellings that are in use no more."""
    tracks = _differences(before.tracks, now.tracks)
    albums = _differences(before.albums, now.albums)
    touched = sorted({*tracks, *albums})
    rows = [(tracks[each], albums[each], each) for each in touched]
    add_to_rows(ArtistName, ["tracks", "albums"], rows)
    artists: set[int] = set()
    unused: list[Row] = []
    for *columns, of_tracks, of_albums in _ARTIST_COUNTS.rows(sorted({*touched, *new})):
        row = Row._make(columns)
        artists.add(row.artist_id)
        if of_tracks <= 0 and of_albums <= 0:
            unused.append(row)
    delete(ArtistName, [row.id for row in unused])
    return artists, unused


_ARTIST_COUNTS = Prepared.by(ArtistName.id, *ROW, ArtistName.tracks, ArtistName.albums)


def _differences(before: Counter[int], now: Counter[int]) -> Counter[int]:
    changes = Counter(now)
    changes.subtract(before)
    return Counter({spelling: change for spelling, change in changes.items() if change})


def _show(entity: Any, names: Prepared, ids: Iterable[int]) -> set[int]:
    """Give these the name that most tracks use; those that had another."""
    shown: dict[int, str] = {}
    uses: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for entity_id, known, name, *sums in names.rows(sorted(ids)):
        shown[entity_id] = known
        uses[entity_id][name] = [-each for each in sums]
    best = {
        each: min((sums, name) for name, sums in names.items())[1] for each, names in uses.items()
    }
    wrong = {each: name for each, name in sorted(best.items()) if name != shown[each]}
    update_rows(entity, ["name"], [(name, each) for each, name in wrong.items()])
    return set(wrong)


def _names_of(spelling: Any, owner: Any, entity: Any, *counts: str) -> Prepared:
    """The name that each of these is shown by, each that it has, and how often that is used."""
    columns = owner, entity.name, spelling.name
    return Prepared(
        lambda: (
            spelling.select(*columns, *(fn.SUM(getattr(spelling, each)) for each in counts))
            .join(entity)
            .where(among(owner, LISTED))
            .group_by(*columns)
        )
    )


_SHOWN_ARTISTS = _names_of(ArtistName, ArtistName.artist, Artist, "tracks", "albums")
_SHOWN_GENRES = _names_of(GenreName, GenreName.genre, Genre, "tracks")


_IS_DOUBTED: Any = SQL("\"given\" <> ''")
"""Finds them by the partial index."""
_TOO_MANY = 3


def doubted(ids: Collection[str]) -> set[tuple[Any, ...]]:
    """Those of the ids that are not believed, each with the key of the name."""
    return set(_DOUBTED.rows(sorted(ids)))


_DOUBTED = Prepared.by(ArtistName.given, ArtistName.given, ArtistName.key, where=_IS_DOUBTED)


class _Judged(NamedTuple):
    """What became of spellings."""

    loose: set[str]
    """The keys of names under which files give an id that is not believed any more."""
    believed: list[tuple[int, int]]
    """The rows of spellings whose id is believed, each with the artist whom they belong to."""


def _judge(artist_ids: Collection[int], gone: Iterable[str]) -> _Judged:
    """Find out again which ids are believed at which names, of artists whose spellings changed.

    `gone` are ids that spellings gave which are no longer in use. The rows have the outcome; who
    is meant by the loose ones, and the links of the believed, are the caller's.
    """
    loose, believed = set[str](), list[tuple[int, int]]()
    for musicbrainz_id, rows in _said(_in_question(artist_ids, gone)).items():
        uses: dict[str, int] = defaultdict(int)
        for row in rows:
            uses[row.name] += row.uses
        right = of_one_artist(uses)
        wrong = [row for row in rows if row.by_id and row.name not in right]
        update_rows(
            ArtistName, ["by_id", "given"], [(False, musicbrainz_id, row.id) for row in wrong]
        )
        loose |= {row.key for row in wrong}
        again = [row for row in rows if not row.by_id and row.name in right]
        if again:
            artist_id = _artist_of(musicbrainz_id, again[0].name)
            update_rows(ArtistName, ["by_id", "given"], [(True, "", row.id) for row in again])
            believed += [(row.id, artist_id) for row in again]
            loose |= {row.key for row in again}
    return _Judged(loose, believed)


class _Said(NamedTuple):
    id: int
    name: str
    key: str
    by_id: bool
    uses: int


def _in_question(artist_ids: Collection[int], gone: Iterable[str]) -> set[str]:
    """The ids of artists with many names, and those that are not believed at a name of them."""
    found = set(gone)
    known: set[str] = set()
    for part in slices(sorted(artist_ids)):
        here = among(ArtistName.artist, part)
        query = ArtistName.select(Artist.musicbrainz_id).join(Artist).where(here, ArtistName.by_id)
        many = query.group_by(ArtistName.artist, Artist.musicbrainz_id)
        many = many.having(fn.COUNT(ArtistName.key.distinct()) >= _TOO_MANY)
        found |= {each for (each,) in tuples(many)}
        if ArtistName.select().where(_IS_DOUBTED).exists():
            given = ArtistName.select(ArtistName.given).where(here, ArtistName.given != "")
            found |= {each for (each,) in tuples(given.distinct())}
            of_artists = Artist.select(Artist.musicbrainz_id).where(among(Artist.id, part))
            known |= {each for (each,) in tuples(of_artists) if each}
    return found | {each for each, _ in doubted(known)}


def _said(ids: Collection[str]) -> Mapping[str, list[_Said]]:
    """All spellings with which files give each of these ids."""
    columns = [getattr(ArtistName, name) for name in ("id", "name", "key", "by_id")]
    uses = ArtistName.tracks + ArtistName.albums
    found: dict[str, list[_Said]] = defaultdict(list)
    for part in slices(sorted(ids)):
        of_artist = ArtistName.select(Artist.musicbrainz_id, *columns, uses).join(Artist)
        of_artist = of_artist.where(among(Artist.musicbrainz_id, part), ArtistName.by_id)
        given = ArtistName.select(ArtistName.given, *columns, uses)
        given = given.where(among(ArtistName.given, part), _IS_DOUBTED)
        for query in (of_artist, given):
            for musicbrainz_id, *row in tuples(query):
                found[musicbrainz_id].append(_Said._make(row))
    return found


def _artist_of(musicbrainz_id: str, name: str) -> int:
    key = f"mbid:{musicbrainz_id}"
    insert_missing(Artist, ["key", "name", "musicbrainz_id"], [(key, name, musicbrainz_id)])
    return int(Artist.get(Artist.key == key).id)
