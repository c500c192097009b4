"""Albums: their artists, and columns that follow from the tracks."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from peewee import JOIN, SQL

from db.library.names import Named, named
from db.library.spellings import Spelled
from db.models import Album, AlbumArtist, Artist, Guesses, Track
from db.models.library import IS_PRESENT
from db.sql.queries import LISTED, Prepared, among, indexable, slices, tuples
from db.sql.statements import insert_missing, insert_rows, update_rows

T = TypeVar("T")


def plurality(values: Iterable[T | None]) -> T | None:
    """The most frequent value that is not empty, the smallest among equals; None of none."""
    counts = Counter(value for value in values if value)
    if not counts:
        return None
    best = max(counts.values())
    return min((value for value, count in counts.items() if count == best), key=repr)


class AlbumSaid(NamedTuple):
    """What grouping says of an album beside its key and artists."""

    release: str | None = None
    edition: str | None = None
    row: int | None = None
    """The row that it keeps though its key may be another; None for the one that has the key."""
    title_key: str | None = None
    """Its title, as grouping compares it."""


def ensure(wanted: Mapping[str, AlbumSaid]) -> dict[str, int]:
    """The ids of albums by their keys, adding rows for those that have none."""
    _give_keys({said.row: key for key, said in wanted.items() if said.row is not None})
    columns = ("release", "edition", "title_key")
    rows = [(key, *_kept(said)) for key, said in sorted(wanted.items())]
    insert_missing(Album, ["key", *columns], rows)
    found = list(_BY_KEY.rows(sorted(wanted)))
    said = {row[0]: row[1:] for row in rows}
    changed = [(*said[key], row) for key, *known, row in found if tuple(known) != said[key]]
    update_rows(Album, columns, changed)
    return {key: row for key, *_, row in found}


_BY_KEY = Prepared.by(Album.key, Album.key, Album.release, Album.edition, Album.title_key, Album.id)


def _kept(said: AlbumSaid) -> tuple[str | None, ...]:
    title_key = None if said.title_key is None else indexable(said.title_key)
    return said.release, said.edition, title_key


class Titled(NamedTuple):
    """An album of a title, and whose it is."""

    title_key: str
    release: str
    album_artist: str | None
    musicbrainz_id: str | None
    """Of the first artist."""


def of_titles(title_keys: Sequence[str]) -> list[Titled]:
    """The albums of these titles, as grouping compares them, of which a track is there."""
    keys = {indexable(each): each for each in title_keys if each}
    return [Titled(keys[key], *row) for key, *row in _OF_TITLES.rows(sorted(keys))]


_OF_TITLES = Prepared(
    lambda: (
        Album.select(Album.title_key, Album.release, Album.album_artist, Artist.musicbrainz_id)
        .join(
            AlbumArtist,
            JOIN.LEFT_OUTER,
            on=(AlbumArtist.album == Album.id) & (AlbumArtist.position == 0),
        )
        .join(Artist, JOIN.LEFT_OUTER)
        .where(among(Album.title_key, LISTED), IS_PRESENT)
    )
)


def _give_keys(rows: Mapping[int, str]) -> None:
    """Give rows these keys. Whoever has one of them and gets none has to do without."""
    held: dict[int, str] = {}
    for ids in slices(sorted(rows)):
        held |= tuples(Album.select(Album.id, Album.key).where(among(Album.id, ids)))
    for keys in slices(sorted(rows.values())):
        held |= tuples(Album.select(Album.id, Album.key).where(among(Album.key, keys)))
    given = [(key, row) for row, key in rows.items() if row in held and held[row] != key]
    if not given:
        return
    taken = {key for key, _ in given}
    free = {row for row, key in held.items() if key in taken} | {row for _, row in given}
    update_rows(Album, ["key"], [(f"former:{row}", row) for row in sorted(free)])
    update_rows(Album, ["key"], given)


_COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_DISC = re.compile(
    rf"[\s,(\[{{-](?:cd|dis[ck])[\s._#-]*(\d{{1,2}}|{'|'.join(_COUNTED)})"
    r"(?:\s?(?:of|/)\s?\d+)?(?:$|[)\]}:].*|\s-\s.*)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def title_and_disc(title: str) -> tuple[str, int | None]:
    """The title of an album and the disc that it may end with: "Live [Disc 2]" is (Live, 2)."""
    match = _DISC.search(title)
    if match is None or not (name := title[: match.start()].rstrip(" ,._-([{")):
        return title, None
    said = match[1].lower()
    return name, _COUNTED.index(said) + 1 if said in _COUNTED else int(said) or None


_FROM_TRACKS = {
    "title": Track.album_title,
    "sort_title": Track.album_sort,
    "date": Track.date,
    "original_date": Track.original_date,
    "musicbrainz_release_id": Track.musicbrainz_release_id,
    "musicbrainz_release_group_id": Track.musicbrainz_release_group_id,
}
"""Columns of an album that are what most of its present tracks say."""
_TAG = {"title": "album"}
"""What `jobs.tags` calls it, where that is another name."""


_READ = (
    *_FROM_TRACKS.values(),
    Track.compilation,
    Track.disc,
    Track.disc_total,
    Track.labels,
    Track.catalogue_numbers,
    Track.guessed,
)
_WRITTEN = (*_FROM_TRACKS, "compilation", "disc_total", "label", "catalogue_number", "guessed")


def refresh(album_ids: Sequence[int]) -> None:
    """Write of each album what its present tracks say together, whatever the order they came in."""
    for ids in slices(album_ids):
        members: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        credits: dict[int, list[str]] = defaultdict(list)
        for album_id, credit, *said in _SAID.rows(ids):
            members[album_id].append(tuple(said))
            if credit:
                credits[album_id].append(credit)
        rows = [(*_together(tracks), album_id) for album_id, tracks in members.items()]
        update_rows(Album, _WRITTEN, rows)
        shown = [(plurality(each), album_id) for album_id, each in credits.items()]
        update_rows(Album, ["album_artist"], shown)


_SAID = Prepared.by(
    Track.album, Track.album, Track.album_artist_credit, *_READ, where=Track.missing_since.is_null()
)


def keep_rows(keys: Mapping[int, str | None]) -> None:
    """Give albums of which no track stays a new key that most of them go to, if nobody has it.

    So the row stays, with all that hangs on it, when an album's folder or its title has changed.
    `keys` are the keys that known tracks get. A track that was moved and not read since does not
    count, for it will go too.
    """
    fresh = {key for key in keys.values() if key is not None}
    fresh -= _with_row(sorted(fresh))
    going = {track_id: key for track_id, key in keys.items() if key in fresh}
    votes = Counter((album_id, keys[track_id]) for track_id, album_id in _album_of(sorted(going)))
    staying = _stayed_in(sorted({album_id for album_id, _ in votes}), keys)
    rows: dict[int, str] = {}
    for (album_id, key), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0][0])):
        if key in fresh and album_id not in rows and album_id not in staying:
            rows[album_id] = key
            fresh.discard(key)
    update_rows(Album, ["key"], [(key, album_id) for album_id, key in rows.items()])


def _with_row(keys: Sequence[str]) -> set[str]:
    return {
        key
        for part in slices(keys)
        for (key,) in tuples(Album.select(Album.key).where(among(Album.key, part)))
    }


def _album_of(track_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The album of each of these tracks that is in one."""
    for ids in slices(track_ids):
        where = among(Track.id, ids), Track.album.is_null(False)
        yield from tuples(Track.select(Track.id, Track.album).where(*where))


