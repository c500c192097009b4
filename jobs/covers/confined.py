"""Work on untrusted files in a bounded child, with faults and store errors carried out of it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from jobs.bounded import FailureKind, ItemFailure, run_bounded
from jobs.covers.errors import StoreError, StoreFullError
from jobs.covers.faults import Fault
from jobs.records import ProblemCode

Item = TypeVar("Item")

_CODES = {
    FailureKind.MEMORY: ProblemCode.TOO_MUCH_MEMORY,
    FailureKind.TIME: ProblemCode.TOO_SLOW,
    FailureKind.CRASH: ProblemCode.CRASHED,
    FailureKind.ERROR: ProblemCode.BAD_PICTURE,
}
_STORE_ERRORS = {error.__name__: error for error in (StoreError, StoreFullError)}


def confined(
    function: Callable[[Item], Any], items: Sequence[Item], *, extra_memory: int, seconds: float
) -> Iterator[Any | Fault]:
    """What `function` (a JSON value) makes of each item, in order, or the fault of the item.

    The limits are those of `jobs.bounded.run_bounded`. A StoreError that the function raises is no
    fault of an item: it is raised here.
    """
    work = partial(_carrying_store_errors, function)
    for outcome in run_bounded(work, items, extra_memory=extra_memory, seconds=seconds):
        if isinstance(outcome, ItemFailure):
            yield Fault(_CODES[outcome.kind], outcome.message)
        elif "store_error" in outcome.json:
            raise _STORE_ERRORS[outcome.json["store_error"]](outcome.json["message"])
        else:
            yield outcome.json["value"]


def _carrying_store_errors(function: Callable[[Item], Any], item: Item) -> dict[str, Any]:
    try:
        return {"value": function(item)}
    except StoreError as error:
        return {"store_error": type(error).__name__, "message": str(error)}
