"""What is to be enriched from the web, and what the tags say of it, by which it is identified."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from peewee import ModelSelect, fn

from db import facts, ledger
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EntityType,
    Kind,
    LedgerRow,
    State,
    Track,
    TrackArtist,
)
from db.rows import tuples
from db.slices import slices

_TITLES = 8
"""Titles of an artist that are looked at."""
_CREDITED = 200
"""Albums and tracks of an artist whose credits are looked at."""


class TaggedTrack(NamedTuple):
    """A track as its tags have it. Ids are unchecked, the duration is in seconds."""

    id: int
    path: str
    title: str | None
    artists: tuple[str, ...]
    album_id: int | None
    album_title: str | None
    disc: int | None
    number: int | None
    duration: float | None
    recording_id: str | None
    release_track_id: str | None
    isrcs: tuple[str, ...]


class TaggedAlbum(NamedTuple):
    """An album as its tags have it, with the tracks that are there."""

    id: int
    title: str | None
    artists: tuple[str, ...]
    release_id: str | None
    release_group_id: str | None
    date: str | None
    catalogue_number: str | None
    tracks: tuple[TaggedTrack, ...]


class TaggedArtist(NamedTuple):
    """An artist as the tags have one."""

    id: int
    name: str
    musicbrainz_id: str | None
    titles: tuple[str, ...]
    """Of some tracks of the artist's that are there."""
    credits: tuple[tuple[str, str], ...]
    """Who is credited, name and id, with the artist's albums and tracks that were identified."""


class Asked(NamedTuple):
    """How the enrichment of one entity stands."""

    state: State
    reason: str | None
    sources: list[str]
    """Who was asked."""
    look_again_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        again = self.look_again_at.isoformat() if self.look_again_at else None
        return {**self._asdict(), "look_again_at": again}


class Standing(NamedTuple):
    """How far one kind of entity is."""

    states: Counter[State]
    never_asked: int


def asked(entity_type: EntityType, entity_id: int) -> Asked | None:
    """How the enrichment of an entity stands; None when it was never asked for."""
    row = LedgerRow.get_or_none(
        LedgerRow.kind == Kind.ENRICHMENT,
        LedgerRow.entity_type == entity_type,
        LedgerRow.entity_id == entity_id,
    )
    return Asked(State(row.state), row.reason, row.sources, row.look_again_at) if row else None


def albums(album_ids: Sequence[int]) -> list[TaggedAlbum]:
    """These albums, in their order."""
    artists = _names(AlbumArtist, AlbumArtist.album, AlbumArtist.position, album_ids)
    members: dict[int, list[TaggedTrack]] = defaultdict(list)
    for track in _tracks(Track.album, album_ids):
        members[track.album_id or 0].append(track)
    columns = (
        Album.title,
        Album.musicbrainz_release_id,
        Album.musicbrainz_release_group_id,
        Album.date,
        Album.catalogue_number,
    )
    found = {
        row[0]: TaggedAlbum._make(
            (*row[:2], tuple(artists[row[0]]), *row[2:], tuple(members[row[0]]))
        )
        for ids in slices(album_ids)
        for row in tuples(Album.select(Album.id, *columns).where(Album.id.in_(list(ids))))
    }
    return [found[each] for each in album_ids if each in found]


def tracks(track_ids: Sequence[int]) -> list[TaggedTrack]:
    """Those of these tracks that are there, in their order."""
    found = {track.id: track for track in _tracks(Track.id, track_ids)}
    return [found[each] for each in track_ids if each in found]


def artists(artist_ids: Sequence[int]) -> list[TaggedArtist]:
    """These artists, in their order."""
    columns = (Artist.id, Artist.name, Artist.musicbrainz_id)
    found = {
        row[0]: TaggedArtist._make((*row, _titles(row[0]), _credits(row[0])))
        for ids in slices(artist_ids)
        for row in tuples(Artist.select(*columns).where(Artist.id.in_(list(ids))))
    }
    return [found[each] for each in artist_ids if each in found]


def artists_of(album_ids: Sequence[int], track_ids: Sequence[int]) -> set[int]:
    """The artists of these albums and tracks."""
    found: set[int] = set()
    for column, credited, ids in (
        (AlbumArtist.album, AlbumArtist, album_ids),
        (TrackArtist.track, TrackArtist, track_ids),
    ):
        for part in slices(ids):
            query = credited.select(credited.artist).where(column.in_(list(part))).distinct()
            found.update(artist_id for (artist_id,) in tuples(query))
    return found


