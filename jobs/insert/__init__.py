"""Database insertion: writes each chunk in one transaction, with its needs in the ledger."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Self

from db import ledger
from db.artwork.images import KnownImage
from db.enrichment import tagged_entities
from db.library import albums, audio_features, track_files, tracks
from db.library.artists import (
    artists_near,
    ensure_artists,
    known_artists,
    leaders_of,
)
from db.library.track_files import KnownSound, TrackKey
from db.maintenance import removal
from db.models import EntityType, Kind, Scan, ScanChunk
from db.scanning import scans
from db.scanning.library_files import folder_of, group_folder
from db.similarity import vector_inputs
from db.sql.connection import transaction
from jobs.batch.siblings import outdated
from jobs.covers.track_covers import settle_at_hand
from jobs.entities import chunk_to_do, enqueue_part
from jobs.insert import attachments
from jobs.recognition import moved_file, recognise_retagged
from jobs.records import (
    VIDEOS,
    AudioProperties,
    FoundFile,
    Grouping,
    TrackRecord,
    UnreadFile,
)
from jobs.tags import Tags
from worker.dispatch import enqueue, job


@dataclass(frozen=True)
class Batch:
    """What grouping handed on."""

    tracks: Sequence[TrackRecord]
    unread: Sequence[UnreadFile]
    grouping: Grouping
    images: Sequence[KnownImage]
    """The rows of new pictures, which extraction has put into the picture store."""

    @property
    def files(self) -> list[FoundFile]:
        """Those that were read, and those that could not be."""
        return [*(each.file for each in self.tracks), *(each.file for each in self.unread)]


@job
def direct_batch(
    chunk_id: int,
    records: list[dict[str, Any]],
    unread: list[dict[str, Any]],
    grouping: dict[str, Any],
    images: list[dict[str, Any]] | None = None,
) -> dict[str, int] | None:
    """Write a chunk's tracks, artists, albums and problems, and their needs in the ledger.

    `records` are `TrackRecord`, `unread` `UnreadFile`, `grouping` a `Grouping` and `images`
    `KnownImage`, as JSON. The covers of tracks whose pictures are in the store by then are chosen
    here. A chunk that is done is not written again; the job only enqueues again what its tracks
    still need. Returns how many files were new, changed, moved and unreadable. Raises
    NoSuchChunkError for one that the database does not know: nothing of it is written.
    """
    batch = Batch(
        tracks=[each for row in records for each in TrackRecord.from_json(row).tracks()],
        unread=[UnreadFile.from_json(each) for each in unread],
        grouping=Grouping.from_json(grouping),
        images=[KnownImage(**each) for each in images or []],
    )
    scan = scans.of_chunk(chunk_id)
    batch, found = _recognised(batch, scan)
    with transaction():
        chunk = chunk_to_do(chunk_id)
        written = _write(batch, chunk, found) if chunk else None
    if written is None:
        enqueue_part(_still_needed(batch), scan)
        return None
    if written.follower is not None:
        enqueue(scans.READING, chunk_id=written.follower)
    enqueue_part(written.needs, scans.of_chunk(chunk_id))
    return _counts(batch)._asdict()


def _recognised(batch: Batch, scan: Scan | None) -> tuple[Batch, dict[TrackKey, KnownSound]]:
    """The batch with the tracks that its new files were before, and those by what they are now.

    It is found out before anything is written, for it asks disks what is there.
    """
    known = track_files.ids_in_files(record.file.path for record in batch.tracks)
    found = recognise_retagged(batch.tracks, known, scan.root) if scan else {}
    records = [
        replace(each, file=replace(each.file, track_id=track.id, moved=True))
        if (track := found.get(each.key))
        else each
        for each in batch.tracks
    ]
    return replace(batch, tracks=records), found


def _still_needed(batch: Batch) -> dict[ledger.Need, list[int]]:
    """Whatever the tracks of a chunk that was written before still need."""
    track_ids = sorted(track_files.ids_in_files(each.file.path for each in batch.tracks).values())
    ids = {EntityType.TRACK: track_ids, EntityType.ALBUM: sorted(tracks.albums_of(track_ids))}
    ids[EntityType.ARTIST] = sorted(tracks.artists_of(track_ids))
    return {need: ledger.todo_among(need, ids[need.entity_type]) for need in ledger.NEEDS}


_RENAMED = {"album": "album_title", "album_artists": "album_artist_names"}
"""Tags whose column has another name, because `albums` and `album_artists` are tables."""
_ELSEWHERE = {"artists", "genres"}
"""Tags that have a table of their own."""
_TAGS = [each.name for each in fields(Tags) if each.name not in _ELSEWHERE]
_AUDIO = [each.name for each in fields(AudioProperties)]
_of_tags, _of_audio = attrgetter(*_TAGS), attrgetter(*_AUDIO)
_COLUMNS = (
    *("path", "part", "start", "folder", "group_folder", "album"),
    *("size", "mtime_ns", "content_id", "sound_id", "missing_since", "reader"),
    *_AUDIO,
    *(_RENAMED.get(name, name) for name in _TAGS),
    "guessed",
)
"""Every column of `tracks` but `id` and `added_at`."""


def _track_row(record: TrackRecord, album_id: int | None) -> tuple[Any, ...]:
    """The value of each of _COLUMNS for this record."""
    file, folder = record.file, folder_of(record.file.path)
    place = (file.path, record.part, record.start, folder, group_folder(folder), album_id)
    state = (file.size, file.mtime_ns, record.content_id, record.sound_id)
    content = (*state, None, record.reader)
    guessed = record.guessed or None
    return (*place, *content, *_of_audio(record.audio), *_of_tags(record.tags), guessed)


Needs = dict[ledger.NeedKey, list[int]]
_COVER = ledger.need_for(Kind.COVER, EntityType.ARTIST)


def _artist_needs(credited: set[int], changed: set[int], concerned: set[int]) -> Needs:
    """What artists need: those named by a chunk, who lead its albums, or have pictures near it.

    New ones need all; of the others, whose albums changed, it is looked on disk what is there, and
    whose rows gained something have their pictures chosen again.
    """
    new = set(ledger.without_row(_COVER, sorted(credited | changed)))
    return {
        (Kind.PICTURE, EntityType.ARTIST): sorted(new | changed | concerned),
        (Kind.COVER, EntityType.ARTIST): sorted(new | changed),
    }


@dataclass(frozen=True)
class Written:
    """What a chunk made necessary."""

    needs: dict[ledger.Need, list[int]]
    follower: int | None
    """A chunk that is to follow, see `db.scanning.scans.close_chunk`."""


@dataclass(frozen=True)
class _Before:
    """What a batch concerns, as it stood; of a chunk of new files that is nothing."""

    known: dict[TrackKey, int]
    """The tracks of the batch's files that have a row already."""
    basis: Mapping[int, vector_inputs.VectorBasis]
    tags: tagged_entities.IdentityTags
    albums: set[int]
    leaders: set[int]
    chosen: dict[int, list[int]]

    @classmethod
    def of(cls, batch: Batch, chunk: ScanChunk) -> Self:
        """Of the known tracks, those that change their album, and the folders to regroup."""
        known = track_files.ids_in_files(file.path for file in batch.files)
        ids = sorted({*known.values(), *map(int, batch.grouping.regrouped)})
        left = tracks.albums_of(ids) | tracks.albums_in(chunk.regroup)
        return cls(
            known,
            vector_inputs.vector_basis(ids),
            tagged_entities.identity_tags(ids),
            left,
            leaders_of(sorted(left)),
            removal.tracks_with_chosen_cover(left),
        )


