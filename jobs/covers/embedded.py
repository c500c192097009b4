"""Embedded pictures: fetched out of audio files into the store, and decoded.

`gather` serves every picture that is known by its digest: what is in the store is only decoded, and
what is not is fetched, one open file a picture.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from db.artwork import covers
from db.scanning import roots
from jobs.errors import UnreadableFileError
from jobs.pictures import store
from jobs.pictures.errors import Fault
from jobs.pictures.stored_images import Gathered, at_hand, confined, decode_images
from jobs.records import ProblemCode

MOST_CARRIERS = 20
"""How many files of those that carry a picture are tried before it is given up."""
_NO_CARRIER = Fault(ProblemCode.VANISHED, "no file that is there carries the picture")
_CHANGED = Fault(
    ProblemCode.VANISHED,
    "the file no longer holds the picture that the scan saw — scan it again",
)


def fetch(digests: Collection[str]) -> dict[str, Fault]:
    """Store these pictures, and return why for each that could not be had.

    Files are opened until each picture is found: one for each, and one for all that it carries;
    another only where that fails. Raises StoreError.
    """
    from jobs.metadata.reader import MEMORY, SECONDS  # noqa: PLC0415  # mutagen is for scans

    untried = covers.carriers(digests, MOST_CARRIERS)
    faults = dict.fromkeys(digests, _NO_CARRIER)
    held_up: dict[str, Fault] = {}
    """Those that a file may hold which the surroundings kept from being read."""
    while plan := _plan(faults, untried):
        outcomes = confined(_take, list(plan.items()), extra_memory=MEMORY, seconds=SECONDS)
        for (path, wanted), outcome in zip(plan.items(), outcomes, strict=True):
            for digest in wanted:
                untried[digest].remove(path)
            fault = _fault(path, outcome)
            faults.update(dict.fromkeys(wanted, fault))
            if fault.obstacle is not None and not fault.obstacle.is_of_item:
                held_up.update(dict.fromkeys(wanted, fault))
            for digest in [] if isinstance(outcome, Fault) else outcome["taken"]:
                del faults[digest]
    return {digest: held_up.get(digest, fault) for digest, fault in faults.items()}


def _plan(wanted: Collection[str], untried: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Which files to open next, and which pictures to take out of each."""
    plan: dict[str, list[str]] = {}
    for digest in sorted(wanted):
        paths = untried.get(digest, ())
        path = next((each for each in paths if each in plan), next(iter(paths), None))
        if path is not None:
            plan.setdefault(path, []).append(digest)
    return plan


def _take(wanted: tuple[str, list[str]]) -> dict[str, Any]:
    """Store the wanted pictures of one file, and return which were in it. Runs in the child."""
    from jobs.metadata.reader import read_pictures  # noqa: PLC0415  # as above

    path, digests = wanted
    try:
        pictures = read_pictures(path)
    except UnreadableFileError as error:
        number = getattr(error.__cause__, "errno", None)
        return {"taken": [], "code": error.code.value, "message": str(error), "errno": number}
    found = {store.digest_of(picture.data): picture.data for picture in pictures}
    taken = [digest for digest in digests if digest in found]
    for digest in taken:
        store.put(found[digest])
    return {"taken": taken, "code": None, "message": None}


def _fault(path: str, outcome: Any | Fault) -> Fault:
    """Why the pictures that were not taken are not there."""
    if isinstance(outcome, Fault):
        return outcome
    if outcome["code"] is None:
        return _CHANGED
    obstacle = roots.obstacle(path, outcome["errno"])
    return Fault(ProblemCode(outcome["code"]), outcome["message"], obstacle)


def gather(sizes: Mapping[str, int], *, look_again: bool = False) -> Gathered:
    """Have these pictures (bytes by digest) at hand, whatever of that is still to be done.

    Each of the three jobs calls it, so none depends on another having run. With `look_again` those
    that did not decode before are tried once more. Raises StoreError.
    """
    known = at_hand(sizes, look_again=look_again)
    unknown = sizes.keys() - known.images.keys() - known.faults.keys()
    faults = fetch({digest for digest in unknown if not store.holds(store.original(digest))})
    fresh = {image.digest: image for image in decode_images(unknown - faults.keys())}
    return Gathered({**known.images, **fresh}, fresh.values(), {**known.faults, **faults})
