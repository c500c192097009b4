"""Artists: by their ids and names, who is credited, who leads albums, whose folders are."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import JOIN, SQL, Expression, fn

from db.artwork import picture_files
from db.library.names import Named
from db.library.spellings import Spelled, doubted
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    EntityType,
    Track,
    TrackArtist,
)
from db.scanning import scans
from db.sql.path_text import is_under
from db.sql.queries import (
    ASKED,
    GIVEN,
    LISTED,
    Prepared,
    among,
    below_asked,
    of_folders,
    slices,
    tuples,
)
from db.sql.statements import insert_missing, update_rows


class NamedArtists(NamedTuple):
    """Artists by how they are named."""

    found: dict[Named, Spelled]
    changed: set[int]
    """Those whose row gained something."""
    unsure: set[str]
    """The keys of names under which another may be meant; see `db.library.spellings.settle`."""

    @property
    def ids(self) -> set[int]:
        """Of the artists."""
        return {each.id for each in self.found.values()}

    @property
    def spellings(self) -> set[int]:
        """The rows of how they are written."""
        return {each.spelling for each in self.found.values()}


def ensure_artists(said: Mapping[Named, Iterable[str | None]]) -> NamedArtists:
    """The artists who are named so, with the sort names of each; new ones get a row.

    Without an id it is the only one of this name that has an id, or else one without. Of several
    sort names of a name, whoever has it, the smallest wins, so that order never decides.
    """
    believed = _believed(said)
    with_id: dict[str, set[str]] = defaultdict(set)
    for each in believed.values():
        if each.musicbrainz_id:
            with_id[each.key].add(each.musicbrainz_id)
    known = _ids_by_key({each.key for each in said})
    _give_ids(with_id, known)
    meant = {key: known.get(key, set()) | with_id[key] for key in {*known, *with_id}}
    keys = {each: _natural_key(believed[each], meant.get(each.key, set())) for each in said}
    changed, ids = _write_artists(said, keys)
    unsure = {
        key for key, those in meant.items() if len(those) > 1 or not those <= known.get(key, set())
    }
    return NamedArtists(_ensure_spellings(believed, ids), changed, unsure)


def _believed(said: Iterable[Named]) -> dict[Named, Named]:
    """Each as it is taken: without an id that is not believed at that name."""
    doubtful = doubted({each.musicbrainz_id for each in said if each.musicbrainz_id})
    return {
        each: Named(each.name) if (each.musicbrainz_id, each.key) in doubtful else each
        for each in said
    }


def _natural_key(each: Named, meant: Collection[str]) -> str:
    """Of the artist, where those of this name have these ids."""
    if each.musicbrainz_id or len(meant) == 1:
        return f"mbid:{each.musicbrainz_id or min(meant)}"
    return f"name:{each.key}"


def _ids_by_key(keys: Collection[str]) -> dict[str, set[str]]:
    """The ids by which files name artists of these keys."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, each in _IDS_BY_KEY.rows(sorted(keys)):
        found[key].add(each)
    return found


_IDS_BY_KEY = Prepared(
    lambda: (
        ArtistName.select(ArtistName.key, Artist.musicbrainz_id)
        .join(Artist)
        .where(among(ArtistName.key, LISTED), ArtistName.by_id)
    )
)


def _give_ids(with_id: Mapping[str, set[str]], known: Mapping[str, set[str]]) -> None:
    """Have an artist without id be the first of that name who has one; the row stays."""
    only = {key: min(ids) for key, ids in with_id.items() if len(ids) == 1 and not known.get(key)}
    taken = set(_rows_by_key([f"mbid:{each}" for each in set(only.values())]))
    nameless = _rows_by_key([f"name:{key}" for key in only])
    for key, row in sorted(nameless.items(), key=lambda each: each[1].id):
        identity = f"mbid:{only[key.removeprefix('name:')]}"
        if identity not in taken:
            taken.add(identity)
            Artist.update(key=identity, musicbrainz_id=identity.removeprefix("mbid:")).where(
                Artist.id == row.id
            ).execute()


def _write_artists(
    said: Mapping[Named, Iterable[str | None]], keys: Mapping[Named, str]
) -> tuple[set[int], dict[Named, int]]:
    """Write the artists of these natural keys; those that gained something, and all ids."""
    first: dict[str, Named] = {}
    for each in sorted(keys, key=lambda each: each.name):
        first.setdefault(keys[each], each)
    new = [
        (key, each.name, key.removeprefix("mbid:") if key.startswith("mbid:") else None)
        for key, each in sorted(first.items())
    ]
    insert_missing(Artist, ["key", "name", "musicbrainz_id"], new)
    ids = {key: row.id for key, row in _rows_by_key(list(first)).items()}
    return _write_sort_names(said, keys, ids), {each: ids[key] for each, key in keys.items()}


