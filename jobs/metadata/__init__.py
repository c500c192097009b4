"""Metadata extraction: reads the tags, sound properties and picture digests of a chunk's files."""

from db import scans
from jobs.metadata.reading import read_files
from jobs.records import FoundFile, TrackRecord, UnreadFile
from worker.dispatch import enqueue, job


@job
def extract_batch(chunk_id: int) -> None:
    """Read the files of a chunk and hand their records on to be grouped.

    A file that cannot be read becomes an `UnreadFile`; a chunk that is done is left alone.
    """
    chunk = scans.open_chunk(chunk_id)
    if chunk is None:
        return
    outcomes = list(read_files([FoundFile.from_json(file) for file in chunk.files]))
    enqueue(
        "batch.process_entities",
        chunk_id=chunk_id,
        records=[each.as_json() for each in outcomes if isinstance(each, TrackRecord)],
        unread=[each.as_json() for each in outcomes if isinstance(each, UnreadFile)],
    )
