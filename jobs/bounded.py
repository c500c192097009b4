"""Work on untrusted files in a child process under limits, so that each item costs only itself.

A tag can inflate without end, a loop can turn for ever, a decoder written in C can crash. Here the
function runs in a forked child: memory is limited by the kernel, time by the parent, and after a
failure another child goes on with the items that are left. One child does a whole batch, so an item
costs little more than a function call.

What the parent of such a child has to be, `worker.process.child` says.
"""

import json
import os
import resource
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from db.ledger import Cause, Obstacle, obstacle_of
from db.sql.path_text import readable
from worker.process.child import OUT_OF_MEMORY, Child, Send, cause_of_end

ATTEMPTS = 3
"""How often an item may end the process that works on it."""
_OUT_OF_MEMORY = 77
"""Exit code of a child that ran out of memory."""

Item = TypeVar("Item")


class FailureKind(StrEnum):
    """Why an item has no value."""

    MEMORY = "memory"
    TIME = "time"
    CRASH = "crash"
    """The child's end by a signal or an exit from within the function."""
    ERROR = "error"
    """An exception that the function let pass."""


@dataclass(frozen=True)
class Value:
    """What the function returned for an item."""

    json: Any


@dataclass(frozen=True)
class ItemFailure:
    """An item that has no value, and why."""

    kind: FailureKind
    message: str
    signal: str = ""
    """What ended the process at work: SIGSEGV, exit 3, memory or timeout; empty when it did not."""
    obstacle: Obstacle | None = None
    """What in the surroundings it came of: a full disk, no more open files, too little memory."""


def run_bounded(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    *,
    extra_memory: int,
    seconds: float,
) -> Generator[Value | ItemFailure, None, None]:
    """`function` of each item, one outcome for each, in order, whatever the items do.

    The function must return a JSON value. It runs in a child that may use `extra_memory` bytes
    beyond what this process has now and `seconds` for each item, and that dies with this process,
    or when the generator is closed or an exception passes through it. An item that ends its child
    has ATTEMPTS: a disk may have been asleep, or the child killed by somebody. Consume it within
    `contextlib.closing` where an exception may come in between, such as a job's timeout.
    """
    done = ends = 0
    child = Child(extra_memory)
    while done < len(items):
        try:
            child.start(partial(_serve, function, items[done:]))
            while done < len(items) and child.pid:
                outcome = _outcome(child, extra_memory, seconds)
                is_end = isinstance(outcome, ItemFailure) and outcome.signal != ""
                if is_end and ends + 1 < ATTEMPTS:
                    ends += 1
                    break
                done, ends = done + 1, 0
                yield outcome
        finally:
            child.stop()


def _outcome(child: Child, extra_memory: int, seconds: float) -> Value | ItemFailure:
    """The next item's outcome. Any failure but an exception ends the child."""
    try:
        data = child.receive(seconds)
    except TimeoutError:
        child.stop()
        return ItemFailure(FailureKind.TIME, f"not done after {seconds:g} s", "timeout")
    if data is None:
        return _failure(child, extra_memory)
    message = json.loads(data)
    if "error" in message:
        cause, place = message["obstacle"] or (None, "")
        obstacle = Obstacle(Cause(cause), place) if cause else None
        return ItemFailure(FailureKind.ERROR, message["error"], obstacle=obstacle)
    return Value(message["value"])


def _failure(child: Child, extra_memory: int) -> ItemFailure:
    """What the end of a child in the middle of an item means.

    One that the kernel killed for want of memory had less than it may use: that is no fault of the
    item, and passes.
    """
    exit_code = child.stop() or 0
    if child.cause_of_end(exit_code) == OUT_OF_MEMORY:
        obstacle = Obstacle(Cause.NO_MEMORY)
        return ItemFailure(FailureKind.MEMORY, obstacle.text, obstacle=obstacle)
    if exit_code == _OUT_OF_MEMORY:
        message = f"needs more than {extra_memory // 2**20} MiB of memory"
        return ItemFailure(FailureKind.MEMORY, message, "memory")
    cause = cause_of_end(exit_code)
    how = f"was killed by {cause}" if exit_code < 0 else f"ended with exit code {exit_code}"
    return ItemFailure(FailureKind.CRASH, f"the process at work on it {how}", cause)


def _serve(function: Callable[[Item], Any], items: Sequence[Item], send: Send) -> None:
    """What the child does: answer for each item, in order. Its crash leaves no core file."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for item in items:
            send(_attempt(function, item))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)


def _attempt(function: Callable[[Item], Any], item: Item) -> bytes:
    """The answer for one item. MemoryError passes: the heap is no longer to be trusted."""
    try:
        return json.dumps({"value": function(item)}).encode()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # any exception belongs to the item, and is reported
        message = readable(f"{type(error).__name__}: {error}")
        return json.dumps({"error": message, "obstacle": obstacle_of(error)}).encode()
