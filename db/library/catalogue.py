"""Songs, albums and artists as players show them: everything of a page of them by a few queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import JOIN, SQL, fn

from db.models import (
    IS_PRESENT,
    Album,
    AlbumArtist,
    Artist,
    ArtistName,
    AudioFeatures,
    Cover,
    EntityType,
    Fact,
    Genre,
    Image,
    Role,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.queries import LISTED, Prepared, among, below, plain_tuples, slices, tuples


def _text(field: Any) -> Any:
    """A column as text: the database's, so that nothing is parsed which nobody asks for."""
    return field.cast("TEXT")


class Song(NamedTuple):
    """A track. What is `_text` is as the database writes lists and times."""

    id: int
    path: str
    part: int
    title: str | None
    album_id: int | None
    disc: int | None
    track: int | None
    date: str | None
    original_date: str | None
    size: int
    duration: float | None
    codec: str
    bit_rate: int | None
    sample_rate: int | None
    bit_depth: int | None
    channels: int | None
    added_text: str
    moods_text: str
    isrcs_text: str
    composers_text: str
    guessed_text: str | None
    tag_bpm: float | None
    tag_key: str | None
    track_gain: float | None
    track_peak: float | None
    album_gain: float | None
    album_peak: float | None
    title_sort: str | None
    musicbrainz_id: str | None
    credit: str | None
    """The artists in one text, where the file has one beside the list."""
    own_bpm: float | None
    """As the owner corrected it."""
    bpm: float | None
    """That, or by its sound, as the next two."""
    key: str | None
    loudness: float | None
    album: str | None
    album_artist: str | None


_SONG: tuple[Any, ...] = (
    *(Track.id, Track.path, Track.part, Track.title, Track.album, Track.disc, Track.track),
    *(Track.date, Track.original_date, Track.size, Track.duration, Track.codec, Track.bit_rate),
    *(Track.sample_rate, Track.bit_depth, Track.channels, _text(Track.added_at)),
    *(_text(Track.moods), _text(Track.isrcs), _text(Track.composers), _text(Track.guessed)),
    *(Track.bpm, Track.key, Track.replaygain_track_gain, Track.replaygain_track_peak),
    *(Track.replaygain_album_gain, Track.replaygain_album_peak, Track.title_sort),
    *(Track.musicbrainz_recording_id, Track.artist_credit, Track.own_bpm),
    *(AudioFeatures.bpm, AudioFeatures.key, AudioFeatures.loudness),
    *(Album.title, Album.album_artist),
)
_SONGS = Prepared(
    lambda: (
        Track.select(*_SONG)
        .join(Album, JOIN.LEFT_OUTER)
        .switch(Track)
        .join(AudioFeatures, JOIN.LEFT_OUTER)
        .where(among(Track.id, LISTED), Track.missing_since.is_null())
    )
)


class Credited(NamedTuple):
    """An artist of a song or album."""

    id: int
    name: str


class Songs(NamedTuple):
    """Songs in the order that was asked for, with what hangs on them, by id."""

    songs: list[Song]
    artists: dict[int, list[Credited]]
    album_artists: dict[int, list[Credited]]
    """By album."""
    genres: dict[int, list[str]]
    covers: dict[int, str]
    """The digest of the front of those that have another than their album."""
    album_covers: dict[int, str]


def songs(track_ids: Sequence[int]) -> Songs:
    """Those of the tracks whose files are there."""
    rows = {row[0]: Song._make(row) for row in _SONGS.rows(track_ids)}
    found = [rows[track_id] for track_id in track_ids if track_id in rows]
    ids, albums = list(rows), _albums_of(rows.values())
    covers, album_covers = fronts(EntityType.TRACK, ids), fronts(EntityType.ALBUM, albums)
    own = {
        each.id: covers[each.id]
        for each in found
        if each.id in covers and covers[each.id] != album_covers.get(each.album_id or 0)
    }
    return Songs(
        found,
        credited(EntityType.TRACK, ids),
        credited(EntityType.ALBUM, albums),
        _genres_of(ids),
        own,
        album_covers,
    )


def _albums_of(rows: Iterable[Song]) -> list[int]:
    return list({each.album_id for each in rows if each.album_id is not None})


def credited(entity_type: EntityType, ids: Sequence[int]) -> dict[int, list[Credited]]:
    """The artists of each of these tracks or albums that has any, in order."""
    found: dict[int, list[Credited]] = defaultdict(list)
    for entity_id, *credit in _CREDITS[entity_type].rows(ids):
        found[entity_id].append(Credited._make(credit))
    return found


