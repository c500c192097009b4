"""A track's pictures: which of them is its front, and what is wrong with them."""

from collections.abc import Iterable, Mapping, Sequence

from db.covers import Chosen, EmbeddedIn, TrackPlace
from db.ledger import Settled
from db.models import State
from jobs.covers.faults import Fault
from jobs.covers.gathering import Gathered
from jobs.covers.outcomes import Outcome, write_problems
from jobs.covers.sources import EMBEDDED, FRONT_TYPES, TRACK_SOURCES
from jobs.records import ProblemCode


def sizes_of(pictures: Mapping[int, Sequence[EmbeddedIn]]) -> dict[str, int]:
    """The bytes of each distinct picture of these tracks, by digest."""
    return {picture.digest: picture.bytes for each in pictures.values() for picture in each}


def fronts(pictures: Iterable[EmbeddedIn]) -> list[EmbeddedIn]:
    """Those pictures of a track that may stand for its front, best first."""
    acceptable = [picture for picture in pictures if picture.type in FRONT_TYPES]
    return sorted(acceptable, key=lambda picture: FRONT_TYPES.index(picture.type))


def settle_pictures(track_id: int, pictures: Sequence[EmbeddedIn], gathered: Gathered) -> Settled:
    """Whether all the pictures of a track are in the store and can be shown."""
    if not pictures:
        return Settled(track_id, State.NONE, "the file has no embedded picture", [EMBEDDED])
    for picture in pictures:
        fault = gathered.fault(picture.digest)
        if fault is not None:
            return Settled(track_id, State.FAILED, str(fault), [EMBEDDED])
    return Settled(track_id, State.DONE, sources=[EMBEDDED])


def choose(track: TrackPlace, pictures: Sequence[EmbeddedIn], gathered: Gathered) -> Outcome:
    """The track's own front among its pictures."""
    candidates = [picture.digest for picture in fronts(pictures)]
    for digest in candidates:
        if gathered.fault(digest) is None:
            chosen = Chosen(track.id, digest, EMBEDDED, TRACK_SOURCES.index(EMBEDDED), track.path)
            return Outcome(Settled(track.id, State.DONE, sources=TRACK_SOURCES), chosen)
    unavailable = any(gathered.unavailable(digest) for digest in candidates)
    state = State.FAILED if unavailable else State.NONE
    reason = _reason(pictures, candidates, gathered)
    return Outcome(Settled(track.id, state, reason, TRACK_SOURCES))


def kept(track: TrackPlace, covered: bool) -> Outcome:
    """What a track whose file is missing goes on to show."""
    state = State.DONE if covered else State.NONE
    return Outcome(Settled(track.id, state, "the file is missing", TRACK_SOURCES))


def write_track_problems(
    tracks: Sequence[TrackPlace],
    pictures: Mapping[int, Sequence[EmbeddedIn]],
    gathered: Gathered,
) -> None:
    """File what is wrong with the pictures of these tracks. Call it in a transaction.

    A file that is gone or has changed since is no problem of a picture: a scan sees to that.
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
        if fault is not None and fault.code is not ProblemCode.VANISHED:
            message = f"embedded picture {number} of {len(pictures)}: {fault.message}"
            return Fault(fault.code, message)
    return None


def _reason(pictures: Sequence[EmbeddedIn], candidates: Sequence[str], gathered: Gathered) -> str:
    if not pictures:
        return "the file has no embedded picture"
    if not candidates:
        types = ", ".join(str(number) for number in sorted({each.type for each in pictures}))
        return f"the file's pictures are none of a front (picture types {types})"
    return "; ".join(str(gathered.fault(digest)) for digest in candidates)
