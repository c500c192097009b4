"""A track's pictures: which of them is its front, and what is wrong with them."""

from collections.abc import Collection, Mapping, Sequence

from db import ledger
from db.artwork import images
from db.artwork.covers import EmbeddedIn, TrackPlace
from db.artwork.images import KnownImage
from db.ledger import Settled
from db.models import EntityType, Kind, State
from jobs.covers.candidates import Candidate, front_pictures
from jobs.covers.outcomes import Outcome, kept_roles, settled, show, write_problems
from jobs.covers.picture_search import Search, judged
from jobs.covers.sources import EMBEDDED, TRACK_SOURCES
from jobs.pictures.errors import Fault, StoreError
from jobs.pictures.stored_images import Gathered, at_hand
from jobs.records import ProblemCode


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
    tracks: Sequence[TrackPlace],
    pictures: Mapping[int, Sequence[EmbeddedIn]],
    found: Sequence[KnownImage],
    bringing: Collection[int],
) -> set[int]:
    """Choose the covers of those of these present tracks whose pictures are all at hand; the rest.

    `found` are the images that extraction decoded, and `bringing` the tracks that are to bring
    pictures into the store. What the two jobs would write is written, and what they need is
    settled. Call it in the transaction that writes the tracks.
    """
    images.record(found)
    gathered = _at_hand(sizes_of(pictures))
    known = gathered.images.keys() | gathered.faults.keys()
    ready = [
        track
        for track in tracks
        if all(each.digest in known for each in pictures.get(track.id, ()))
    ]
    outcomes = [choose(track, pictures.get(track.id, ()), gathered) for track in ready]
    show(EntityType.TRACK, outcomes)
    ledger.settle_new(Kind.COVER, EntityType.TRACK, [each.settled for each in outcomes])
    brought = [
        settle_pictures(track.id, pictures.get(track.id, ()), gathered)
        for track in ready
        if track.id in bringing
    ]
    ledger.settle_new(Kind.PICTURE, EntityType.TRACK, brought)
    write_track_problems(ready, pictures, gathered)
    return {track.id for track in tracks} - {track.id for track in ready}


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
