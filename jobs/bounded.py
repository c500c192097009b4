"""Work on untrusted files in a child process under limits, so that each item costs only itself.

A tag can inflate without end, a loop can turn for ever, a decoder written in C can crash. Here the
function runs in a forked child: memory is limited by the kernel, time by the parent, and after a
failure another child goes on with the items that are left. One child does a whole batch, so an item
costs little more than a function call.

The parent should be light (a fork takes about 1 ms at 36 MiB, 17 ms at 290 MiB) and must not have
run OpenMP code: libgomp deadlocks in a fork. Linux only.
"""

import ctypes
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

ATTEMPTS = 3
"""How often an item may end the process that works on it."""
_PR_SET_PDEATHSIG = 1
_LENGTH_BYTES = 4
_OUT_OF_MEMORY = 77
"""Exit code of a child that ran out of memory."""
_READ_SIZE = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)

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
    Descriptors and memory are those of this process at the fork; what the function changes of
    them is lost.
    """
    done = ends = 0
    while done < len(items):
        child = _Child()
        try:
            child.start(function, items[done:], extra_memory)
            while done < len(items) and child.running:
                outcome = child.outcome(extra_memory, seconds)
                is_end = isinstance(outcome, ItemFailure) and outcome.signal != ""
                if is_end and ends + 1 < ATTEMPTS:
                    ends += 1
                    break
                done, ends = done + 1, 0
                yield outcome
        finally:
            child.stop()


class _Child:
    """A process that works through items and answers in order over a pipe."""

    def __init__(self) -> None:
        self._pid = 0
        self._pipe = -1
        self._received = bytearray()

    @property
    def running(self) -> bool:
        """Whether more outcomes may come."""
        return self._pid != 0

    def start(
        self, function: Callable[[Item], Any], items: Sequence[Item], extra_memory: int
    ) -> None:
        """Fork. No signal handler of the parent runs before the child's pid is kept."""
        parent = os.getpid()
        self._pipe, answers = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._pid = _fork()
            if self._pid == 0:
                os.close(self._pipe)
                _serve(function, items, answers, extra_memory, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(answers)

    def outcome(self, extra_memory: int, seconds: float) -> Value | ItemFailure:
        """The next item's outcome. Any failure but an exception ends the child."""
        deadline = time.monotonic() + seconds
        while (message := self._next_message()) is None:
            if not self._readable(deadline):
                self.stop()
                return ItemFailure(FailureKind.TIME, f"not done after {seconds:g} s", "timeout")
            data = os.read(self._pipe, _READ_SIZE)
            if not data:
                return _failure(self._end(), extra_memory)
            self._received += data
        if "error" in message:
            return ItemFailure(FailureKind.ERROR, message["error"])
        return Value(message["value"])

    def stop(self) -> None:
        """Kill the child, if there is one, and close the pipe."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._end()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _next_message(self) -> dict[str, Any] | None:
        received = self._received
        end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
        if len(received) < _LENGTH_BYTES or len(received) < end:
            return None
        message: dict[str, Any] = json.loads(received[_LENGTH_BYTES:end])
        del received[:end]
        return message

    def _readable(self, deadline: float) -> bool:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def _end(self) -> int:
        """Wait for the child's end: its exit code, or the negative number of a signal."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)


def _failure(exit_code: int, extra_memory: int) -> ItemFailure:
    """What the end of a child in the middle of an item means."""
    if exit_code == _OUT_OF_MEMORY:
        message = f"needs more than {extra_memory // 2**20} MiB of memory"
        return ItemFailure(FailureKind.MEMORY, message, "memory")
    if exit_code < 0:
        cause = signal.Signals(-exit_code).name
        how = f"was killed by {cause}"
    else:
        cause, how = f"exit {exit_code}", f"ended with exit code {exit_code}"
    return ItemFailure(FailureKind.CRASH, f"the process at work on it {how}", cause)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns where threads run, for locks that they may hold. The child runs one
        # function and leaves by os._exit; it takes no lock of another thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _serve(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    answers: int,
    extra_memory: int,
    parent: int,
) -> NoReturn:
    """The child's life. It leaves without the parent's exit handlers, whatever happens."""
    exit_code = 1
    try:
        _confine(extra_memory, parent)
        for item in items:
            _send(answers, _attempt(function, item))
        exit_code = 0
    except MemoryError:
        exit_code = _OUT_OF_MEMORY
    finally:
        os._exit(exit_code)


def _confine(extra_memory: int, parent: int) -> None:
    """Die with the parent, take signals plainly, and have no more memory than allowed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra_memory
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _attempt(function: Callable[[Item], Any], item: Item) -> bytes:
    """The answer for one item. MemoryError passes: the heap is no longer to be trusted."""
    try:
        return json.dumps({"value": function(item)}).encode()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # any exception belongs to the item, and is reported
        return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


def _send(answers: int, message: bytes) -> None:
    data = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    while data:
        data = data[os.write(answers, data) :]
