"""Entity grouping: assigns the tracks of a chunk, and their siblings, to albums."""

import json
from collections.abc import Sequence
from typing import Any

from db.library import tracks
from db.library.artists import credits_of
from db.models import EntityType
from db.scanning.library_files import folder_of, group_folder
from jobs.batch.album_groups import Albums, Grouped, group
from jobs.entities import chunk_to_do
from jobs.records import Grouping, pass_on
from worker.dispatch import MAX_JOB_BYTES, job

_MOST_GROUPING_BYTES = MAX_JOB_BYTES // 4
"""Of what a job says of tracks that were not read; another chunk says the rest."""


@job
def process_entities(
    chunk_id: int,
    records: list[dict[str, Any]],
    unread: list[dict[str, Any]],
    images: list[dict[str, Any]] | None = None,
) -> dict[str, int]:
    """Group a chunk's tracks together with the known tracks of the same folders, and pass them on.

    `records` are `TrackRecord`, `unread` `UnreadFile`, as JSON, and `images` the rows of their new
    pictures. The job regroups siblings that were
    not read again too: a new, changed or vanished file may change what the tags of the folder have
    in common. Returns how many. Raises NoSuchChunkError.
    """
    chunk = chunk_to_do(chunk_id)
    regroup = chunk.regroup if chunk else []
    new = [_grouped(each) for each in records]
    gone = [each["file"]["path"] for each in unread]
    folders = {track.group_folder for track in new} | {
        group_folder(folder_of(path)) for path in gone
    }
    known = _known_siblings(sorted(folders | set(regroup)), records, gone)
    albums = group([*new, *(sibling.grouped for sibling in known)])
    grouping = _grouping(albums, [track.path for track in new], known)
    pass_on(
        "insert.direct_batch",
        chunk_id,
        records=records,
        unread=unread,
        grouping=grouping.as_json(),
        images=images or [],
    )
    return {"grouped": len(new), "regrouped": len(grouping.regrouped)}


def _grouping(albums: Albums, new: Sequence[str], known: Sequence["_Sibling"]) -> Grouping:
    """The albums of the new paths, and as much as a job can hold of what changes for siblings."""
    keys = {path: albums.keys[path] for path in new}
    said = set(keys.values())
    regrouped: dict[str, str | None] = {}
    left = _MOST_GROUPING_BYTES
    for sibling in known:
        key = albums.keys[sibling.grouped.path]
        moves = key != sibling.album_key
        if not moves and (key in said or key is None or sibling.credited == albums.artists[key]):
            continue
        if moves:
            regrouped[str(sibling.track_id)] = key
        said.add(key)
        left -= len(json.dumps([sibling.track_id, key, key, albums.artists.get(key or "")]))
        if left < 0:
            break
    artists = {key: albums.artists[key] for key in said if key is not None}
    return Grouping(artists, keys, regrouped, unfinished=left < 0)


class _Sibling:
    """A known track, as grouping sees it, with the album it has now and that album's artists."""

    def __init__(self, track: Any, artists: list[str], credited: list[str]) -> None:
        self.track_id: int = track.id
        self.credited = credited
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
    artists = _names(EntityType.TRACK, [track.id for track in known])
    albums = sorted({track.album_id for track in known if track.album_id is not None})
    of_albums = _names(EntityType.ALBUM, albums)
    return [
        _Sibling(track, artists.get(track.id, []), of_albums.get(track.album_id or 0, []))
        for track in known
    ]


def _names(entity_type: EntityType, ids: Sequence[int]) -> dict[int, list[str]]:
    credited = credits_of(entity_type, ids)
    return {each: [credit.name for credit in credits] for each, credits in credited.items()}


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