def _write_sort_names(
    said: Mapping[Named, Iterable[str | None]], keys: Mapping[Named, str], ids: Mapping[str, int]
) -> set[int]:
    """Give all artists of a name its sort name; those who gained one.

    Two of one name are sorted by the same, and which of them a file meant may be settled later.
    """
    named_so: dict[str, set[int]] = defaultdict(set)
    for each, key in keys.items():
        named_so[each.key].add(ids[key])
    for key, artist_id in _NAMED_SO.rows(sorted(named_so)):
        named_so[key].add(artist_id)
    before = {
        row.id: row.sort_name for row in known_artists(sorted(set().union(*named_so.values())))
    }
    stated_of: dict[str, list[str | None]] = defaultdict(list)
    for each in keys:
        stated_of[each.key] += said[each]
    best = dict(before)
    for key, artist_ids in sorted(named_so.items()):
        stated = stated_of[key]
        smallest = reduce(_smallest, [*stated, *(best[each] for each in artist_ids)], None)
        best.update(dict.fromkeys(artist_ids, smallest))
    gained = [(sort, artist_id) for artist_id, sort in best.items() if sort != before[artist_id]]
    update_rows(Artist, ["sort_name"], gained)
    return {artist_id for _, artist_id in gained}


_NAMED_SO = Prepared.by(ArtistName.key, ArtistName.key, ArtistName.artist)


def _ensure_spellings(
    believed: Mapping[Named, Named], ids: Mapping[Named, int]
) -> dict[Named, Spelled]:
    rows = {
        (
            *(ids[each], each.name, taken.musicbrainz_id is not None),
            "" if taken.musicbrainz_id else each.musicbrainz_id or "",
        ): each
        for each, taken in believed.items()
    }
    insert_missing(
        ArtistName,
        ["artist", "name", "by_id", "given", "key"],
        [(*row, each.key) for row, each in rows.items()],
    )
    found = {tuple(row): spelling for spelling, *row in _SPELLINGS.rows(sorted(set(ids.values())))}
    return {each: Spelled(row[0], found[row]) for row, each in rows.items()}


_SPELLINGS = Prepared.by(
    ArtistName.artist,
    *(ArtistName.id, ArtistName.artist, ArtistName.name, ArtistName.by_id, ArtistName.given),
)


def _rows_by_key(keys: Sequence[str]) -> "dict[str, KnownArtist]":
    return {key: KnownArtist._make(row) for *row, key in _ARTISTS_BY_KEY.rows(keys)}


def _smallest(known: str | None, stated: str | None) -> str | None:
    return min((value for value in (known, stated) if value), default=None)


class KnownArtist(NamedTuple):
    """A row of `artists`."""

    id: int
    name: str
    sort_name: str | None
    musicbrainz_id: str | None


_ARTIST = [getattr(Artist, name) for name in KnownArtist._fields]
_ARTISTS = Prepared.by(Artist.id, *_ARTIST)
_ARTISTS_BY_KEY = Prepared.by(Artist.key, *_ARTIST, Artist.key)


class LedAlbum(NamedTuple):
    """An album, the artist who leads it, and a group folder that present tracks of it lie in."""

    artist_id: int
    album_id: int
    group_folder: str
    compilation: bool


def known_artists(artist_ids: Sequence[int]) -> list[KnownArtist]:
    """These artists, by id."""
    return list(map(KnownArtist._make, _ARTISTS.rows(artist_ids)))


class Credit(NamedTuple):
    """An artist of an album or a track."""

    artist_id: int
    name: str
    """As it is written there; the artist may be shown in another spelling."""


def credits_of(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, list[Credit]]:
    """The artists of each of these albums or tracks that has any, in order."""
    table: Any = TrackArtist
    of: Any = TrackArtist.track
    if entity_type is EntityType.ALBUM:
        table, of = AlbumArtist, AlbumArtist.album
    found: dict[int, list[Credit]] = defaultdict(list)
    for ids in slices(entity_ids):
        written = fn.COALESCE(ArtistName.name, Artist.name)
        query = table.select(of, Artist.id, written).join(Artist).switch(table)
        query = query.left_outer_join(ArtistName, on=ArtistName.id == table.spelling)
        query = query.where(among(of, ids))
        for entity_id, *credit in tuples(query.order_by(of, table.position)):
            found[entity_id].append(Credit._make(credit))
    return dict(found)


