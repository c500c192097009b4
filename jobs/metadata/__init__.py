"""Metadata: the tags of the files of a chunk, and facts from the web."""

from db.models import EntityType
from db.scanning import roots, scans
from jobs.metadata.reader import read_files
from jobs.records import PASSING, FoundFile, TrackRecord, UnreadFile
from worker.dispatch import enqueue, job


@job
def extract_batch(chunk_id: int) -> dict[str, int] | None:
    """Read the files of a chunk, and pass their records on to be grouped; return how many.

    A file that cannot be read becomes an `UnreadFile`. The job skips a chunk that is done. When the
    scan's root has gone away it ends the scan with that fault; the next scan finds the files again.
    """
    chunk = scans.open_chunk(chunk_id)
    if chunk is None:
        return None
    outcomes = list(read_files([FoundFile.from_json(file) for file in chunk.files]))
    failed = [each for each in outcomes if isinstance(each, UnreadFile)]
    if any(each.code in PASSING for each in failed) and (obstacle := roots.away(chunk.scan.root)):
        scans.fail(chunk.scan_id, f"{obstacle.text}; what is known of it stays as it is")
        return None
    records = [each.as_json() for each in outcomes if isinstance(each, TrackRecord)]
    unread = [each.as_json() for each in failed]
    enqueue("batch.process_entities", chunk_id=chunk_id, records=records, unread=unread)
    return {"read": len(records), "unreadable": len(unread)}


@job
def enrich_batch(
    album_ids: list[int] | None = None,
    track_ids: list[int] | None = None,
    artist_ids: list[int] | None = None,
) -> None:
    """Identify these albums, tracks and artists, and write facts of the providers on them.

    An identified album identifies its tracks too. The job settles each entity as soon as it is
    done. While no provider of facts is turned on it sends no request. Raises UnavailableError when
    some have to wait for a provider, and SettingError.
    """
    # httpx2 takes a quarter of a second, which extraction need not pay.
    from jobs.enrichment.backlog import go_on  # noqa: PLC0415
    from jobs.enrichment.batch import enrich  # noqa: PLC0415

    enrich(EntityType.ALBUM, album_ids or [])
    enrich(EntityType.TRACK, track_ids or [])
    enrich(EntityType.ARTIST, artist_ids or [])
    go_on()
