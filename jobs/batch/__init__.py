"""Entity grouping: assigns the tracks of a chunk, and their siblings, to albums."""

from typing import Any

from db.library import tracks
from db.library.albums import folder_of, group_folder
from db.library.artists import credits_of
from db.models import EntityType
from db.scanning import scans
from jobs.batch.album_groups import Grouped, group
from jobs.records import Grouping
from worker.dispatch import enqueue, job


@job
def process_entities(
    chunk_id: int, records: list[dict[str, Any]], unread: list[dict[str, Any]]
) -> dict[str, int]:
    """Group a chunk's tracks together with the known tracks of the same folders, and pass them on.

    `records` are `TrackRecord`, `unread` `UnreadFile`, as JSON. The job regroups siblings that were
    not read again too: a new, changed or vanished file may change what the tags of the folder have
    in common. Returns how many.
    """
    chunk = scans.open_chunk(chunk_id)
    regroup = chunk.regroup if chunk else []
    new = [_grouped(each) for each in records]
    gone = [each["file"]["path"] for each in unread]
    folders = {track.group_folder for track in new} | {
        group_folder(folder_of(path)) for path in gone
    }
    known = _known_siblings(sorted(folders | set(regroup)), records, gone)
    albums = group([*new, *(sibling.grouped for sibling in known)])
    grouping = Grouping(
        album_artists=albums.artists,
        keys={track.path: albums.keys[track.path] for track in new},
        regrouped={
            str(sibling.track_id): albums.keys[sibling.grouped.path]
            for sibling in known
            if albums.keys[sibling.grouped.path] != sibling.album_key
        },
    )
    enqueue(
        "insert.direct_batch",
        chunk_id=chunk_id,
        records=records,
        unread=unread,
        grouping=grouping.as_json(),
    )
    return {"grouped": len(new), "regrouped": len(grouping.regrouped)}


class _Sibling:
    """A known track, as grouping sees it, with the album it has now."""

    def __init__(self, track: Any, artists: list[str]) -> None:
        self.track_id: int = track.id
        self.album_key: str | None = track.album.key if track.album_id else None
        self.grouped = Grouped(
            path=track.path,
            group_folder=track.group_folder,
            album_title=track.album_title,
            album_artists=track.album_artist_names,
            artists=artists,
            compilation=track.compilation,
            release_id=track.musicbrainz_release_id,
        )


def _known_siblings(
    folders: list[str], records: list[dict[str, Any]], gone: list[str]
) -> list[_Sibling]:
    """The present tracks of these folders that the chunk itself does not replace."""
    replaced = {each["file"]["path"] for each in records} | set(gone)
    known = [track for track in tracks.present_in(folders) if track.path not in replaced]
    credited = credits_of(EntityType.TRACK, [track.id for track in known])
    return [
        _Sibling(track, [credit.name for credit in credited.get(track.id, ())]) for track in known
    ]


def _grouped(record: dict[str, Any]) -> Grouped:
    """What grouping needs of a record, which is handed on as it is and read whole by insertion."""
    path, tags = record["file"]["path"], record["tags"]
    return Grouped(
        path=path,
        group_folder=group_folder(folder_of(path)),
        album_title=tags["album"],
        album_artists=tags["album_artists"],
        artists=tags["artists"],
        compilation=tags["compilation"],
        release_id=tags["musicbrainz_release_id"],
    )
