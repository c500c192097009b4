"""What one chunk writes, inside its transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from db import (
    albums,
    artist_albums,
    audio_features,
    enrichment_inputs,
    ledger,
    named,
    problems,
    scans,
    tracks,
    vector_inputs,
)
from db.album_folders import folder_of, group_folder
from db.models import EntityType, Image, Kind, ScanChunk
from db.problems import FileProblem, Stage
from db.slices import slices
from jobs.insert import artists, heirs
from jobs.insert.rows import track_row
from jobs.records import Grouping, ProblemCode, TrackRecord, UnreadFile

PASSING = {ProblemCode.UNREADABLE, ProblemCode.VANISHED}
"""Problems that may pass though the file stays as it is: a right that was given, a share that is
back. Such a file is read again by every scan, for it is filed without its size and time."""


@dataclass(frozen=True)
class Batch:
    """What grouping handed on."""

    tracks: Sequence[TrackRecord]
    unread: Sequence[UnreadFile]
    grouping: Grouping


@dataclass(frozen=True)
class Written:
    """What a chunk made necessary."""

    needs: dict[ledger.Need, list[int]]
    follower: int | None
    """A chunk that is to follow, see `db.scans.close_chunk`."""


def write(batch: Batch, chunk: ScanChunk) -> Written:
    """Write the batch and close its chunk."""
    before = _known_ids(batch)
    stood = vector_inputs.standing(before)
    tagged = enrichment_inputs.standing(before)
    touched = tracks.albums_of(before) | tracks.albums_in(chunk.regroup)
    used = named.used_by(before, sorted(touched))
    leaders = artist_albums.leaders_of(sorted(touched))
    chosen = heirs.chosen_members(touched)

    album_ids = albums.ids_by_key(batch.grouping.album_artists)
    track_ids = tracks.upsert(
        [track_row(record, _album_id(batch, record, album_ids)) for record in batch.tracks]
    )
    _regroup(batch.grouping, album_ids)
    credited = named.artist_ids(_artist_facts(batch))
    _write_parts(batch.tracks, track_ids, credited.ids)
    _write_problems(batch)

    folders = _group_folders(batch)
    touched |= set(album_ids.values()) | tracks.albums_in(folders)
    heirs.hand_on(chosen)
    gone = set(albums.drop_empty(sorted(touched)))
    albums.set_artists(_album_artists(batch, album_ids, credited.ids))
    albums.refresh(sorted(touched - gone))
    named.drop_unused(used)

    leaders |= artist_albums.leaders_of(sorted(touched - gone))
    left = bool(gone or chunk.regroup or batch.unread)
    near = artists.near({*folders, *chunk.regroup}, something_left=left)
    of_artists = artists.wanted(credited, leaders, near)
    changes = vector_inputs.changes(stood, vector_inputs.standing(before))
    needs = _need(batch.tracks, track_ids, touched - gone, of_artists | _of_vectors(changes))
    tagged_now = enrichment_inputs.standing(sorted({*before, *track_ids.values()}))
    _enrich_again(enrichment_inputs.changes(tagged, tagged_now), credited)
    follower = scans.close_chunk(chunk, _counts(batch))
    return Written(needs, follower)


def _known_ids(batch: Batch) -> list[int]:
    """The tracks of the batch that have a row already, and those that change their album."""
    files = [*(each.file for each in batch.tracks), *(each.file for each in batch.unread)]
    paths = [file.path for file in files]
    ids = set(tracks.ids_by_path(paths).values())
    ids.update(map(int, batch.grouping.regrouped))
    return sorted(ids)


def _group_folders(batch: Batch) -> list[str]:
    """Where the batch's files lie. Albums that share a folder share its pictures too, or do not."""
    files = [*(each.file for each in batch.tracks), *(each.file for each in batch.unread)]
    return sorted({group_folder(folder_of(file.path)) for file in files})


def _album_id(batch: Batch, record: TrackRecord, album_ids: Mapping[str, int]) -> int | None:
    key = batch.grouping.keys[record.file.path]
    return None if key is None else album_ids[key]


def _regroup(grouping: Grouping, album_ids: Mapping[str, int]) -> None:
    movers: dict[int | None, list[int]] = defaultdict(list)
    for track_id, key in grouping.regrouped.items():
        movers[None if key is None else album_ids[key]].append(int(track_id))
    for album_id, track_ids in movers.items():
        tracks.set_album(track_ids, album_id)


def _artist_facts(batch: Batch) -> dict[str, list[named.ArtistFacts]]:
    """Each credited name with what its tracks say of it.

    An id or a sort name belongs to a name only when a file gives as many of them as names.
    """
    facts: dict[str, list[named.ArtistFacts]] = defaultdict(list)
    for record in batch.tracks:
        tags = record.tags
        for names, ids, sorts in (
            (tags.artists, tags.musicbrainz_artist_ids, tags.artist_sorts),
            (tags.album_artists, tags.musicbrainz_album_artist_ids, tags.album_artist_sorts),
        ):
            for position, name in enumerate(names):
                facts[name].append(
                    named.ArtistFacts(
                        ids[position] if len(ids) == len(names) else None,
                        sorts[position] if len(sorts) == len(names) else None,
                    )
                )
    for names in batch.grouping.album_artists.values():
        for name in names:
            facts[name].append(named.ArtistFacts())
    return facts


