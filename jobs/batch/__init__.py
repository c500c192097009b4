"""Entity grouping: assigns the tracks of a chunk, and their siblings, to albums."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from db.models import Album, Guesses, Source
from db.scanning.library_files import folder_of, group_folder
from jobs.batch.album_groups import AlbumOf, Albums, group, parts_of
from jobs.batch.parts import Grouped
from jobs.batch.releases import wanted
from jobs.batch.siblings import Known, Siblings, is_guessed_here, with_disc
from jobs.entities import chunk_to_do
from jobs.records import AudioProperties, Grouping, pass_on
from jobs.tags import Tags
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
    pictures. The job regroups siblings that were not read again too, and what is of the same
    releases elsewhere: a new, changed or vanished file may change what the tags of a folder have
    in common, or whether two folders are one album. Returns how many. Raises NoSuchChunkError.
    """
    chunk = chunk_to_do(chunk_id)
    gone = [each["file"]["path"] for each in unread]
    paths = [each["file"]["path"] for each in records]
    folders = {group_folder(folder_of(path)) for path in (*paths, *gone)}
    siblings = Siblings({*folders, *(chunk.regroup if chunk else [])}, {*paths, *gone})
    new = [
        track
        for each in records
        for track in _grouped(each, siblings.albums.get(each["file"]["path"]))
    ]
    known = siblings.here()
    parts = list(parts_of([*new, *(each.grouped for each in known)]))
    siblings.find_elsewhere({part.release for part in parts}, wanted(parts))
    elsewhere = siblings.elsewhere()
    albums = group([*parts, *parts_of(each.grouped for each in elsewhere)])
    grouping = _grouping(albums, paths, [*known, *elsewhere], siblings)
    for record in records:
        _give_disc(record, albums)
    pass_on(
        "insert.direct_batch",
        chunk_id,
        records=records,
        unread=unread,
        grouping=grouping.as_json(),
        images=images or [],
    )
    return {"grouped": len(new), "regrouped": len(grouping.regrouped)}


def _grouping(
    albums: Albums, new: Sequence[str], known: Sequence[Known], siblings: Siblings
) -> Grouping:
    """The albums of the new paths, and as much as a job can hold of what changes for siblings."""
    keys = {path: albums.keys[path] for path in new}
    said = set(keys.values())
    regrouped: dict[str, str | None] = {}
    discs: dict[str, tuple[int | None, Guesses | None]] = {}
    left = _MOST_GROUPING_BYTES
    for track in known:
        key = albums.keys[track.grouped.path]
        album = albums.said.get(key or "")
        moves = track.grouped.album_id != (album.row if album else None)
        disc, source = albums.discs.get(track.grouped.path, (track.disc, Source.FOLDER))
        if disc != track.disc:
            discs[str(track.track_id)] = disc, with_disc(track.guessed, disc, source)
        elif not moves and (key in said or _stands(track, album)):
            continue
        if moves:
            regrouped[str(track.track_id)] = key
        said.add(key)
        left -= len(json.dumps([track.track_id, key, key, album and album.artists]))
        if left < 0:
            break
    of_albums = {key: albums.said[key] for key in sorted(filter(None, said))}
    is_checked = len(json.dumps([siblings.releases, siblings.titles])) < _MOST_CHECKED_BYTES
    return Grouping(
        {key: album.artists for key, album in of_albums.items()},
        keys,
        regrouped,
        discs=discs,
        unfinished=left < 0,
        albums={
            key: [each.release, each.edition, each.row, each.title_key]
            for key, each in of_albums.items()
        },
        releases=siblings.releases if is_checked else [],
        titles=siblings.titles if is_checked else {},
        mark=siblings.mark() if is_checked else None,
    )


def _give_disc(record: dict[str, Any], albums: Albums) -> None:
    """Have a record say the disc that was guessed, if it names none itself."""
    tags = record["tags"]
    named = tags.get("disc")
    disc, source = albums.discs.get(record["file"]["path"], (named, Source.FOLDER))
    if disc != named:
        tags["disc"] = disc
        record["guessed"] = with_disc(record.get("guessed"), disc, source) or {}


def _stands(track: Known, album: AlbumOf | None) -> bool:
    """Whether the album that a track is in says already what there is to be said."""
    if album is None or track.album is None:
        return True
    row = track.album
    known = (row.key, row.release, row.edition, track.grouped.credited)
    return known == (album.key, album.release, album.edition, album.artists)


def _grouped(record: dict[str, Any], album: Album | None) -> Iterator[Grouped]:
    """What grouping needs of the tracks of a record, which is handed on as it is.

    Insertion reads it whole. The tracks of a file are all of the same album.
    """
    whole, parts = Tags.filled(record["tags"]), record.get("parts", ())
    for tags in [whole | part["tags"] for part in parts] or [whole]:
        yield _of_tags(record, tags, album, is_part=bool(parts))


def _of_tags(
    record: dict[str, Any], tags: dict[str, Any], album: Album | None, *, is_part: bool
) -> Grouped:
    path, audio = record["file"]["path"], AudioProperties.filled(record["audio"])
    return Grouped(
        path=path,
        group_folder=group_folder(folder_of(path)),
        album_title=tags["album"],
        album_artists=tags["album_artists"],
        artists=tags["artists"],
        compilation=tags["compilation"],
        release_id=tags["musicbrainz_release_id"],
        title=tags["title"],
        disc=None if is_guessed_here(record.get("guessed")) else tags["disc"],
        disc_total=tags["disc_total"],
        track=tags["track"],
        track_total=tags["track_total"],
        date=tags["date"],
        codec=audio["codec"],
        bit_depth=audio["bit_depth"],
        sample_rate=audio["sample_rate"],
        is_part=is_part,
        is_album_guessed="album" in (record.get("guessed") or {}),
        album_id=album.id if album else None,
        album_key=album.key if album else None,
        artist_ids=tags["musicbrainz_artist_ids"],
        album_artist_ids=tags["musicbrainz_album_artist_ids"],
    )


_MOST_CHECKED_BYTES = 256 * 1024
"""Names of albums beyond which insertion does not check whether another process wrote some of them
meanwhile: in a job they would leave no space for its records.
"""
