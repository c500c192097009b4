"""Tracks: writing what was read, the tracks of albums and places, and titles for people."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from peewee import JOIN, Expression, ModelSelect, fn

from db.library.artists import credits_of
from db.library.track_files import TrackKey, ids_in_files
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    AudioFeatures,
    EmbeddedPicture,
    EntityType,
    Lyrics,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.sql.path_text import shown
from db.sql.queries import LISTED, Prepared, among, slices, tuples
from db.sql.statements import insert_rows, update_rows


def track_ids(first: int, most: int) -> list[int]:
    """Up to `most` present tracks by path and part, from position `first` on."""
    here = Track.select(Track.id).where(Track.missing_since.is_null())
    query = here.order_by(Track.path, Track.part)
    return [track_id for (track_id,) in tuples(query.limit(most).offset(first))]


def ids_after(after: int, most: int) -> list[int]:
    """The next present tracks after this id, by id."""
    here = Track.select(Track.id).where(Track.missing_since.is_null(), Track.id > after)
    return [track_id for (track_id,) in tuples(here.order_by(Track.id).limit(most))]


class PresentFile(NamedTuple):
    """The file of a track as it was when it was read."""

    path: str
    """In the text form of `db.sql.path_text`."""
    size: int
    mtime_ns: int
    part: int
    """The number of the part of it that the track is; 0 for the whole file."""


def present_file(track_id: int) -> PresentFile | None:
    """The file of a track; None when it is gone."""
    query = Track.select(Track.path, Track.size, Track.mtime_ns, Track.part)
    query = query.where(Track.id == track_id, Track.missing_since.is_null())
    return next(map(PresentFile._make, tuples(query)), None)


_OF_TRACK: tuple[Any, ...] = (
    *(Track.id, Track.path, Track.group_folder, Track.missing_since, Track.content_id),
    *(Track.album_title, Track.album_artist_names, Track.compilation, Track.musicbrainz_release_id),
    *(Track.title, Track.disc, Track.disc_total, Track.track, Track.track_total, Track.date),
    *(Track.codec, Track.bit_depth, Track.sample_rate, Track.part, Track.guessed),
    *(Track.musicbrainz_artist_ids, Track.musicbrainz_album_artist_ids),
)
_OF_ALBUM: tuple[Any, ...] = (Album.id, Album.key, Album.release, Album.edition)
_IN_PLACES = Prepared(
    lambda: (
        Track.select(*_OF_TRACK, *_OF_ALBUM)
        .join(Album, JOIN.LEFT_OUTER)
        .where(among(Track.group_folder, LISTED))
    )
)
_OF_RELEASES = Prepared(
    lambda: (
        Track.select(*_OF_TRACK, *_OF_ALBUM)
        .join(Album)
        .where(among(Album.release, LISTED), Track.missing_since.is_null())
    )
)


def in_places(group_folders: Sequence[str]) -> Iterator[Track]:
    """The tracks of these group folders, missing ones too, with what grouping needs."""
    return map(_with_album, _IN_PLACES.rows(group_folders))


def of_releases(releases: Sequence[str]) -> Iterator[Track]:
    """The present tracks of the albums that are editions of these, with what grouping needs."""
    return map(_with_album, _OF_RELEASES.rows(releases))


def _with_album(row: Sequence[Any]) -> Track:
    """A track, and its album, by what was selected of both."""
    of_track, of_album = row[: len(_OF_TRACK)], row[len(_OF_TRACK) :]
    album = {each.name: value for each, value in zip(_OF_ALBUM, of_album, strict=True)}
    track = {each.name: value for each, value in zip(_OF_TRACK, of_track, strict=True)}
    return Track(**track, album=None if album["id"] is None else Album(**album))


def albums_of(track_ids: Sequence[int]) -> set[int]:
    """The albums that these tracks belong to now."""
    return {album_id for ids in slices(track_ids) for album_id in _albums(among(Track.id, ids))}


def artists_of(track_ids: Sequence[int]) -> set[int]:
    """The artists of these tracks, and those of their albums."""
    found: set[int] = set()
    for ids in slices(track_ids):
        own = TrackArtist.select(TrackArtist.artist).where(among(TrackArtist.track, ids))
        albums = Track.select(Track.album).where(among(Track.id, ids))
        of_albums = AlbumArtist.select(AlbumArtist.artist).where(AlbumArtist.album.in_(albums))
        found.update(artist_id for query in (own, of_albums) for (artist_id,) in tuples(query))
    return found


def in_albums(album_ids: Sequence[int]) -> dict[int, list[int]]:
    """The tracks of each of these albums that has any, missing ones too."""
    found: dict[int, list[int]] = {}
    for ids in slices(album_ids):
        query = Track.select(Track.album, Track.id).where(among(Track.album, ids))
        for album_id, track_id in tuples(query):
            found.setdefault(album_id, []).append(track_id)
    return found


def albums_in(group_folders: Sequence[str]) -> set[int]:
    """The albums that have a track, missing ones too, in these group folders."""
    return {
        album_id
        for folders in slices(group_folders)
        for album_id in _albums(among(Track.group_folder, folders))
    }


def folders_of(entity_type: EntityType, ids: Sequence[int]) -> dict[int, set[str]]:
    """The folders of the files of each of these entities that has any, of missing ones too."""
    found: dict[int, set[str]] = defaultdict(set)
    for part in slices(ids):
        for each, folder in chain.from_iterable(map(tuples, _folders(entity_type, part))):
            found[each].add(folder)
    return found


def _folders(entity_type: EntityType, ids: Sequence[int]) -> "list[ModelSelect[Any]]":
    if entity_type is EntityType.TRACK:
        return [Track.select(Track.id, Track.folder).where(among(Track.id, ids))]
    if entity_type is EntityType.ALBUM:
        query = Track.select(Track.album, Track.folder).where(among(Track.album, ids))
        return [query.distinct()]
    credited = TrackArtist.select(TrackArtist.artist, Track.folder).join(Track)
    led = AlbumArtist.select(AlbumArtist.artist, Track.folder).join(
        Track, on=(Track.album == AlbumArtist.album)
    )
    return [
        credited.where(among(TrackArtist.artist, ids)).distinct(),
        led.where(among(AlbumArtist.artist, ids)).distinct(),
    ]


def upsert(rows: Sequence[Mapping[str, Any]]) -> dict[TrackKey, int]:
    """Write tracks by their path and part, and return their ids.

    Every row has the same columns, in the same order.
    """
    if not rows:
        return {}
    insert_rows(Track, list(rows[0]), [list(row.values()) for row in rows], unique=["path", "part"])
    written = {(row["path"], row["part"]) for row in rows}
    known = ids_in_files(row["path"] for row in rows)
    return {key: track_id for key, track_id in known.items() if key in written}


def set_album(track_ids: Sequence[int], album_id: int | None) -> None:
    """Move tracks to another album."""
    for ids in slices(track_ids):
        Track.update(album=album_id).where(among(Track.id, ids)).execute()


def set_discs(discs: Mapping[int, Sequence[Any]]) -> None:
    """Give tracks another disc, each with all that is guessed of the track."""
    rows = [(disc, guessed, track_id) for track_id, (disc, guessed) in discs.items()]
    update_rows(Track, ["disc", "guessed"], rows)


class Parts(NamedTuple):
    """What hangs on tracks: rows of (track id, position, …) for each table."""

    artists: list[tuple[int, int, int, int]]
    """Each with the artist and the row of how it is written, as genres."""
    genres: list[tuple[int, int, int, int]]
    pictures: list[tuple[int, int, int, str, int, str]]
    lyrics: list[tuple[int, int, str, str | None, bool, str]]


def replace_parts(track_ids: Sequence[int], parts: Parts) -> None:
    """Write the artists, genres, pictures and lyrics of these tracks in place of what they had."""
    for model, columns, rows in (
        (TrackArtist, ("track", "position", "artist", "spelling"), parts.artists),
        (TrackGenre, ("track", "position", "genre", "spelling"), parts.genres),
        (EmbeddedPicture, _PICTURE_COLUMNS, parts.pictures),
        (Lyrics, _LYRICS_COLUMNS, parts.lyrics),
    ):
        for ids in slices(track_ids):
            model.delete().where(among(model.track, ids)).execute()
        insert_rows(model, columns, rows)


_LYRICS_COLUMNS = ("track", "position", "source", "language", "is_synced", "text")
_PICTURE_COLUMNS = ("track", "position", "type", "mime", "bytes", "digest")


def _albums(where: Expression) -> Iterator[int]:
    query = Track.select(Track.album).where(where, Track.album.is_null(False)).distinct()
    return (album_id for (album_id,) in tuples(query))


"""On the Camelot wheel."""


class TrackSummary(NamedTuple):
    """A track as it sounds."""

    id: int
    path: str
    title: str | None
    album_id: int | None
    album: str | None
    edition: str | None
    """Of the album, see `albums.edition`."""
    duration: float | None
    bpm: float | None
    camelot: str | None
    key: str | None
    part: int = 0
    """The number of the part of its file that it is; 0 for the whole file."""
    start: float | None = None
    """Where the part begins in the file, in seconds."""


def track_summaries(track_ids: Sequence[int], *, missing: bool = False) -> dict[int, TrackSummary]:
    """Those of these tracks whose files are there, or with `missing` all, by id."""
    found: dict[int, TrackSummary] = {}
    for ids in slices(track_ids):
        query = (
            Track.select(
                Track.id,
                Track.path,
                Track.title,
                Track.album,
                Album.title,
                Album.edition,
                Track.duration,
                fn.COALESCE(Track.own_bpm, AudioFeatures.bpm),
                AudioFeatures.camelot,
                AudioFeatures.key,
                Track.part,
                Track.start,
            )
            .left_outer_join(Album)
            .switch(Track)
            .left_outer_join(AudioFeatures)
            .where(among(Track.id, ids))
        )
        if not missing:
            query = query.where(Track.missing_since.is_null())
        found.update((row[0], TrackSummary._make(row)) for row in tuples(query))
    return found


def artist_credits(track_ids: Sequence[int]) -> dict[int, str]:
    """The artists of each of these tracks that has any, as shown."""
    return {
        track_id: ", ".join(credit.name for credit in credits)
        for track_id, credits in credits_of(EntityType.TRACK, track_ids).items()
    }


def full_title(track: TrackSummary, by: str | None) -> str:
    """Its title with the artists before it; its file's name, and part, when it has no title."""
    name = shown(track.path.rpartition("/")[2])
    title = track.title or (f"{name}, track {track.part}" if track.part else name)
    return f"{by} - {title}" if by else title


def place_of(entity_type: EntityType, entity_id: int) -> str:
    """The file of a track, the folder of an album, the name of an artist; else title or id."""
    if entity_type is EntityType.ARTIST:
        artist = Artist.get_or_none(Artist.id == entity_id)
        return str(artist.name if artist else entity_id)
    if entity_type is EntityType.ALBUM:
        track = Track.select().where(Track.album == entity_id).order_by(Track.path).first()
        album = Album.get_or_none(Album.id == entity_id)
        return str(track.group_folder if track else album.title if album else entity_id)
    track = Track.get_or_none(Track.id == entity_id)
    return str(track.path if track else entity_id)
