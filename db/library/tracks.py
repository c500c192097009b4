"""Tracks: what is known of the files of a root, writing what was read, and titles for people."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from peewee import JOIN, SQL, Expression, fn

from db.library.artists import credits_of
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
    utc_now,
)
from db.scanning.library_files import Scope
from db.sql.path_text import shown
from db.sql.queries import ASKED, among, below, of_folders, plain_tuples, slices, tuples
from db.sql.statements import insert_rows, update_rows


class KnownFile(NamedTuple):
    """A track as discovery compares it with the disk."""

    id: int
    size: int
    mtime_ns: int
    missing: bool
    reader: int


class GoneFile(NamedTuple):
    """A track whose file is gone, as it is recognised elsewhere."""

    id: int
    path: str
    size: int
    content_id: str
    group_folder: str


def known_files(root: str, scope: Scope | None = None) -> dict[str, KnownFile]:
    """Every track below `root`, or in that part of it, by its path."""
    is_missing = Track.missing_since.is_null(False)
    columns = (Track.path, Track.id, Track.size, Track.mtime_ns, is_missing, Track.reader)
    query = Track.select(*columns)
    where = (
        [below(Track.path, root)] if scope is None else scope.conditions(Track.path, Track.folder)
    )
    return {
        path: KnownFile(track_id, size, mtime_ns, bool(missing), reader)
        for condition in where
        for path, track_id, size, mtime_ns, missing, reader in plain_tuples(query.where(condition))
    }


def track_ids(first: int, most: int) -> list[int]:
    """Up to `most` present tracks by path, from position `first` on."""
    query = Track.select(Track.id).where(Track.missing_since.is_null()).order_by(Track.path)
    return [track_id for (track_id,) in tuples(query.limit(most).offset(first))]


def present_path(track_id: int) -> str | None:
    """The path of a track, in the text form of `db.sql.path_text`; None when the file is gone."""
    query = Track.select(Track.path).where(Track.id == track_id, Track.missing_since.is_null())
    return next((path for (path,) in tuples(query)), None)


def missing_count() -> int:
    """How many tracks are marked missing."""
    # All have a size: naming the column of their index has SQLite search it.
    return int(Track.select().where(Track.missing_since.is_null(False), Track.size >= 0).count())


def missing_sizes(sizes: Collection[int]) -> set[int]:
    """Those of the sizes that a track has that is marked missing."""
    return {
        size
        for part in slices(sorted(sizes))
        for (size,) in tuples(Track.select(Track.size).where(_missing_of(part)).distinct())
    }


def gone_files(track_ids: Sequence[int], sizes: Collection[int]) -> Iterator[GoneFile]:
    """These tracks, whose file is gone, and those marked missing before that have these sizes."""
    columns = (Track.id, Track.path, Track.size, Track.content_id, Track.group_folder)
    for part in slices(sorted(sizes)):
        yield from map(GoneFile._make, tuples(Track.select(*columns).where(_missing_of(part))))
    for ids in slices(track_ids):
        now = Track.select(*columns).where(among(Track.id, ids), Track.missing_since.is_null())
        yield from map(GoneFile._make, tuples(now))


class KnownSound(NamedTuple):
    """A track as it is recognised by what is left of it in another file."""

    id: int
    path: str
    folder: str
    group_folder: str
    missing_since: datetime | None
    sound_id: str | None
    musicbrainz_track_id: str | None
    title: str | None
    album_title: str | None
    disc: int | None
    track: int | None
    date: str | None


def missing_like(sounds: Sequence[str], track_ids: Sequence[str]) -> list[KnownSound]:
    """The missing tracks with one of these sounds, or one of these MusicBrainz track ids."""
    found: dict[int, KnownSound] = {}
    for column, values in ((Track.sound_id, sounds), (Track.musicbrainz_track_id, track_ids)):
        for part in slices(values):
            where = among(column, part), Track.missing_since.is_null(False)
            found.update((each.id, each) for each in _known_sounds(*where))
    return list(found.values())


def present_like(
    sounds: Sequence[str], track_ids: Sequence[str], outside: str | None, most: int
) -> list[KnownSound]:
    """As `missing_like`, those that were there, outside of a folder; none if there are too many."""
    found: dict[int, KnownSound] = {}
    for column, values in ((Track.sound_id, sounds), (Track.musicbrainz_track_id, track_ids)):
        for part in slices(values):
            where = [among(column, part), Track.missing_since.is_null()]
            where += [~below(Track.path, outside)] if outside else []
            these = list(islice(_known_sounds(*where), most + 1))
            found.update((each.id, each) for each in these if len(these) <= most)
    return list(found.values())


def common_sounds(sounds: Collection[str]) -> set[str]:
    """Those of the sounds that a track has whose file is there."""
    here = Track.select(SQL("1")).where(Track.sound_id == ASKED, Track.missing_since.is_null())
    asked = [(sound, 0) for sound in sounds]
    return {sound for (sound,) in of_folders(asked, (ASKED,), fn.EXISTS(here))}


def _known_sounds(*where: Expression) -> Iterator[KnownSound]:
    columns = [getattr(Track, name) for name in KnownSound._fields]
    return map(KnownSound._make, tuples(Track.select(*columns).where(*where)))


def mark_missing(track_ids: Sequence[int]) -> None:
    """Say that these files are gone. The tracks stay."""
    for ids in slices(track_ids):
        Track.update(missing_since=utc_now()).where(
            among(Track.id, ids), Track.missing_since.is_null()
        ).execute()


_SIBLING = (
    *(Track.id, Track.path, Track.group_folder, Track.missing_since, Track.content_id),
    *(Track.album_title, Track.album_artist_names, Track.compilation, Track.musicbrainz_release_id),
    *(Track.title, Track.disc, Track.disc_total, Track.track, Track.track_total, Track.date),
    *(Track.codec, Track.bit_depth, Track.sample_rate, Track.guessed),
    *(Track.musicbrainz_artist_ids, Track.musicbrainz_album_artist_ids),
    *(Track.album, Album.id, Album.key, Album.release, Album.edition),
)


def in_places(group_folders: Sequence[str]) -> Iterator[Track]:
    """The tracks of these group folders, missing ones too, with what grouping needs."""
    for folders in slices(group_folders):
        joined = Track.select(*_SIBLING).join(Album, JOIN.LEFT_OUTER)
        yield from joined.where(among(Track.group_folder, folders))


def of_releases(releases: Sequence[str]) -> Iterator[Track]:
    """The present tracks of the albums that are editions of these, with what grouping needs."""
    for each in slices(releases):
        joined = Track.select(*_SIBLING).join(Album)
        yield from joined.where(among(Album.release, each), Track.missing_since.is_null())


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


def ids_by_path(paths: Sequence[str]) -> dict[str, int]:
    """The ids of the tracks with these paths."""
    return {
        path: track_id
        for part in slices(paths)
        for track_id, path in tuples(
            Track.select(Track.id, Track.path).where(among(Track.path, part))
        )
    }


class Move(NamedTuple):
    """Where a file went."""

    track_id: int
    former: str
    """Its path until now."""
    path: str
    folder: str
    group_folder: str


def move(moves: Iterable[Move]) -> None:
    """Give tracks their new paths; the rows, and all that hangs on them, stay.

    A track that has gone elsewhere by now stays as it is.
    The modification time is forgotten, so that the files are read again whatever happens next.
    """
    for track_id, former, path, folder, group_folder in moves:
        Track.update(
            path=path, folder=folder, group_folder=group_folder, mtime_ns=-1, missing_since=None
        ).where(Track.id == track_id, Track.path == former).execute()


def upsert(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Write tracks by their path, and return the ids by path.

    Every row has the same columns, in the same order.
    """
    if not rows:
        return {}
    insert_rows(Track, list(rows[0]), [list(row.values()) for row in rows], unique=["path"])
    return ids_by_path([row["path"] for row in rows])


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


def _missing_of(sizes: Sequence[int]) -> Expression:
    return Track.missing_since.is_null(False) & among(Track.size, sizes)


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
                AudioFeatures.bpm,
                AudioFeatures.camelot,
                AudioFeatures.key,
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
    """Its title with the artists before it; its file's name when it has no title."""
    title = track.title or shown(track.path.rpartition("/")[2])
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
