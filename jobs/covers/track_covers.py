"""A track's pictures: which of them is its front, and what is wrong with them."""

from collections.abc import Mapping, Sequence

from db.artwork.covers import EmbeddedIn, TrackPlace
from db.ledger import Settled
from db.models import State
from jobs.covers.candidates import Candidate, front_pictures
from jobs.pictures.errors import Fault
from jobs.pictures.stored_images import Gathered
from jobs.covers.outcomes import Outcome, kept_roles, settled, write_problems
from jobs.covers.picture_search import Search, judged
from jobs.covers.sources import EMBEDDED, TRACK_SOURCES
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
