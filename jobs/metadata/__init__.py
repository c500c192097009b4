"""Metadata: the tags of the files of a chunk, and facts from the web."""

import json

from db.models import EntityType
from db.scanning import roots, scans
from jobs.entities import chunk_to_do
from jobs.metadata.reader import read_files
from jobs.records import (
    MOST_RECORD_BYTES,
    PASSING,
    FoundFile,
    ProblemCode,
    TrackRecord,
    UnreadFile,
    pass_on,
)
from worker.dispatch import job


@job
def extract_batch(chunk_id: int) -> dict[str, int] | None:
    """Read the files of a chunk, and pass their records on to be grouped; return how many.

    A file that cannot be read becomes an `UnreadFile`. The job skips a chunk that is done, and cuts
    one in two whose records are too large for a job. When the scan's root has gone away it ends the
    scan with that fault; the next scan finds the files again. Raises NoSuchChunkError.
    """
    chunk = chunk_to_do(chunk_id)
    if chunk is None:
        return None
    outcomes = list(map(_bounded, read_files([FoundFile.from_json(file) for file in chunk.files])))
    failed = [each for each in outcomes if isinstance(each, UnreadFile)]
    if any(each.code in PASSING for each in failed) and (obstacle := roots.away(chunk.scan.root)):
        fault = f"{obstacle.text}; what is known of it stays as it is"
        scans.end_early(chunk.scan_id, fault)
        return None
    records = [each.as_json() for each in outcomes if isinstance(each, TrackRecord)]
    unread = [each.as_json() for each in failed]
    pass_on("batch.process_entities", chunk_id, records=records, unread=unread)
    return {"read": len(records), "unreadable": len(unread)}


def _bounded(outcome: TrackRecord | UnreadFile) -> TrackRecord | UnreadFile:
    """The outcome; a problem in place of a record that is larger than a job can be."""
    if isinstance(outcome, UnreadFile):
        return outcome
    size = len(json.dumps(outcome.as_json()))
    if size <= MOST_RECORD_BYTES:
        return outcome
    message = (
        f"its tags hold {size:,} bytes of text, more than {MOST_RECORD_BYTES:,} — shorten them"
    )
    return UnreadFile(outcome.file, ProblemCode.TAGS_TOO_LARGE, message)


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
