"""Albums: their keys, what their tracks say of them together, and when they go."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from peewee import fn

from db import choices, covers, facts, ledger, vectors
from db.models import Album, AlbumArtist, EntityType, Track
from db.plurality import plurality
from db.rows import tuples
from db.slices import slices

_TOLD_BY_TRACKS = {
    "title": Track.album_title,
    "sort_title": Track.album_sort,
    "date": Track.date,
    "original_date": Track.original_date,
    "musicbrainz_release_id": Track.musicbrainz_release_id,
    "musicbrainz_release_group_id": Track.musicbrainz_release_group_id,
}
"""Columns of an album that are what most of its present tracks say."""


def ids_by_key(keys: Iterable[str]) -> dict[str, int]:
    """The ids of the albums with these keys; a new key gets a row."""
    wanted = sorted(set(keys))
    ids: dict[str, int] = {}
    for part in slices(wanted):
        Album.insert_many([{"key": key} for key in part]).on_conflict_ignore().execute()
        query = Album.select(Album.key, Album.id).where(Album.key.in_(list(part)))
        ids.update(dict(tuples(query)))
    return ids


def refresh(album_ids: Sequence[int]) -> None:
    """Write of each album what its present tracks say together, whatever the order they came in."""
    for ids in slices(album_ids):
        tracks: dict[int, list[Track]] = defaultdict(list)
        for track in _present_tracks(ids):
            tracks[cast(int, track.album_id)].append(track)
        for album_id, members in tracks.items():
            Album.update(**_told_by(members)).where(Album.id == album_id).execute()


def set_artists(artists: Mapping[int, Sequence[tuple[str, int]]]) -> None:
    """Write the artists of albums, each as (name, id), in order."""
    ids = sorted(artists)
    for part in slices(ids):
        AlbumArtist.delete().where(AlbumArtist.album.in_(list(part))).execute()
    rows = [
        {"album": album_id, "position": position, "artist": artist_id}
        for album_id, credits in artists.items()
        for position, (_, artist_id) in enumerate(credits)
    ]
    for part_rows in slices(rows):
        AlbumArtist.insert_many(part_rows).execute()
    for album_id, credits in artists.items():
        shown = "; ".join(name for name, _ in credits) or None
        Album.update(album_artist=shown).where(Album.id == album_id).execute()


def drop_empty(album_ids: Sequence[int]) -> list[int]:
    """Delete those of the albums that no track, not even a missing one, belongs to; return them."""
    gone: list[int] = []
    for ids in slices(album_ids):
        query = Album.select(Album.id).where(
            Album.id.in_(list(ids)),
            ~fn.EXISTS(Track.select().where(Track.album == Album.id)),
        )
        gone += [album.id for album in query]
    for ids in slices(gone):
        Album.delete().where(Album.id.in_(list(ids))).execute()
    covers.forget(EntityType.ALBUM, gone)
    choices.forget(EntityType.ALBUM, gone)
    ledger.forget(EntityType.ALBUM, gone)
    vectors.forget(EntityType.ALBUM, gone)
    facts.forget(EntityType.ALBUM, gone)
    return gone


def _present_tracks(album_ids: Sequence[int]) -> Iterable[Track]:
    return Track.select(
        Track.album,
        *_TOLD_BY_TRACKS.values(),
        Track.compilation,
        Track.disc,
        Track.disc_total,
        Track.labels,
        Track.catalogue_numbers,
    ).where(Track.album.in_(list(album_ids)), Track.missing_since.is_null())


def _told_by(tracks: Sequence[Track]) -> dict[str, Any]:
    told = {
        column: plurality(getattr(track, field.name) for track in tracks)
        for column, field in _TOLD_BY_TRACKS.items()
    }
    discs = [number for track in tracks for number in (track.disc, track.disc_total) if number]
    return told | {
        "compilation": any(track.compilation for track in tracks),
        "disc_total": max(discs, default=None),
        "label": plurality(name for track in tracks for name in track.labels),
        "catalogue_number": plurality(
            number for track in tracks for number in track.catalogue_numbers
        ),
    }
