"""Database insertion: writes each chunk in one transaction, with its needs in the ledger."""

from typing import Any

from db import ledger
from db.library import tracks
from db.models import EntityType
from db.scanning import scans
from db.sql.connection import transaction
from jobs.insert.chunk_rows import Batch, write
from jobs.records import Grouping, TrackRecord, UnreadFile
from worker.dispatch import enqueue, enqueue_need, job


@job
def direct_batch(
    chunk_id: int,
    records: list[dict[str, Any]],
    unread: list[dict[str, Any]],
    grouping: dict[str, Any],
) -> None:
    """Write a chunk's tracks, artists, albums and problems, and their needs in the ledger.

    `records` are `TrackRecord`, `unread` `UnreadFile` and `grouping` a `Grouping`, as JSON. A chunk
    that is done is not written again; the job only enqueues again what its tracks still need.
    """
    batch = Batch(
        tracks=[TrackRecord.from_json(each) for each in records],
        unread=[UnreadFile.from_json(each) for each in unread],
        grouping=Grouping.from_json(grouping),
    )
    with transaction():
        chunk = scans.open_chunk(chunk_id)
        written = write(batch, chunk) if chunk else None
    if written is None:
        return _enqueue_again(batch)
    _enqueue_needs(written.needs)
    if written.follower is not None:
        enqueue(scans.READING, chunk_id=written.follower)
    return None


def _enqueue_needs(needs: dict[ledger.Need, list[int]]) -> None:
    for need, ids in needs.items():
        enqueue_need(need, ids)


def _enqueue_again(batch: Batch) -> None:
    """Enqueue the jobs for whatever the tracks of a chunk that was written before still need."""
    track_ids = sorted(tracks.ids_by_path([record.file.path for record in batch.tracks]).values())
    ids = {EntityType.TRACK: track_ids, EntityType.ALBUM: sorted(tracks.albums_of(track_ids))}
    ids[EntityType.ARTIST] = sorted(tracks.artists_of(track_ids))
    _enqueue_needs({need: ledger.todo_among(need, ids[need.entity_type]) for need in ledger.NEEDS})
