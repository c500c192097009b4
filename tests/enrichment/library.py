"""Albums as a scan leaves them, and what came of their enrichment."""

from collections.abc import Sequence
from typing import Any

from db import ledger
from db.enrichment import facts
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EntityType,
    Kind,
    LedgerRow,
    Track,
    TrackArtist,
)
from db.sql.connection import transaction
from jobs import metadata
from tests.providers.shapes import mb_recording, mb_release

SONGS = (("First Light", 200.0), ("Second Wind", 180.0), ("Third Rail", 240.0))
RECORDINGS = [
    mb_recording(10 + place, title, length) for place, (title, length) in enumerate(SONGS)
]
RELEASE = mb_release(100, *RECORDINGS)


def artist(name: str = "Somebody", **columns: Any) -> int:
    """An artist."""
    found: Artist | None = Artist.get_or_none(Artist.name == name)
    return int((found or Artist.create(name=name, **columns)).id)


def track(
    title: str | None, seconds: float | None, album_id: int | None = None, **columns: Any
) -> int:
    """A track of Somebody's, unless `by` says otherwise."""
    by = columns.pop("by", "Somebody")
    path = f"/music/{Track.select().count()}.flac"
    row = Track.create(
        **{
            "path": path,
            "folder": "/music",
            "group_folder": "/music",
            "album": album_id,
            "title": title,
            "duration": seconds,
            "codec": "flac",
            "container": "flac",
            "size": 1,
            "mtime_ns": 1,
            "content_id": path,
            **columns,
        }
    )
    TrackArtist.create(track=row, position=0, artist=artist(by))
    return int(row.id)


def album(
    title: str = "Blue Record",
    by: str = "Somebody",
    songs: Sequence[tuple[str, float | None]] = SONGS,
    **columns: Any,
) -> int:
    """An album."""
    row = Album.create(key=f"{by} {title} {Album.select().count()}", title=title, **columns)
    AlbumArtist.create(album=row, position=0, artist=artist(by))
    for number, (name, seconds) in enumerate(songs, 1):
        track(name, seconds, row.id, track=number, by=by, album_title=title)
    return int(row.id)


def tracks_of(album_id: int) -> list[int]:
    """Its tracks, in order."""
    return [row.id for row in Track.select().where(Track.album == album_id).order_by(Track.track)]


def need(entity_type: EntityType, *ids: int) -> None:
    """Ask for their enrichment (again)."""
    with transaction():
        ledger.need(Kind.ENRICHMENT, entity_type, ids)


def enrich_album(*album_ids: int) -> LedgerRow:
    """Ask for it and run the job; how it ended for the first."""
    need(EntityType.ALBUM, *album_ids)
    metadata.enrich_batch(album_ids=list(album_ids))
    return standing(EntityType.ALBUM, album_ids[0])


def enrich_track(track_id: int) -> LedgerRow:
    """The same of a track."""
    need(EntityType.TRACK, track_id)
    metadata.enrich_batch(track_ids=[track_id])
    return standing(EntityType.TRACK, track_id)


def enrich_artist(artist_id: int) -> LedgerRow:
    """The same of an artist."""
    need(EntityType.ARTIST, artist_id)
    metadata.enrich_batch(artist_ids=[artist_id])
    return standing(EntityType.ARTIST, artist_id)


def standing(entity_type: EntityType, entity_id: int) -> LedgerRow:
    """Its row in the ledger."""
    return LedgerRow.get(
        LedgerRow.kind == Kind.ENRICHMENT,
        LedgerRow.entity_type == entity_type,
        LedgerRow.entity_id == entity_id,
    )


def said(entity_type: EntityType, entity_id: int, source: str = "musicbrainz") -> dict[str, Any]:
    """What a source says of an entity, by field."""
    known = facts.known_facts(entity_type, entity_id)
    return {each.field: each.value for each in known if each.source == source}
