"""Work on untrusted files in a child process under limits, so that each item costs only itself.

A tag can inflate without end, a loop can turn for ever, a decoder written in C can crash. Here the
function runs in a forked child: memory is limited by the kernel, time by the parent, and after a
failure another child goes on with the items that are left.

The child serves one call after the other, so that what it has imported is there for the next. It is
replaced when an item ends it, when a call was broken off, when it has grown, is old, or was forked
in another environment. The items of a call go to it in one message, and outcomes come back several
at a time; which item is at work since when it notes in memory that both share, so the limits are
each item's own.

What the parent of such a child has to be, `worker.process.child` says.
"""

import importlib
import json
import mmap
import os
import resource
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

from db import settings
from db.ledger import Cause, Obstacle, obstacle_of
from db.sql.path_text import readable
from worker.host import log
from worker.process.child import (
    OUT_OF_MEMORY,
    Channel,
    Child,
    Send,
    cause_of_end,
    limit_memory,
    resident,
)

ATTEMPTS = 3
"""How often an item may end the process that works on it."""
_OUT_OF_MEMORY = 77
"""Exit code of a child that ran out of memory."""
_MOST_GROWTH = 64 * 1024 * 1024
"""Bytes by which a child that goes on may be larger than when it was forked."""
_OLD_SECONDS = 600.0
_LIMITS = resource.RLIMIT_RTTIME + 1
"""How many limits of the system a process has: RLIMIT_RTTIME is the last of them."""
_SENT_AFTER = 0.25
"""Seconds after which outcomes are sent, however few they are."""

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
    size: int = field(default=0, compare=False, repr=False)
    """Bytes of it as JSON."""


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

    The function must return a JSON value; a dataclass in it comes as its fields. It runs in a child
    that may use `extra_memory` bytes beyond what it has when the call begins and `seconds` for each
    item, and that dies with this process, or when the generator is closed or an exception passes
    through it. An item that ends its child has ATTEMPTS: a disk may have been asleep, or the child
    killed by somebody. One that was done shortly before may be done once more then. Consume it
    within `contextlib.closing` where an exception may come in between, such as a job's timeout.

    Items are JSON values, of which a tuple comes as a list. Others, and a function that its module
    does not have by its name, have a child of their own, which is forked for the call.
    """
    done, until = 0, len(items)
    ends: Counter[int] = Counter()
    failure: ItemFailure | None = None
    server = _idle_server()
    is_whole = False
    try:
        while done < len(items):
            call = _Call(function, items[done:until], extra_memory, log.fields_now())
            try:
                for outcome in server.outcomes(call, seconds):
                    done += 1
                    yield outcome
            except _EndedError as end:
                at = done + end.ahead
                ends[at] += 1
                if ends[at] >= ATTEMPTS or not end.failure.signal:
                    until, failure = at, end.failure
            if done == until and failure is not None:
                yield failure
                done, until, failure = done + 1, len(items), None
        is_whole = True
    finally:
        if not (is_whole and server.goes_on()):
            server.child.stop()


class _Call(NamedTuple):
    """What a child is asked for."""

    function: Callable[[Any], Any]
    items: Sequence[Any]
    extra_memory: int
    job: dict[str, str]
    """What the log names as the job of what is logged meanwhile."""

    def as_bytes(self) -> bytes | None:
        """The call as a message; None when only a fork can hand it on."""
        try:
            return json.dumps([_named(self.function), *self[1:]]).encode()
        except (AttributeError, TypeError, ValueError):
            return None

    @classmethod
    def from_bytes(cls, message: bytes) -> "_Call":
        """The call that a message asks for."""
        named, *others = json.loads(message)
        return cls(_function(named), *others)


def _named(function: Callable[..., Any]) -> list[Any]:
    """A function as JSON: its module and name, and the functions that a partial gives it first.

    Raises AttributeError and TypeError for one that cannot be found by them.
    """
    given: tuple[Callable[..., Any], ...] = ()
    if isinstance(function, partial) and not function.keywords:
        given, function = function.args, function.func
    name = function.__qualname__
    if getattr(sys.modules[function.__module__], name, None) is not function:
        raise TypeError(f"{function.__module__} has no {name}")
    return [function.__module__, name, *map(_named, given)]


def _function(named: Sequence[Any]) -> Callable[..., Any]:
    """The function that `_named` gave as JSON."""
    module, name, *given = named
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return partial(function, *map(_function, given)) if given else function


class _EndedError(Exception):
    """The child came to its end, in the item that stands so many ahead of the next outcome."""

    def __init__(self, ahead: int, failure: ItemFailure) -> None:
        super().__init__(failure.message)
        self.ahead = ahead
        self.failure = failure


class _Progress:
    """Which item of a call is at work, and since when: in memory that parent and child share."""

    _LAYOUT = struct.Struct("=qd")
    NONE = -1

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._LAYOUT.size)

    def note(self, item: int) -> None:
        """Item number so much begins now; NONE: none is at work."""
        self._LAYOUT.pack_into(self._memory, 0, item, time.monotonic())

    def read(self) -> tuple[int, float]:
        """The item, and the time since when, the same in all processes."""
        item, since = self._LAYOUT.unpack_from(self._memory)
        return item, since


class _Server:
    """A child that answers calls, one after the other."""

    def __init__(self) -> None:
        self.child = Child(None)
        self._progress = _Progress()
        self._keeps = True
        self._surroundings = _surroundings()
        self._forked = time.monotonic()
        self._size = 0

    def outcomes(self, call: _Call, seconds: float) -> Iterator[Value | ItemFailure]:
        """The outcome of each item. Raises _EndedError when the child ends before the last."""
        message = call.as_bytes()
        self._progress.note(_Progress.NONE)
        if message is None:
            self.child.stop()
            self._start(call)
            self._keeps = False
        else:
            if not self.child.pid:
                self._start()
            with suppress(OSError):  # it has just ended, which is noticed below
                self.child.send(message)
        received = 0
        while received < len(call.items):
            for size, outcome in json.loads(self._message(call, seconds, received)):
                received += 1
                yield _outcome(size, outcome)

    def goes_on(self) -> bool:
        """Keep the child for the next call, if it is to have one; whether it is kept."""
        is_old = time.monotonic() - self._forked > _OLD_SECONDS
        if not self._keeps or is_old or not self.child.is_waiting or _idle:
            return False
        if resident(self.child.pid) > self._size + _MOST_GROWTH:
            return False
        self.child.rest()
        _idle.append(self)
        return True

    @property
    def is_ready(self) -> bool:
        """Whether it may serve another call: it lives, is ours, and knows what we know."""
        return self.child.is_waiting and self._surroundings == _surroundings()

    def _start(self, call: _Call | None = None) -> None:
        self._forked, self._size = time.monotonic(), resident(os.getpid())
        self.child.start_serving(lambda channel: _serve(channel, self._progress, call))

    def _message(self, call: _Call, seconds: float, received: int) -> bytes:
        """The next outcomes. The time of each item is its own, however many come together."""
        begun = time.monotonic()
        while True:
            item, since = at_work = self._progress.read()
            try:
                message = self.child.receive(max(begun, since) + seconds - time.monotonic())
            except TimeoutError:
                if self._progress.read() != at_work:
                    continue
                self.child.stop()
                failure = ItemFailure(FailureKind.TIME, f"not done after {seconds:g} s", "timeout")
            else:
                if message is not None:
                    return message
                failure = _failure(self.child, call.extra_memory)
                item, _ = self._progress.read()
            raise _EndedError(max(0, item - received), failure)


_idle: list[_Server] = []
"""The child that waits for the next call, if there is one."""


def _idle_server() -> _Server:
    """The child that waits, which is this call's alone from now on, or else another one."""
    while _idle:
        server = _idle.pop()
        if server.is_ready:
            return server
        server.child.stop()
    return _Server()