def _write_parts(
    records: Sequence[TrackRecord], track_ids: Mapping[str, int], artist_ids: Mapping[str, int]
) -> None:
    genre_ids = named.genre_ids(genre for record in records for genre in record.tags.genres)
    parts = tracks.Parts([], [], [])
    for record in records:
        track_id = track_ids[record.file.path]
        for position, name in enumerate(record.tags.artists):
            parts.artists.append((track_id, position, artist_ids[name]))
        for position, name in enumerate(record.tags.genres):
            parts.genres.append((track_id, position, genre_ids[name]))
        for position, picture in enumerate(record.pictures):
            parts.pictures.append(
                (track_id, position, picture.type, picture.mime, picture.bytes, picture.digest)
            )
    tracks.replace_parts(sorted(track_ids.values()), parts)


def _write_problems(batch: Batch) -> None:
    problems.clear([record.file.path for record in batch.tracks], Stage.READING)
    problems.record(
        [
            FileProblem(
                each.file.path,
                Stage.READING,
                each.code,
                each.message,
                None if each.code in PASSING else each.file.size,
                None if each.code in PASSING else each.file.mtime_ns,
            )
            for each in batch.unread
        ]
    )
    for each in batch.unread:
        if each.signal is not None:
            where = ledger.Quarantine(each.file.path, scans.READING, each.signal)
            problem_id = problems.id_of(each.file.path, Stage.READING)
            ledger.quarantine_file(problem_id, where, each.message)
    unreadable = tracks.ids_by_path([each.file.path for each in batch.unread])
    tracks.mark_missing(sorted(unreadable.values()))


def _album_artists(
    batch: Batch, album_ids: Mapping[str, int], artist_ids: Mapping[str, int]
) -> dict[int, list[tuple[str, int]]]:
    return {
        album_ids[key]: [(name, artist_ids[name]) for name in names]
        for key, names in batch.grouping.album_artists.items()
    }


def _need(
    records: Sequence[TrackRecord],
    track_ids: Mapping[str, int],
    album_ids: Iterable[int],
    others: artists.Wanted,
) -> dict[ledger.Need, list[int]]:
    """Write what the new and changed entities need, in the ledger."""
    wanted = others | {
        (Kind.PICTURE, EntityType.TRACK): _picture_carriers(records, track_ids),
        (Kind.COVER, EntityType.TRACK): list(track_ids.values()),
        (Kind.COVER, EntityType.ALBUM): list(album_ids),
        (Kind.ANALYSIS, EntityType.TRACK): audio_features.to_analyse(list(track_ids.values())),
    }
    return {
        need: ledger.need(need.kind, need.entity_type, wanted[need.kind, need.entity_type])
        for need in ledger.NEEDS
        if (need.kind, need.entity_type) in wanted
    }


def _of_vectors(changes: vector_inputs.Changes) -> artists.Wanted:
    """Of what has a vector, or was found to have none: others are asked for once it was heard."""
    changed = {
        EntityType.TRACK: changes.tracks,
        EntityType.ALBUM: changes.albums,
        EntityType.ARTIST: changes.artists,
    }
    return {
        (Kind.VECTOR, entity_type): ledger.with_row(Kind.VECTOR, entity_type, sorted(ids))
        for entity_type, ids in changed.items()
    }


def _enrich_again(changes: enrichment_inputs.Changes, credited: named.NamedArtists) -> None:
    """Have enriched anew what was enriched by other tags; what never was waits for its turn."""
    for entity_type, ids in (
        (EntityType.ALBUM, changes.albums),
        (EntityType.TRACK, changes.tracks),
        (EntityType.ARTIST, credited.changed),
    ):
        known = ledger.with_row(Kind.ENRICHMENT, entity_type, sorted(ids))
        ledger.need(Kind.ENRICHMENT, entity_type, known)


def _picture_carriers(records: Sequence[TrackRecord], track_ids: Mapping[str, int]) -> list[int]:
    """One track for each distinct picture that is not in the store yet."""
    carriers: dict[str, int] = {}
    for record in records:
        for picture in record.pictures:
            carriers.setdefault(picture.digest, track_ids[record.file.path])
    for digests in slices(sorted(carriers)):
        for image in Image.select(Image.digest).where(Image.digest.in_(list(digests))):
            del carriers[image.digest]
    return list(carriers.values())


def _counts(batch: Batch) -> scans.Counts:
    files = [record.file for record in batch.tracks]
    moved = sum(file.moved for file in files)
    changed = sum(file.track_id is not None and not file.moved for file in files)
    return scans.Counts(
        new=len(files) - moved - changed,
        changed=changed,
        moved=moved,
        unreadable=len(batch.unread),
    )