def unidentified(artist_ids: Sequence[int]) -> set[int]:
    """Those of the artists of whom it was not found out who they are."""
    return {
        entity_id
        for ids in slices(artist_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(
                LedgerRow.kind == Kind.ENRICHMENT,
                LedgerRow.entity_type == EntityType.ARTIST,
                LedgerRow.state == State.NONE,
                LedgerRow.entity_id.in_(list(ids)),
            )
        )
    }


def to_do(entity_type: EntityType, most: int, but: Collection[int]) -> list[int]:
    """What is to be done, the newest first: what was asked for, and what never was.

    Albums and tracks without an album are asked for here; all else is when its album was done.
    """
    asked = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == Kind.ENRICHMENT,
        LedgerRow.entity_type == entity_type,
        LedgerRow.state == State.TODO,
    )
    asked = asked.order_by(LedgerRow.entity_id.desc()).limit(most + len(but))
    ids = {entity_id for (entity_id,) in tuples(asked)}
    fresh = _never_asked(entity_type)
    if fresh is not None:
        # The sum keeps SQLite from walking all tracks by id: few of them have no album.
        newest = fresh.order_by((fresh.model.id + 0).desc()).limit(most + len(but))
        ids.update(entity_id for (entity_id,) in tuples(newest))
    return sorted(ids - set(but), reverse=True)[:most]


def standings() -> dict[EntityType, Standing]:
    """How far each kind of entity is."""
    counts = {
        need.entity_type: states
        for need, states in ledger.counts().items()
        if need.kind is Kind.ENRICHMENT
    }
    return {
        entity_type: Standing(states, fresh.count() if fresh is not None else 0)
        for entity_type, states in counts.items()
        for fresh in (_never_asked(entity_type),)
    }


def _never_asked(entity_type: EntityType) -> "ModelSelect[Any] | None":
    """The albums, or tracks without an album, that have no row; None for artists."""
    if entity_type is EntityType.ARTIST:
        return None
    entity: Any = Album if entity_type is EntityType.ALBUM else Track
    row = LedgerRow.select(1).where(
        LedgerRow.kind == Kind.ENRICHMENT,
        LedgerRow.entity_type == entity_type,
        LedgerRow.entity_id == entity.id,
    )
    query: ModelSelect[Any] = entity.select(entity.id).where(~fn.EXISTS(row))
    if entity is Track:
        query = query.where(Track.album.is_null(), Track.missing_since.is_null())
    return query


def _tracks(column: Any, ids: Sequence[int]) -> list[TaggedTrack]:
    """The tracks that are there whose `column` is one of these, by disc, number and path."""
    rows = [
        row
        for part in slices(ids)
        for row in Track.select().where(column.in_(list(part)), Track.missing_since.is_null())
    ]
    names = _names(
        TrackArtist, TrackArtist.track, TrackArtist.position, [track.id for track in rows]
    )
    found = [
        TaggedTrack(
            id=row.id,
            path=row.path,
            title=row.title,
            artists=tuple(names[row.id]),
            album_id=row.album_id,
            album_title=row.album_title,
            disc=row.disc,
            number=row.track,
            duration=row.duration,
            recording_id=row.musicbrainz_recording_id,
            release_track_id=row.musicbrainz_track_id,
            isrcs=tuple(row.isrcs),
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.disc or 1, each.number or 0, each.path))


def _names(credited: Any, column: Any, position: Any, ids: Sequence[int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = defaultdict(list)
    for part in slices(ids):
        query = credited.select(column, Artist.name).join(Artist).where(column.in_(list(part)))
        for entity_id, name in tuples(query.order_by(column, position)):
            names[entity_id].append(name)
    return names


def _titles(artist_id: int) -> tuple[str, ...]:
    query = (
        Track.select(Track.title)
        .join(TrackArtist)
        .where(
            TrackArtist.artist == artist_id,
            Track.missing_since.is_null(),
            Track.title.is_null(False),
        )
        .order_by(Track.id)
        .limit(_TITLES * 4)
    )
    return tuple(dict.fromkeys(title for (title,) in tuples(query)))[:_TITLES]


def _credits(artist_id: int) -> tuple[tuple[str, str], ...]:
    of_albums = AlbumArtist.select(AlbumArtist.album).where(AlbumArtist.artist == artist_id)
    of_tracks = TrackArtist.select(TrackArtist.track).where(TrackArtist.artist == artist_id)
    found = []
    for entity_type, query in ((EntityType.ALBUM, of_albums), (EntityType.TRACK, of_tracks)):
        ids = [entity_id for (entity_id,) in tuples(query.limit(_CREDITED))]
        for credits in facts.values(entity_type, ids, facts.CREDITS).values():
            found += [(each["name"], each["id"]) for credit in credits for each in credit]
    return tuple(found)
