"""Checks of what a job is to work on, for whoever enqueues it may name any entity or chunk."""

from db.library.search import entity_exists
from db.models import EntityType, ScanChunk
from db.scanning import scans
from jobs.errors import NoSuchChunkError, NoSuchEntityError


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