def _stayed_in(album_ids: Sequence[int], keys: Mapping[int, str | None]) -> set[int]:
    """Those of the albums with a present track that was read and does not get another key."""
    found = set[int]()
    for ids in slices(album_ids):
        query = (
            Track.select(Track.id, Track.album, Album.key)
            .join(Album)
            .where(among(Track.album, ids), Track.missing_since.is_null(), Track.mtime_ns != -1)
        )
        found.update(
            album_id for track_id, album_id, key in tuples(query) if keys.get(track_id, key) == key
        )
    return found


def artist_ids(album_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """The ids that the present tracks of these albums give of album artists, by `name_key`."""
    said: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for album_id, names, ids in _ARTIST_IDS.rows(album_ids):
        for each in named(names, ids):
            if each.musicbrainz_id:
                said[album_id][each.key].append(each.musicbrainz_id)
    return {
        album_id: {key: plurality(ids) or ids[0] for key, ids in by_key.items()}
        for album_id, by_key in said.items()
    }


_ARTIST_IDS = Prepared(
    lambda: Track.select(
        Track.album, Track.album_artist_names, Track.musicbrainz_album_artist_ids
    ).where(
        among(Track.album, LISTED),
        Track.missing_since.is_null(),
        # Most files have none: the database leaves those out before JSON is parsed.
        SQL("\"musicbrainz_album_artist_ids\" <> '[]'"),
    )
)


def set_artists(artists: Mapping[int, Sequence[Named]], spelled: Mapping[Named, Spelled]) -> None:
    """Write the artists of albums, in order."""
    ids = sorted(artists)
    for part in slices(ids):
        AlbumArtist.delete().where(among(AlbumArtist.album, part)).execute()
    rows = [
        (album_id, position, *spelled[artist])
        for album_id, credits in artists.items()
        for position, artist in enumerate(credits)
    ]
    insert_rows(AlbumArtist, ("album", "position", "artist", "spelling"), rows)
    shown = [
        ("; ".join(each.name for each in credits) or None, album_id)
        for album_id, credits in artists.items()
    ]
    update_rows(Album, ["album_artist"], shown)


def _together(tracks: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """What these tracks, each as _READ, say of their album, as _WRITTEN."""
    titles, *same, compilations, discs, totals, labels, numbers, guessed = zip(*tracks, strict=True)
    if len(set(titles)) > 1:  # perhaps of several discs
        titles = tuple(title_and_disc(each or "")[0] for each in titles)
    same.insert(0, titles)
    shown = tuple(map(plurality, same))
    return (
        *shown,
        any(compilations),
        max((number for number in (*discs, *totals) if number), default=None),
        plurality(name for each in labels for name in each),
        plurality(number for each in numbers for number in each),
        _guessed(shown, same, guessed) if any(guessed) else None,
    )


def _guessed(
    shown: Sequence[Any], said: Sequence[Sequence[Any]], guessed: Sequence[Guesses | None]
) -> Guesses | None:
    """Which columns no track says by its tags, each with the source of most.

    `shown` are the values of _FROM_TRACKS, `said` what each track says of each.
    """
    guesses = [each or {} for each in guessed]
    sources = {
        name: [
            each.get(_TAG.get(name, name))
            for each, value in zip(guesses, values, strict=True)
            if value == is_shown
        ]
        for name, values, is_shown in zip(_FROM_TRACKS, said, shown, strict=True)
    }
    sources["album_artist"] = [each.get("album_artists", each.get("artists")) for each in guesses]
    return {
        name: plurality(each) or "" for name, each in sources.items() if each and all(each)
    } or None
