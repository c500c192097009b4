"""Albums: their artists, and columns that follow from the tracks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from db.models import Album, AlbumArtist, Track
from db.sql.queries import slices
from db.sql.statements import insert_rows, update_rows

T = TypeVar("T")


def plurality(values: Iterable[T | None]) -> T | None:
    """The most frequent value that is not empty, the smallest among equals; None of none."""
    counts = Counter(value for value in values if value)
    if not counts:
        return None
    best = max(counts.values())
    return min((value for value, count in counts.items() if count == best), key=repr)


_FROM_TRACKS = {
    "title": Track.album_title,
    "sort_title": Track.album_sort,
    "date": Track.date,
    "original_date": Track.original_date,
    "musicbrainz_release_id": Track.musicbrainz_release_id,
    "musicbrainz_release_group_id": Track.musicbrainz_release_group_id,
}
"""Columns of an album that are what most of its present tracks say."""


def refresh(album_ids: Sequence[int]) -> None:
    """Write of each album what its present tracks say together, whatever the order they came in."""
    for ids in slices(album_ids):
        tracks: dict[int, list[Track]] = defaultdict(list)
        for track in _present_tracks(ids):
            tracks[cast(int, track.album_id)].append(track)
        found = {album_id: _columns_from(members) for album_id, members in tracks.items()}
        rows = [(*columns.values(), album_id) for album_id, columns in found.items()]
        names = next((list(columns) for columns in found.values()), [])
        update_rows(Album, names, rows)


def set_artists(artists: Mapping[int, Sequence[tuple[str, int]]]) -> None:
    """Write the artists of albums, each as (name, id), in order."""
    ids = sorted(artists)
    for part in slices(ids):
        AlbumArtist.delete().where(AlbumArtist.album.in_(list(part))).execute()
    rows = [
        (album_id, position, artist_id)
        for album_id, credits in artists.items()
        for position, (_, artist_id) in enumerate(credits)
    ]
    insert_rows(AlbumArtist, ("album", "position", "artist"), rows)
    shown = [
        ("; ".join(name for name, _ in credits) or None, album_id)
        for album_id, credits in artists.items()
    ]
    update_rows(Album, ["album_artist"], shown)


def _present_tracks(album_ids: Sequence[int]) -> Iterable[Track]:
    return Track.select(
        Track.album,
        *_FROM_TRACKS.values(),
        Track.compilation,
        Track.disc,
        Track.disc_total,
        Track.labels,
        Track.catalogue_numbers,
    ).where(Track.album.in_(list(album_ids)), Track.missing_since.is_null())


def _columns_from(tracks: Sequence[Track]) -> dict[str, Any]:
    columns = {
        column: plurality(getattr(track, field.name) for track in tracks)
        for column, field in _FROM_TRACKS.items()
    }
    discs = [number for track in tracks for number in (track.disc, track.disc_total) if number]
    return columns | {
        "compilation": any(track.compilation for track in tracks),
        "disc_total": max(discs, default=None),
        "label": plurality(name for track in tracks for name in track.labels),
        "catalogue_number": plurality(
            number for track in tracks for number in track.catalogue_numbers
        ),
    }
