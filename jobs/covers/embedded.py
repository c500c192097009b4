"""Fetching embedded pictures out of audio files into the store, one open file a picture."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from db import covers
from jobs.covers import store
from jobs.covers.confined import confined
from jobs.covers.faults import Fault
from jobs.errors import UnreadableFileError
from jobs.metadata.reading import MEMORY, SECONDS, read_pictures
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
    untried = covers.carriers(digests, MOST_CARRIERS)
    faults = dict.fromkeys(digests, _NO_CARRIER)
    while plan := _plan(faults, untried):
        outcomes = confined(_take, list(plan.items()), extra_memory=MEMORY, seconds=SECONDS)
        for (path, wanted), outcome in zip(plan.items(), outcomes, strict=True):
            for digest in wanted:
                untried[digest].remove(path)
            faults.update(dict.fromkeys(wanted, _fault(outcome)))
            for digest in [] if isinstance(outcome, Fault) else outcome["taken"]:
                del faults[digest]
    return faults


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
    """Store the wanted pictures of one file, and tell which were in it. Runs in the child."""
    path, digests = wanted
    try:
        pictures = read_pictures(path)
    except UnreadableFileError as error:
        return {"taken": [], "code": error.code.value, "message": str(error)}
    found = {store.digest_of(picture.data): picture.data for picture in pictures}
    taken = [digest for digest in digests if digest in found]
    for digest in taken:
        store.put(found[digest])
    return {"taken": taken, "code": None, "message": None}


def _fault(outcome: Any | Fault) -> Fault:
    """Why the pictures that were not taken are not there."""
    if isinstance(outcome, Fault):
        return outcome
    if outcome["code"] is None:
        return _CHANGED
    return Fault(ProblemCode(outcome["code"]), outcome["message"])
