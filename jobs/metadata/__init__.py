"""Metadata: the tags of the files of a chunk, and facts from the web."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from db.artwork.images import KnownImage
from db.models import EntityType
from db.scanning import roots, scans
from db.scanning.library_files import extension_of, reader_of
from db.scanning.selection import Selection
from db.settings import reading
from db.sql.path_text import to_bytes
from jobs.entities import chunk_to_do
from jobs.errors import HeldUpError
from jobs.pictures import store
from jobs.pictures.errors import StoreError
from jobs.pictures.stored_images import decode_unknown
from jobs.records import (
    MOST_RECORD_BYTES,
    PASSING,
    FoundFile,
    ProblemCode,
    UnreadFile,
    pass_on,
)
from worker.dispatch import job

if TYPE_CHECKING:  # it brings mutagen, which who only wants the text rules does without
    from jobs.metadata.reader import ReadFile


@job
def extract_batch(chunk_id: int) -> dict[str, int] | None:
    """Read the files of a chunk, and pass their records on to be grouped; return how many.

    Embedded pictures are put into the picture store on the way, with their thumbnails, and what is
    new of them is passed on too. A file that cannot be read becomes an `UnreadFile`, and so does a
    video, unless the owner takes in its sound. The job skips
    a chunk that is done, and cuts one in two whose records are too large for a job. When the scan's
    root has gone away it ends the scan with that fault; the next scan finds the files again. Raises
    NoSuchChunkError and SettingError.
    """
    from jobs.metadata.reader import read_as_json  # noqa: PLC0415  # see above

    chunk = chunk_to_do(chunk_id)
    if chunk is None:
        return None
    reading.check()  # here and not in the child, where a fault would be the file's
    files = [FoundFile.from_json(file) for file in chunk.files]
    selection = Selection.of_settings()
    root = roots.root_of(f"{chunk.scan.root}/")
    read = read_as_json(files, storing=True, root=root)
    found = [_taken(_bounded(each), selection) for each in read]
    failed = [each.json for each in found if not each.is_track]
    if any(each["code"] in PASSING for each in failed) and (
        obstacle := roots.away(chunk.scan.root)
    ):
        fault = f"{obstacle.text}; what is known of it stays as it is"
        scans.end_early(chunk.scan_id, fault)
        return None
    records = [each.json for each in found if each.is_track]
    images = [image._asdict() for image in _new_images(records)]
    if images:
        store.drop_leftovers()
    pass_on("batch.process_entities", chunk_id, records=records, unread=failed, images=images)
    return {"read": len(records), "unreadable": len(failed)}


def _bounded(found: "ReadFile") -> "ReadFile":
    """What was read; a problem in place of a record that is larger than a job can be."""
    if not found.is_track or found.size <= MOST_RECORD_BYTES:
        return found
    message = (
        f"its tags hold {found.size:,} bytes of text, more than {MOST_RECORD_BYTES:,} "
        "— shorten them"
    )
    file = FoundFile.from_json(found.json["file"])
    unread = UnreadFile(file, ProblemCode.TAGS_TOO_LARGE, message, reader=reader_of(file.path))
    return found._replace(json=unread.as_json(), is_track=False)


def _taken(found: "ReadFile", selection: Selection) -> "ReadFile":
    """What was read; a note in place of the sound of a video that the owner does not take in."""
    if not found.is_track or not found.json.get("is_video"):
        return found
    file = FoundFile.from_json(found.json["file"])
    extension = extension_of(to_bytes(file.path))
    if extension in selection.extensions:
        return found
    message = f"it holds a video — FLEET_EXTENSIONS={extension} takes in its sound"
    unread = UnreadFile(file, ProblemCode.VIDEO, message, reader=reader_of(file.path))
    return found._replace(json=unread.as_json(), is_track=False)


def _new_images(records: Sequence[dict[str, Any]]) -> list[KnownImage]:
    """The rows of the embedded pictures that no row speaks of yet, each with its thumbnail made.

    What the surroundings are in the way of, such as a full disk, is none of them: it is asked for
    on the ledger, and the job that brings it says what is in the way.
    """
    sizes = {
        each["digest"]: each["bytes"] for record in records for each in record.get("pictures", ())
    }
    try:
        return decode_unknown(sizes)
    except (StoreError, HeldUpError):
        return []


@job
def enrich_batch(
    album_ids: list[int] | None = None,
    track_ids: list[int] | None = None,
    artist_ids: list[int] | None = None,
    asked_since: float | None = None,
) -> None:
    """Identify these albums, tracks and artists, and write facts of the providers on them.

    An identified album identifies its tracks too. The job settles each entity as soon as it is
    done. With `asked_since`, in seconds since 1970, no older answer counts. While no provider of
    facts is turned on it sends no request. Raises UnavailableError when some have to wait for a
    provider, and SettingError.
    """
    # httpx2 takes a quarter of a second, which extraction need not pay.
    from jobs.enrichment.batch import enrich  # noqa: PLC0415
    from jobs.worker_deferred_enrichment import go_on  # noqa: PLC0415

    enrich(EntityType.ALBUM, album_ids or [], asked_since)
    enrich(EntityType.TRACK, track_ids or [], asked_since)
    enrich(EntityType.ARTIST, artist_ids or [], asked_since)
    go_on()