def albums_led_by(artist_ids: Sequence[int]) -> list[LedAlbum]:
    """The albums that these artists lead, with their folders."""
    found: list[LedAlbum] = []
    for ids in slices(artist_ids):
        query = (
            AlbumArtist.select(
                AlbumArtist.artist, AlbumArtist.album, Track.group_folder, Album.compilation
            )
            .join(Album)
            .join(Track, on=Track.album == Album.id)
            .where(
                among(AlbumArtist.artist, ids),
                AlbumArtist.position == 0,
                Track.missing_since.is_null(),
            )
            .distinct()
        )
        found += [LedAlbum(*row) for row in tuples(query)]
    return sorted(found)


def with_music(artist_ids: Sequence[int]) -> set[int]:
    """Those of the artists of whom a present track is, or an album that has one."""
    own = (
        TrackArtist.select(SQL("1"))
        .join(Track)
        .where(TrackArtist.artist == Artist.id, Track.missing_since.is_null())
    )
    of_album = (
        AlbumArtist.select(SQL("1"))
        .join(Track, on=AlbumArtist.album == Track.album)
        .where(AlbumArtist.artist == Artist.id, Track.missing_since.is_null())
    )
    has_music = fn.EXISTS(own) | fn.EXISTS(of_album)
    return {
        artist_id
        for ids in slices(artist_ids)
        for (artist_id,) in tuples(Artist.select(Artist.id).where(among(Artist.id, ids), has_music))
    }


def leaders_of(album_ids: Sequence[int]) -> set[int]:
    """The artists who lead these albums."""
    return {artist_id for (artist_id,) in _LEADERS.rows(album_ids)}


_LEADERS = Prepared.by(AlbumArtist.album, AlbumArtist.artist, where=AlbumArtist.position == 0)


_LEADER = fn.COALESCE(AlbumArtist.artist, TrackArtist.artist)
"""Who leads a track's album, or the track where it has none."""


def _leaders(where: Expression) -> Any:  # a query
    """Who leads the present tracks for which this holds, each by its leader."""
    return (
        Track.select(_LEADER)
        .join(
            AlbumArtist,
            JOIN.LEFT_OUTER,
            on=(AlbumArtist.album == Track.album) & (AlbumArtist.position == 0),
        )
        .switch(Track)
        .join(
            TrackArtist,
            JOIN.LEFT_OUTER,
            on=(TrackArtist.track == Track.id) & (TrackArtist.position == 0),
        )
        .where(where, Track.missing_since.is_null(), _LEADER.is_null(False))
    )


_RIGHT_IN, _BELOW = Track.group_folder == ASKED, below_asked(Track.group_folder)


def shared_folders(pairs: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the pairs of a folder and an artist where another leads something in it or below.

    Each costs no more than what the artist has there: the search ends at the first of another.
    """
    of_another = _LEADER != GIVEN
    shared = [fn.EXISTS(_leaders(where & of_another)) for where in (_RIGHT_IN, _BELOW)]
    return set(of_folders(pairs, (ASKED, GIVEN), reduce(or_, shared)))


def with_tracks(folders: Collection[str]) -> set[str]:
    """Those of the folders that are the group folder of a present track."""
    here = Track.select(SQL("1")).where(_RIGHT_IN, Track.missing_since.is_null())
    asked = [(folder, 0) for folder in folders]
    return {folder for (folder,) in of_folders(asked, (ASKED,), fn.EXISTS(here))}


def alone_below(folders: Mapping[str, bool]) -> set[int]:
    """The artists who lead all that is below one of these folders.

    Each folder says whether it counts where an album's tracks lie in the folder itself.
    """
    leaders = [_leaders(where).limit(1) for where in (_RIGHT_IN, _BELOW)]
    first: set[tuple[str, int]] = set()
    for folder, right_in, below in of_folders([(each, 0) for each in folders], (ASKED, *leaders)):
        if right_in is None and below is not None:
            first.add((folder, below))
        elif right_in is not None and folders[folder]:
            first.add((folder, right_in))
    return {leader for _, leader in first - shared_folders(first)}


def artists_near(group_folders: Iterable[str], *, something_left: bool) -> set[int]:
    """The artists whose folder may begin, or cease, to be theirs by what came to these folders.

    With `something_left` also those whose folder may be theirs alone again.
    """
    above = _above(group_folders)
    found = picture_files.artists_in(above)
    if something_left:
        found |= alone_below(dict.fromkeys(picture_files.folder_images_in(above), True))
    return found


def _above(folders: Iterable[str]) -> set[str]:
    """The folders and those above them, below the library roots."""
    roots = scans.roots()
    left, found = set(folders), set[str]()
    while left:
        inside = {each for each in left if any(each != r for r in roots if is_under(each, r))}
        found |= inside
        left = {posixpath.dirname(folder) for folder in inside} - found
    return found