def _take_along(found: Mapping[TrackKey, KnownSound], scan_id: int) -> set[str]:
    """Give tracks that were found again their new paths; the group folders that they left."""
    track_files.move(moved_file(*key, track) for key, track in found.items())
    since = {track.path: track.missing_since for track in found.values()}
    scans.not_missing(scan_id, list(since.values()))
    return {track.group_folder for track in found.values()}


def _write(batch: Batch, chunk: ScanChunk, found: Mapping[TrackKey, KnownSound]) -> Written:
    """Write the batch, of which some files are those of tracks `found` again; close its chunk."""
    around = {*_group_folders(batch), *chunk.regroup}
    paths = [each.path for each in batch.files]
    again = outdated(batch.grouping, around, paths, chunk.split_folder)
    left = _take_along(found, chunk.scan_id)
    before = _Before.of(batch, chunk)
    albums.keep_rows(batch.grouping.of_known(before.known))
    album_ids = albums.ensure(batch.grouping.said())
    used = removal.used_names(sorted(before.basis), sorted(before.albums | {*album_ids.values()}))
    rows = [_track_row(record, _album_id(batch, record, album_ids)) for record in batch.tracks]
    track_ids = tracks.upsert([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    track_files.take_away(_others(batch, track_ids, before.known))
    _regroup(batch.grouping, album_ids)
    of_albums = attachments.album_artists(batch.grouping, album_ids)
    credited = ensure_artists(attachments.said_of_artists(batch.tracks, of_albums))
    attachments.write_parts(batch.tracks, track_ids, credited.found)
    attachments.write_problems(batch.tracks, batch.unread)

    touched = before.albums | set(album_ids.values())
    removal.hand_over_chosen_covers(before.chosen)
    gone = set(removal.drop_empty_albums(sorted(touched - _albums_with(batch, album_ids))))
    touched = (touched | tracks.albums_in(_group_folders(batch))) - gone
    albums.set_artists(of_albums, credited.found)
    albums.refresh(sorted(touched))
    settled = removal.settle_names(
        used, track_ids.values(), spelt=credited.spellings, unsure=credited.unsure
    )

    near = artists_near(around, something_left=bool(gone or chunk.regroup or batch.unread))
    led = {artist.id for artist in known_artists(sorted(before.leaders | near))}
    wanted = _track_needs(batch, track_ids, before.known)
    wanted |= {(Kind.COVER, EntityType.ALBUM): sorted(touched)}
    changed = (credited.changed | settled.changed) - settled.emptied
    wanted |= _artist_needs(
        credited.ids - settled.emptied, changed, led | leaders_of(sorted(touched))
    )
    wanted |= {
        (Kind.VECTOR, entity_type): ids
        for entity_type, ids in vector_inputs.to_compute_again(
            before.basis, settled.changed
        ).items()
    }
    needs = _need(wanted)
    _enrich_again(before.tags, _albums_with(batch, album_ids, _known_files(batch, before)), changed)
    again |= left | (around if batch.grouping.unfinished else set())
    follower = scans.close_chunk(chunk, _counts(batch), sorted(again))
    return Written(needs, follower)


def _group_folders(batch: Batch) -> list[str]:
    """Where the batch's files lie. Albums that share a folder share its pictures too, or do not."""
    return sorted({group_folder(folder_of(file.path)) for file in batch.files})


def _album_id(batch: Batch, record: TrackRecord, album_ids: Mapping[str, int]) -> int | None:
    key = batch.grouping.keys[record.file.path]
    return None if key is None else album_ids[key]


def _albums_with(
    batch: Batch, album_ids: Mapping[str, int], known: Collection[str] = ()
) -> set[int]:
    """The albums that tracks of the batch are in; without the files at these known paths."""
    return {
        album_ids[key]
        for path, key in batch.grouping.keys.items()
        if key is not None and path not in known
    }


def _known_files(batch: Batch, before: _Before) -> set[str]:
    """The files of the batch that no new track is of."""
    grown = {each.file.path for each in batch.tracks if each.key not in before.known}
    return {path for path, _ in before.known} - grown


def _others(
    batch: Batch, track_ids: Mapping[TrackKey, int], known: Mapping[TrackKey, int]
) -> list[int]:
    """What the files that were read were divided into before, and are not any more."""
    read = {record.file.path for record in batch.tracks}
    return [known[key] for key in known.keys() - track_ids.keys() if key[0] in read]


def _regroup(grouping: Grouping, album_ids: Mapping[str, int]) -> None:
    movers: dict[int | None, list[int]] = defaultdict(list)
    for track_id, key in grouping.regrouped.items():
        movers[None if key is None else album_ids[key]].append(int(track_id))
    for album_id, track_ids in movers.items():
        tracks.set_album(track_ids, album_id)
    tracks.set_discs({int(track_id): said for track_id, said in grouping.discs.items()})


def _track_needs(
    batch: Batch, track_ids: Mapping[TrackKey, int], known: Collection[TrackKey]
) -> Needs:
    """What the new and changed tracks need; a new one was not analysed."""
    new = [track_id for key, track_id in track_ids.items() if key not in known]
    changed = [track_id for key, track_id in track_ids.items() if key in known]
    return {
        **settle_at_hand(batch.tracks, track_ids, batch.images),
        (Kind.ANALYSIS, EntityType.TRACK): [*new, *audio_features.not_analysed(changed)],
    }


def _need(wanted: Needs) -> dict[ledger.Need, list[int]]:
    """Write what entities need, in the ledger, and return what of it is to be done."""
    to_do = ledger.need_all(wanted)
    return {
        need: to_do[need.kind, need.entity_type]
        for need in ledger.NEEDS
        if (need.kind, need.entity_type) in to_do
    }


def _enrich_again(stood: tagged_entities.IdentityTags, grown: set[int], artists: set[int]) -> None:
    """Have enriched again what was enriched by other tags; what never was waits for its turn.

    `grown` are the albums that new tracks came to.
    """
    now = tagged_entities.identity_tags(sorted(stood))
    changes = tagged_entities.changed_identities(stood, now)
    for entity_type, ids in (
        (EntityType.ALBUM, changes.albums | grown),
        (EntityType.TRACK, changes.tracks),
        (EntityType.ARTIST, artists),
    ):
        known = ledger.with_row(Kind.ENRICHMENT, entity_type, sorted(ids))
        ledger.need(Kind.ENRICHMENT, entity_type, known)


def _counts(batch: Batch) -> scans.Counts:
    files = {record.file.path: record.file for record in batch.tracks}.values()
    moved = sum(file.moved for file in files)
    changed = sum(file.track_id is not None and not file.moved for file in files)
    return scans.Counts(
        new=len(files) - moved - changed,
        changed=changed,
        moved=moved,
        unreadable=sum(each.code not in VIDEOS for each in batch.unread),
    )