def _credits_of(link: Any, of: Any) -> Prepared:
    written = fn.COALESCE(ArtistName.name, Artist.name)
    return Prepared(
        lambda: (
            link.select(of, Artist.id, written)
            .join(Artist)
            .switch(link)
            .join(ArtistName, JOIN.LEFT_OUTER, on=ArtistName.id == link.spelling)
            .where(among(of, LISTED))
            .order_by(of, link.position)
        )
    )


_CREDITS = {
    EntityType.TRACK: _credits_of(TrackArtist, TrackArtist.track),
    EntityType.ALBUM: _credits_of(AlbumArtist, AlbumArtist.album),
}


_GENRES = Prepared(
    lambda: (
        TrackGenre.select(TrackGenre.track, Genre.name)
        .join(Genre)
        .where(among(TrackGenre.track, LISTED))
        .order_by(TrackGenre.track, TrackGenre.position)
    )
)


def _genres_of(track_ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for track_id, name in _GENRES.rows(track_ids):
        found[track_id].append(name)
    return found


def _fronts_of(entity_type: EntityType) -> Prepared:
    return Prepared(
        lambda: (
            Cover.select(Cover.entity_id, Image.digest)
            .join(Image)
            .where(
                Cover.entity_type == entity_type.value,
                among(Cover.entity_id, LISTED),
                Cover.role == Role.FRONT.value,
                Image.fault.is_null(),
            )
        )
    )


_FRONTS = {
    each: _fronts_of(each) for each in (EntityType.TRACK, EntityType.ALBUM, EntityType.ARTIST)
}


def fronts(entity_type: EntityType, ids: Sequence[int]) -> dict[int, str]:
    """The digest of the front of each of the entities that shows one."""
    return dict(_FRONTS[entity_type].rows(ids))


class AlbumRow(NamedTuple):
    """An album; times are as the database writes them."""

    id: int
    title: str | None
    album_artist: str | None
    edition: str | None
    sort_title: str | None
    date: str | None
    original_date: str | None
    compilation: bool
    label: str | None
    musicbrainz_id: str | None
    added_text: str
    songs: int
    """How many of its tracks are there."""


_ALBUM: tuple[Any, ...] = (
    *(Album.id, Album.title, Album.album_artist, Album.edition, Album.sort_title, Album.date),
    *(Album.original_date, Album.compilation, Album.label, Album.musicbrainz_release_id),
    *(_text(Album.added_at), Album.present),
)
_ALBUMS = Prepared.by(Album.id, *_ALBUM, where=IS_PRESENT)
_SECONDS = Prepared(
    lambda: (
        Track.select(Track.album, fn.SUM(Track.duration))
        .where(among(Track.album, LISTED), Track.missing_since.is_null())
        .group_by(Track.album)
    )
)
_ALBUM_GENRES = Prepared(
    lambda: (
        Track.select(Track.album, Genre.name, fn.COUNT(Track.id))
        .join(TrackGenre, on=TrackGenre.track == Track.id)
        .join(Genre)
        .where(among(Track.album, LISTED), Track.missing_since.is_null())
        .group_by(Track.album, Genre.id, Genre.name)
    )
)
_TYPES = Prepared(
    lambda: (
        Fact.select(Fact.entity_id, Fact.value)
        .where(
            Fact.entity_type == EntityType.ALBUM.value,
            among(Fact.entity_id, LISTED),
            Fact.field == "type",
        )
        .order_by(Fact.score)
    )
)


class Albums(NamedTuple):
    """Albums in the order that was asked for, with what hangs on them, by id."""

    albums: list[AlbumRow]
    artists: dict[int, list[Credited]]
    seconds: dict[int, float]
    genres: dict[int, list[str]]
    """The most frequent first."""
    covers: dict[int, str]
    types: dict[int, str]
    """As the web says, such as Album and EP."""


def albums(album_ids: Sequence[int]) -> Albums:
    """Those of the albums of which a track is there."""
    rows = {row[0]: AlbumRow._make(row) for row in _ALBUMS.rows(album_ids)}
    ids = list(rows)
    genres: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for album_id, name, count in _ALBUM_GENRES.rows(ids):
        genres[album_id].append((-count, name))
    types = {each: value for each, value in _TYPES.rows(ids) if isinstance(value, str)}
    return Albums(
        [rows[each] for each in album_ids if each in rows],
        credited(EntityType.ALBUM, ids),
        {each: float(total or 0) for each, total in _SECONDS.rows(ids)},
        {each: [name for _, name in sorted(several)] for each, several in genres.items()},
        fronts(EntityType.ALBUM, ids),
        types,
    )


class ArtistRow(NamedTuple):
    """An artist."""

    id: int
    name: str
    sort_name: str | None
    sort_key: str | None
    musicbrainz_id: str | None
    albums: int
    """How many the artist leads of which a track is there."""
    cover: str | None
    """The digest of the front."""


def album_artists(root: str | None = None) -> list[ArtistRow]:
    """All artists of albums that are there, or of those below a root, by name."""
    counts = dict(plain_tuples(_counts(SQL("1 = 1") if root is None else _is_below(root))))
    covers = dict(plain_tuples(_covers_of_artists(SQL("1 = 1"))))
    every = plain_tuples(Artist.select(*_ARTIST).order_by(Artist.sort_key, Artist.id))
    return [_artist(row, counts, covers) for row in every if row[0] in counts]


def artists(artist_ids: Sequence[int]) -> list[ArtistRow]:
    """These artists, in this order."""
    rows: dict[int, ArtistRow] = {}
    for ids in slices(artist_ids):
        counts = dict(tuples(_counts(among(AlbumArtist.artist, ids))))
        covers = dict(tuples(_covers_of_artists(among(Cover.entity_id, ids))))
        found = tuples(Artist.select(*_ARTIST).where(among(Artist.id, ids)))
        rows.update((row[0], _artist(row, counts, covers)) for row in found)
    return [rows[each] for each in artist_ids if each in rows]


_ARTIST = (Artist.id, Artist.name, Artist.sort_name, Artist.sort_key, Artist.musicbrainz_id)


def _artist(row: Sequence[Any], counts: Mapping[int, int], covers: Mapping[int, str]) -> ArtistRow:
    return ArtistRow._make((*row, counts.get(row[0], 0), covers.get(row[0])))


def _counts(where: Any) -> Any:
    """A query of artists with how many albums each leads that are there."""
    query = AlbumArtist.select(AlbumArtist.artist, fn.COUNT(AlbumArtist.album))
    return query.join(Album).where(IS_PRESENT, where).group_by(AlbumArtist.artist)


def _covers_of_artists(where: Any) -> Any:
    """A query of artists with the digests of their fronts."""
    shown = (Cover.entity_type == EntityType.ARTIST) & (Cover.role == Role.FRONT)
    query = Cover.select(Cover.entity_id, Image.digest).join(Image)
    return query.where(shown, Image.fault.is_null(), where)


def _is_below(root: str) -> Any:  # an expression
    """Whether an album has a track below a root that is there."""
    here = Track.select(SQL("1")).where(
        Track.album == Album.id, below(Track.path, root), Track.missing_since.is_null()
    )
    return fn.EXISTS(here)


def roles(artist_id: int) -> list[str]:
    """As what an artist is credited in the library: of albums, of songs."""
    tables: tuple[tuple[str, Any], ...] = (("albumartist", AlbumArtist), ("artist", TrackArtist))
    return [
        role
        for role, table in tables
        if table.select(SQL("1")).where(table.artist == artist_id).exists()
    ]


def disc_titles(album_id: int) -> list[tuple[int, str]]:
    """The discs of an album that have a title, by number."""
    query = Track.select(Track.disc, fn.MIN(Track.disc_subtitle)).where(
        Track.album == album_id,
        Track.missing_since.is_null(),
        Track.disc.is_null(False),
        Track.disc_subtitle.is_null(False),
    )
    rows = tuples(query.group_by(Track.disc).order_by(Track.disc))
    return [(disc, title) for disc, title in rows]


def disc_covers(album_id: int) -> dict[int, str]:
    """The digests of the pictures of the discs of an album that have one of their own."""
    query = (
        Cover.select(Cover.role, Image.digest)
        .join(Image)
        .where(
            Cover.entity_type == EntityType.ALBUM,
            Cover.entity_id == album_id,
            Cover.role.startswith(Role.of_disc(0)[:-1]),
            Image.fault.is_null(),
        )
    )
    return {int(role.rpartition("-")[2]): digest for role, digest in tuples(query)}
