"""All that there is to say of one album."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from peewee import fn

from db.gallery import Choice, Credit, album_credits, year_of
from db.models import (
    Album,
    Artist,
    EntityType,
    Genre,
    Kind,
    LedgerRow,
    State,
    Track,
    TrackArtist,
    TrackGenre,
)
from db.pictures import Picture, fronts, pictures
from db.rows import tuples
from db.slices import slices


class TrackLine(NamedTuple):
    """A track of an album. Lengths are seconds, bit rates bits a second."""

    id: int
    title: str | None
    disc: int | None
    disc_subtitle: str | None
    number: int | None
    duration: float | None
    codec: str
    bit_rate: int | None
    sample_rate: int | None
    bit_depth: int | None
    path: str
    missing_since: datetime | None
    artists: list[Credit]
    picture: Picture | None


class Lack(NamedTuple):
    """Why an album shows no cover."""

    kind: Kind
    state: State
    reason: str | None
    sources: list[str]
    """Where it was looked for."""
    look_again_at: datetime | None


class AlbumPage(NamedTuple):
    """An album with its tracks, by disc, number and path."""

    id: int
    title: str | None
    album_artist: str | None
    artists: list[Credit]
    year: str | None
    date: str | None
    label: str | None
    catalogue_number: str | None
    compilation: bool
    musicbrainz_release_id: str | None
    genres: list[Choice]
    tracks: list[TrackLine]
    pictures: dict[str, Picture]
    """What it shows, by role."""
    lacks: list[Lack]


def album(album_id: int) -> AlbumPage | None:
    """The album, or None."""
    row: Album | None = Album.get_or_none(Album.id == album_id)
    if row is None:
        return None
    return AlbumPage(
        id=album_id,
        title=row.title,
        album_artist=row.album_artist,
        artists=album_credits([album_id]).get(album_id, []),
        year=year_of(row.original_date or row.date),
        date=row.date,
        label=row.label,
        catalogue_number=row.catalogue_number,
        compilation=row.compilation,
        musicbrainz_release_id=row.musicbrainz_release_id,
        genres=_genres(album_id),
        tracks=_tracks(album_id),
        pictures=pictures(EntityType.ALBUM, [album_id], roles=()).get(album_id, {}),
        lacks=_lacks(album_id),
    )


def _genres(album_id: int) -> list[Choice]:
    """The genres of its tracks, the most frequent first."""
    query = (
        TrackGenre.select(Genre.id, Genre.name)
        .join(Genre)
        .switch(TrackGenre)
        .join(Track)
        .where(Track.album == album_id)
        .group_by(Genre.id, Genre.name)
        .order_by(fn.COUNT(Track.id).desc(), Genre.name)
    )
    return [Choice(str(genre_id), name) for genre_id, name in tuples(query)]


def _tracks(album_id: int) -> list[TrackLine]:
    query = Track.select(
        Track.id,
        Track.title,
        Track.disc,
        Track.disc_subtitle,
        Track.track,
        Track.duration,
        Track.codec,
        Track.bit_rate,
        Track.sample_rate,
        Track.bit_depth,
        Track.path,
        Track.missing_since,
    ).where(Track.album == album_id)
    rows = list(tuples(query))
    ids = [row[0] for row in rows]
    credited, shown = track_credits(ids), fronts(EntityType.TRACK, ids)
    lines = [TrackLine._make((*row, credited.get(row[0], []), shown.get(row[0]))) for row in rows]
    return sorted(lines, key=lambda each: (each.disc or 1, each.number or 0, each.path))


def track_credits(track_ids: Sequence[int]) -> dict[int, list[Credit]]:
    """The artists of each track, in order."""
    found: dict[int, list[Credit]] = defaultdict(list)
    for ids in slices(track_ids):
        query = (
            TrackArtist.select(TrackArtist.track, Artist.id, Artist.name)
            .join(Artist)
            .where(TrackArtist.track.in_(list(ids)))
            .order_by(TrackArtist.track, TrackArtist.position)
        )
        for track_id, *credit in tuples(query):
            found[track_id].append(Credit._make(credit))
    return dict(found)


def _lacks(album_id: int) -> list[Lack]:
    query = (
        LedgerRow.select(
            LedgerRow.kind,
            LedgerRow.state,
            LedgerRow.reason,
            LedgerRow.sources,
            LedgerRow.look_again_at,
        )
        .where(
            LedgerRow.kind.in_([Kind.COVER, Kind.REMOTE]),
            LedgerRow.entity_type == EntityType.ALBUM,
            LedgerRow.entity_id == album_id,
        )
        .order_by(LedgerRow.kind)
    )
    return [
        Lack(Kind(kind), State(state), *rest)
        for kind, state, *rest in tuples(query)
        if state != State.DONE
    ]
