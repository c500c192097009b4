"""Artists: unique names with a row each, who is credited, who leads albums, whose folders are."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from peewee import JOIN, SQL, Expression, fn

from db.artwork import picture_files
from db.models import Album, AlbumArtist, Artist, EntityType, Track, TrackArtist
from db.scanning import scans
from db.sql.path_text import is_under
from db.sql.queries import ASKED, GIVEN, among, below_asked, of_folders, slices, tuples
from db.sql.statements import insert_missing, update_rows


class ArtistFacts(NamedTuple):
    """What a track says of an artist beside the name."""

    musicbrainz_id: str | None = None
    sort_name: str | None = None


class NamedArtists(NamedTuple):
    """Artists by name, and those of them whose row gained something."""

    ids: dict[str, int]
    changed: set[int]


def ensure_artists(facts: Mapping[str, Iterable[ArtistFacts]]) -> NamedArtists:
    """The ids of these artists by name, adding rows for new names.

    The rows keep the ids and sort names of the records. Where tracks disagree on an id or a sort
    name the smallest wins, so that order never decides.
    """
    names = sorted(facts)
    insert_missing(Artist, ["name"], [(name,) for name in names])
    found = NamedArtists({}, set())
    changed: list[tuple[str | None, str | None, int]] = []
    for artist in _named(names):
        found.ids[artist.name] = artist.id
        known = (artist.musicbrainz_id, artist.sort_name)
        said = _with_facts(known, facts[artist.name])
        if said != known:
            changed.append((*said, artist.id))
    update_rows(Artist, ["musicbrainz_id", "sort_name"], changed)
    found.changed.update(artist_id for *_, artist_id in changed)
    return found


def _named(names: Sequence[str]) -> "Iterator[KnownArtist]":
    for part in slices(names):
        yield from map(KnownArtist._make, tuples(_ARTISTS.where(among(Artist.name, part))))


def _with_facts(
    known: tuple[str | None, str | None], facts: Iterable[ArtistFacts]
) -> tuple[str | None, str | None]:
    """The id and the sort name with what the records say."""
    musicbrainz_id, sort_name = known
    for fact in facts:
        musicbrainz_id = _smallest(musicbrainz_id, fact.musicbrainz_id)
        sort_name = _smallest(sort_name, fact.sort_name)
    return musicbrainz_id, sort_name


def _smallest(known: str | None, stated: str | None) -> str | None:
    return min((value for value in (known, stated) if value), default=None)


class KnownArtist(NamedTuple):
    """A row of `artists`."""

    id: int
    name: str
    sort_name: str | None
    musicbrainz_id: str | None


_ARTISTS = Artist.select(*(getattr(Artist, name) for name in KnownArtist._fields))


class LedAlbum(NamedTuple):
    """An album, the artist who leads it, and a group folder that present tracks of it lie in."""

    artist_id: int
    album_id: int
    group_folder: str
    compilation: bool


def known_artists(artist_ids: Sequence[int]) -> list[KnownArtist]:
    """These artists, by id."""
    return [
        KnownArtist._make(row)
        for ids in slices(artist_ids)
        for row in tuples(_ARTISTS.where(among(Artist.id, ids)))
    ]


class Credit(NamedTuple):
    """An artist of an album or a track."""

    artist_id: int
    name: str


def credits_of(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, list[Credit]]:
    """The artists of each of these albums or tracks that has any, in order."""
    table: Any = TrackArtist
    of: Any = TrackArtist.track
    if entity_type is EntityType.ALBUM:
        table, of = AlbumArtist, AlbumArtist.album
    found: dict[int, list[Credit]] = defaultdict(list)
    for ids in slices(entity_ids):
        query = table.select(of, Artist.id, Artist.name).join(Artist).where(among(of, ids))
        for entity_id, *credit in tuples(query.order_by(of, table.position)):
            found[entity_id].append(Credit._make(credit))
    return dict(found)


def known_artists_after(artist_id: int) -> list[KnownArtist]:
    """Every artist with a greater id, by id."""
    query = _ARTISTS.where(Artist.id > artist_id).order_by(Artist.id)
    return [KnownArtist._make(row) for row in tuples(query)]


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
    return {
        artist_id
        for ids in slices(album_ids)
        for (artist_id,) in tuples(
            AlbumArtist.select(AlbumArtist.artist).where(
                among(AlbumArtist.album, ids), AlbumArtist.position == 0
            )
        )
    }


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
