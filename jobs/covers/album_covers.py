"""The search for albums' covers: candidates in order, the first that can be shown wins."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from db import covers
from db.covers import Chosen, EmbeddedIn, KnownImage, TrackPlace
from db.ledger import Settled
from db.models import EntityType, State
from db.paths import shown
from jobs.batch.folders import folder_of
from jobs.covers import folder_images, store
from jobs.covers.faults import Fault
from jobs.covers.folder_images import Folder
from jobs.covers.gathering import Gathered, gather
from jobs.covers.outcomes import Outcome
from jobs.covers.places import Places
from jobs.covers.sources import ALBUM_SOURCES, EMBEDDED, FOLDER
from jobs.covers.track_covers import fronts


class Candidate(NamedTuple):
    """A picture that may be an album's cover."""

    rank: int
    source: str
    path: str
    """The picture file, or the first file that carries the picture."""
    digest: str | None = None
    """None until a picture file was read."""
    bytes: int = 0


@dataclass
class Search:
    """The search for one album's cover, and where it has come."""

    album_id: int
    root: str = ""
    """The library root: no picture is taken from outside."""
    folders: list[Folder] = field(default_factory=list)
    candidates: deque[Candidate] = field(default_factory=deque)
    faults: dict[str, Fault] = field(default_factory=dict)
    """What is wrong with the picture files that were tried, by path."""
    reasons: list[str] = field(default_factory=list)
    unavailable: bool = False
    """Whether a candidate could not be had that may be good."""
    outcome: Outcome | None = None


@dataclass
class Found:
    """What the search for several albums yields."""

    searches: list[Search]
    fresh: dict[str, KnownImage] = field(default_factory=dict)
    """Images whose rows are to be written, by digest."""


def search(album_ids: Sequence[int]) -> Found:
    """Find the cover of each album. Raises StoreError.

    All albums try their best candidate together, then those that need it their next one: so the
    pictures of many albums are decoded by one child, and no more than needed.
    """
    tracks = covers.present_tracks(album_ids)
    pictures = covers.pictures_in([track.id for each in tracks.values() for track in each])
    places = Places(tracks)
    covered = covers.covered(EntityType.ALBUM, album_ids)
    found = Found([Search(album_id) for album_id in album_ids])
    for each in found.searches:
        if each.album_id in tracks:
            _prepare(each, tracks[each.album_id], pictures, places)
        else:
            each.outcome = _kept(each.album_id, each.album_id in covered)
    while offers := [
        (each, each.candidates.popleft())
        for each in found.searches
        if each.outcome is None and each.candidates
    ]:
        _try(offers, found)
    for each in found.searches:
        each.outcome = each.outcome or _without(each)
    return found


def embedded_candidates(
    tracks: Sequence[TrackPlace], pictures: Mapping[int, Sequence[EmbeddedIn]]
) -> list[Candidate]:
    """The embedded pictures that may be the cover, best first.

    The best is the one that is the front of most tracks, among equals the front of the first track.
    The next is what would be the best if that one were not there, and so on.
    """
    left = {track.id: deque(fronts(pictures.get(track.id, ()))) for track in tracks}
    rank = ALBUM_SOURCES.index(EMBEDDED)
    candidates: list[Candidate] = []
    while counts := Counter(queue[0].digest for queue in left.values() if queue):
        best, _ = counts.most_common(1)[0]  # among equals the first that was counted
        carrier = next(t for t in tracks if left[t.id] and left[t.id][0].digest == best)
        picture = left[carrier.id][0]
        candidates.append(Candidate(rank, EMBEDDED, carrier.path, best, picture.bytes))
        for track_id, queue in left.items():
            left[track_id] = deque(each for each in queue if each.digest != best)
    return candidates


def _prepare(
    search: Search,
    tracks: Sequence[TrackPlace],
    pictures: Mapping[int, Sequence[EmbeddedIn]],
    places: Places,
) -> None:
    """Find the candidates of an album."""
    search.folders = places.folders_of(search.album_id)
    search.root = places.root_of(tracks[0].folder)
    try:
        images = folder_images.find(search.folders)
    except OSError as error:
        reason = f"{shown(str(error.filename))}: {error.strerror}"
        search.outcome = Outcome(Settled(search.album_id, State.FAILED, reason, ALBUM_SOURCES))
        return
    files = [Candidate(image.rank, FOLDER, image.path) for image in images]
    ordered = sorted(files + embedded_candidates(tracks, pictures), key=lambda each: each.rank)
    search.candidates.extend(ordered)


def _try(offers: Iterable[tuple[Search, Candidate]], found: Found) -> None:
    """Look at one candidate of each search."""
    at_hand: list[tuple[Search, Candidate]] = []
    for search, candidate in offers:
        taken = _taken(candidate, search.root)
        if isinstance(taken, Fault):
            _refuse(search, candidate, taken)
        else:
            at_hand.append((search, taken))
    gathered = gather({each.digest: each.bytes for _, each in at_hand if each.digest})
    found.fresh.update({image.digest: image for image in gathered.fresh})
    for search, candidate in at_hand:
        _judge(search, candidate, gathered)


def _taken(candidate: Candidate, root: str) -> Candidate | Fault:
    """The candidate with its picture's digest; a picture file is stored for that."""
    if candidate.digest is not None:
        return candidate
    data = folder_images.read(candidate.path, root)
    if isinstance(data, Fault):
        return data
    return candidate._replace(digest=store.put(data), bytes=len(data))


def _judge(search: Search, candidate: Candidate, gathered: Gathered) -> None:
    digest = candidate.digest or ""
    fault = gathered.fault(digest)
    if fault is not None:
        search.unavailable |= gathered.unavailable(digest)
        _refuse(search, candidate, fault)
        return
    chosen = Chosen(search.album_id, digest, candidate.source, candidate.rank, candidate.path)
    asked = ALBUM_SOURCES[: candidate.rank + 1]
    search.outcome = Outcome(Settled(search.album_id, State.DONE, sources=asked), chosen)


def _refuse(search: Search, candidate: Candidate, fault: Fault) -> None:
    """Note why a candidate is not the cover. A track's own faults its own job has filed."""
    search.reasons.append(f"{shown(candidate.path)}: {fault}")
    if candidate.source == FOLDER:
        search.faults[candidate.path] = fault


def _kept(album_id: int, covered: bool) -> Outcome:
    """What an album without a present track goes on to show."""
    state = State.DONE if covered else State.NONE
    return Outcome(Settled(album_id, state, "no file of the album is there", ALBUM_SOURCES))


def _without(search: Search) -> Outcome:
    """An album for which no candidate is left."""
    folders = ", ".join(shown(folder.path) for folder in search.folders)
    reason = f"no cover in {folders}, none in the tracks" if folders else "no cover in the tracks"
    reason = "; ".join(search.reasons) or reason
    state = State.FAILED if search.unavailable else State.NONE
    return Outcome(Settled(search.album_id, state, reason, ALBUM_SOURCES))


def sound_paths(searches: Iterable[Search], recorded: Iterable[str]) -> list[str]:
    """Those of the paths with recorded problems in the searches' folders that they found sound."""
    folders = {folder.path: each for each in searches for folder in each.folders}
    return [
        path
        for path in recorded
        if (search := folders.get(folder_of(path)))
        and path not in search.faults
        and folder_images.cover_name(path.rpartition("/")[2])
    ]
