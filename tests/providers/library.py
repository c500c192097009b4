"""Albums and artists of which there is nothing on disk, and what came of them."""

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image as Pillow

from db.artwork import covers as artwork_covers
from db.artwork import images as covers_db
from db.artwork.covers import Chosen
from db.models import Album, AlbumArtist, Artist, Cover, EntityType, Kind, LedgerRow
from db.sql.connection import transaction
from jobs import covers
from jobs.covers import remote
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from tests.providers.shapes import GROUP, MBID, RELEASE


def paint(colour: str, pixels: int = 400, format: str = "JPEG") -> bytes:
    """A square picture of one colour."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (pixels, pixels), colour).save(buffer, format)
    return buffer.getvalue()


def album(title: str = "Blue Record", artists: Sequence[str] = ("Somebody",), **ids: Any) -> int:
    """An album, and that a cover for it is wanted; without `ids` with those of `shapes`."""
    ids = ids or {"musicbrainz_release_id": RELEASE, "musicbrainz_release_group_id": GROUP}
    row = Album.create(key=title, title=title, **ids)
    for position, name in enumerate(artists):
        credited, _ = Artist.get_or_create(name=name)
        AlbumArtist.create(album=row, position=position, artist=credited)
    want(EntityType.ALBUM, row.id)
    return int(row.id)


def artist(name: str = "Somebody", musicbrainz_id: str | None = MBID) -> int:
    """An artist, and that a picture is wanted."""
    row = Artist.create(name=name, musicbrainz_id=musicbrainz_id)
    want(EntityType.ARTIST, row.id)
    return int(row.id)


def want(entity_type: EntityType, entity_id: int) -> None:
    """Say (again) that a picture is wanted."""
    with transaction():
        remote.need_searches(entity_type, [entity_id])


def show(entity_id: int, data: bytes, source: str, rank: int = 0, path: str = "/cover.jpg") -> None:
    """Have an album show a picture."""
    with transaction():
        covers_db.record(list(decode_images([store.put(data)])))
        chosen = Chosen(entity_id, store.digest_of(data), source, rank, path)
        artwork_covers.show_images(EntityType.ALBUM, [chosen])


def fetch_album(album_id: int) -> LedgerRow:
    """Run the job for one album; how its need ended."""
    covers.fetch_album_covers([album_id])
    return ledger(EntityType.ALBUM, album_id)


def fetch_artist(artist_id: int) -> LedgerRow:
    """Run the job for one artist; how its need ended."""
    covers.fetch_artist_images([artist_id])
    return ledger(EntityType.ARTIST, artist_id)


def ledger(entity_type: EntityType, entity_id: int) -> LedgerRow:
    """The need."""
    return LedgerRow.get(
        LedgerRow.kind == Kind.REMOTE,
        LedgerRow.entity_type == entity_type,
        LedgerRow.entity_id == entity_id,
    )


def shown(entity_type: EntityType, entity_id: int) -> dict[str, Cover]:
    """The rows of `covers`, by role."""
    query = Cover.select().where(Cover.entity_type == entity_type, Cover.entity_id == entity_id)
    return {row.role: row for row in query}


def album_shows(album_id: int) -> bytes | None:
    """The bytes of its cover."""
    row = shown(EntityType.ALBUM, album_id).get("front")
    return store.original(row.image.digest).read_bytes() if row else None
