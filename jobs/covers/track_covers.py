"""A track's pictures: which of them is its front, and what is wrong with them."""

from collections.abc import Mapping, Sequence

from db import ledger
from db.artwork import images
from db.artwork.covers import EMBEDDED, EmbeddedIn, TrackPlace
from db.artwork.images import KnownImage
from db.ledger import Settled
from db.library.track_files import TrackKey
from db.models import EntityType, Kind, State
from db.scanning.library_files import folder_of
from jobs.covers.candidates import TRACK_SOURCES, Candidate, front_pictures
from jobs.covers.outcomes import Outcome, kept_roles, settled, show, write_problems
from jobs.covers.picture_search import Search, judged
from jobs.pictures.errors import Fault, StoreError
from jobs.pictures.stored_images import Gathered, at_hand
from jobs.records import ProblemCode, TrackRecord


def sizes_of(pictures: Mapping[int, Sequence[EmbeddedIn]]) -> dict[str, int]:
    """The bytes of each distinct picture of these tracks, by digest."""
    return {picture.digest: picture.bytes for each in pictures.values() for picture in each}


def settle_pictures(track_id: int, pictures: Sequence[EmbeddedIn], gathered: Gathered) -> Settled:
    """Whether all the pictures of a track are in the store and can be shown."""
    if not pictures:
        return Settled(track_id, State.NONE, "the file has no embedded picture", [EMBEDDED])
    for picture in pictures:
        fault = gathered.fault(picture.digest)
        if fault is not None and fault.obstacle is not None:
            return Settled.held_up(track_id, fault.obstacle, str(fault), [EMBEDDED])
        if fault is not None:
            return Settled(track_id, State.FAILED, str(fault), [EMBEDDED])
    return Settled(track_id, State.DONE, sources=[EMBEDDED])


def choose(track: TrackPlace, pictures: Sequence[EmbeddedIn], gathered: Gathered) -> Outcome:
    """The track's own front among its pictures."""
    search = Search(track.id, candidates=_candidates(track, pictures))
    search.judgements += [judged(search, candidate, gathered) for candidate in search.candidates]
    chosen = search.chosen()
    how = settled(search, TRACK_SOURCES, _nothing(pictures))
    return Outcome(how, (chosen,) if chosen else (), kept_roles([search]))


def settle_at_hand(
    records: Sequence[TrackRecord], track_ids: Mapping[TrackKey, int], found: Sequence[KnownImage]
) -> dict[tuple[Kind, EntityType], list[int]]:
    """Choose the covers of those of these tracks whose pictures are all at hand.

    Returns what the others need. `found` are the images that extraction decoded, `track_ids` the
    tracks by path and part. What the two jobs would write is written, and what they would do is
    settled. Call it in the transaction that writes the tracks.
    """
    tracks, pictures = _carrying(records, track_ids)
    bringing = _bringing(pictures)
    images.record(found)
    gathered = _at_hand(sizes_of(pictures))
    known = gathered.images.keys() | gathered.faults.keys()
    ready = [track for track in tracks if known >= {each.digest for each in pictures[track.id]}]
    outcomes = [choose(track, pictures[track.id], gathered) for track in ready]
    show(EntityType.TRACK, outcomes)
    ledger.settle_new(Kind.COVER, EntityType.TRACK, [each.settled for each in outcomes])
    brought = [
        settle_pictures(track.id, pictures[track.id], gathered)
        for track in ready
        if track.id in bringing
    ]
    ledger.settle_new(Kind.PICTURE, EntityType.TRACK, brought)
    write_track_problems(ready, pictures, gathered)
    left = pictures.keys() - {track.id for track in ready}
    return {
        (Kind.PICTURE, EntityType.TRACK): sorted(left & bringing),
        (Kind.COVER, EntityType.TRACK): sorted(left),
    }


def _carrying(
    records: Sequence[TrackRecord], track_ids: Mapping[TrackKey, int]
) -> tuple[list[TrackPlace], dict[int, list[EmbeddedIn]]]:
    """The tracks of these records, which are there, and the pictures of each."""
    tracks, pictures = [], {}
    for record in records:
        path, tags = record.file.path, record.tags
        track_id = track_ids[record.key]
        tracks.append(
            TrackPlace(track_id, None, path, folder_of(path), tags.disc, tags.track, False, None)
        )
        pictures[track_id] = [
            EmbeddedIn(track_id, each.type, each.bytes, each.digest) for each in record.pictures
        ]
    return tracks, pictures


def _bringing(pictures: Mapping[int, Sequence[EmbeddedIn]]) -> set[int]:
    """One track for each distinct picture that no row speaks of yet."""
    carriers: dict[str, int] = {}
    for track_id, carried in pictures.items():
        for picture in carried:
            carriers.setdefault(picture.digest, track_id)
    return {carriers[digest] for digest in carriers.keys() - images.known_digests(carriers)}


def _at_hand(sizes: Mapping[str, int]) -> Gathered:
    """What is at hand of these pictures; nothing while the store cannot be used.

    The jobs that bring pictures meet the same then, and say what it is.
    """
    try:
        return at_hand(sizes)
    except StoreError:
        return Gathered({}, (), {})


def kept(track: TrackPlace, covered: bool) -> Outcome:
    """The cover that a track whose file is missing keeps."""
    state = State.DONE if covered else State.NONE
    return Outcome(Settled(track.id, state, "the file is missing", TRACK_SOURCES), kept=None)


def write_track_problems(
    tracks: Sequence[TrackPlace],
    pictures: Mapping[int, Sequence[EmbeddedIn]],
    gathered: Gathered,
) -> None:
    """File what is wrong with the pictures of these tracks. Call it in a transaction.

    A file that is gone or has changed since is no problem of a picture: a scan handles that. Nor
    is what the surroundings keep from being read: it waits for them.
    """
    faults = {
        track.path: fault
        for track in tracks
        if not track.missing and (fault := _problem(pictures.get(track.id, ()), gathered))
    }
    write_problems(faults.items(), [track.path for track in tracks if track.path not in faults])


def _problem(pictures: Sequence[EmbeddedIn], gathered: Gathered) -> Fault | None:
    """The first fault among a track's pictures."""
    for number, picture in enumerate(pictures, 1):
        fault = gathered.fault(picture.digest)
        if fault is None or fault.obstacle is not None:
            continue
        if fault.code is not ProblemCode.VANISHED:
            message = f"embedded picture {number} of {len(pictures)}: {fault.message}"
            return Fault(fault.code, message)
    return None


def _candidates(track: TrackPlace, pictures: Sequence[EmbeddedIn]) -> list[Candidate]:
    """The pictures that may be the front: the better type first, then the order of the file."""
    rank = TRACK_SOURCES.index(EMBEDDED)
    return [
        Candidate(
            EMBEDDED,
            EMBEDDED,
            rank,
            (rank, place),
            track.path,
            digest=picture.digest,
            bytes=picture.bytes,
        )
        for place, picture in enumerate(front_pictures(pictures))
    ]


def _nothing(pictures: Sequence[EmbeddedIn]) -> str:
    """Why a track has no front, when no candidate says more."""
    if not pictures:
        return "the file has no embedded picture"
    types = ", ".join(str(number) for number in sorted({each.type for each in pictures}))
    return f"the file's pictures are none of a front (picture types {types})"