def _surroundings() -> tuple[object, ...]:
    """What a child has from its parent for good, and what functions go by."""
    limits = [resource.getrlimit(number) for number in range(_LIMITS)]
    return os.getcwd(), settings.images_dir(), dict(os.environ), limits  # noqa: PTH109  # is faster


def _outcome(size: int, message: dict[str, Any]) -> Value | ItemFailure:
    """The outcome that the child has sent."""
    if "error" not in message:
        return Value(message["value"], size)
    cause, place = message["obstacle"] or (None, "")
    obstacle = Obstacle(Cause(cause), place) if cause else None
    return ItemFailure(FailureKind.ERROR, message["error"], obstacle=obstacle)


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


def _serve(channel: Channel, progress: _Progress, call: _Call | None) -> None:
    """What the child does: answer calls, the first of which it may have been forked with.

    Its crash leaves no core file.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if call is not None:
            _answer(call, progress, channel.send)
        while (message := channel.receive()) is not None:
            _answer(_Call.from_bytes(message), progress, channel.send)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)


def _answer(call: _Call, progress: _Progress, send: Send) -> None:
    """Answer for each item, in order: the first at once, then for ever more of them together."""
    limit_memory(call.extra_memory)
    log.set_fields(call.job)
    ready: list[bytes] = []
    most, sent = 1, time.monotonic()
    for number, item in enumerate(call.items):
        progress.note(number)
        try:
            answer = _attempt(call.function, item)
        except MemoryError:
            _send_all(ready, send)
            raise
        ready.append(b"[%d,%s]" % (len(answer), answer))
        if len(ready) == most or time.monotonic() - sent > _SENT_AFTER:
            progress.note(_Progress.NONE)  # the parent may be busy with those before
            _send_all(ready, send)
            most, sent = 2 * most, time.monotonic()
    progress.note(_Progress.NONE)
    _send_all(ready, send)


def _send_all(ready: list[bytes], send: Send) -> None:
    if ready:
        send(b"[%s]" % b",".join(ready))
        ready.clear()


def _attempt(function: Callable[[Item], Any], item: Item) -> bytes:
    """The answer for one item. MemoryError passes: the heap is no longer to be trusted."""
    try:
        return json.dumps({"value": function(item)}, default=vars).encode()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # any exception belongs to the item, and is reported
        message = readable(f"{type(error).__name__}: {error}")
        return json.dumps({"error": message, "obstacle": obstacle_of(error)}).encode()
