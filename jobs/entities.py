"""What jobs are to work on: checks of what they are given, and jobs at the end of a scan."""

from db import ledger
from db.library.search import entity_exists
from db.models import EntityType, Scan, ScanChunk
from db.scanning import scans
from jobs.errors import NoSuchChunkError, NoSuchEntityError
from worker.dispatch import enqueue_need

_MOST = 20_000
"""Entities that are enqueued at the end of a scan; reconciliation enqueues the others."""


def check_exists(entity_type: EntityType, entity_id: int) -> None:
    """Raises NoSuchEntityError when there is no such track, album or artist."""
    if not entity_exists(entity_type, entity_id):
        raise NoSuchEntityError(
            f"there is no {entity_type} {entity_id} — look it up in the database"
        )


def chunk_to_do(chunk_id: int) -> ScanChunk | None:
    """The chunk if it is still to be done, else None. Raises NoSuchChunkError."""
    chunk = scans.open_chunk(chunk_id)
    if chunk is None and not scans.chunk_exists(chunk_id):
        raise NoSuchChunkError(
            f"this database has no chunk {chunk_id}: its scan ended some time ago, or it is "
            "another library's — scan the folder again; `fleet doctor` says whose this Redis is"
        )
    return chunk


def enqueue_after(scan: Scan | None) -> None:
    """Enqueue what waits for the end of a scan, if this one has ended. Call it after the commit.

    An entity that needs several things is given to the job of the first, which asks for the next.
    """
    if scan is None or scan.finished_at is None:
        return
    begun: set[tuple[EntityType, int]] = set()
    for need in ledger.NEEDS:
        if need.after_scan:
            ids = [
                each
                for each in ledger.unleased(need, _MOST)
                if (need.entity_type, each) not in begun
            ]
            begun.update((need.entity_type, each) for each in ids)
            enqueue_need(need, ids)
