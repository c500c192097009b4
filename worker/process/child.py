"""A forked child that does one piece of work and reports over a pipe.

Jobs that run in a process of their own and code that reads untrusted files both use it. The child
dies with its parent, has the memory that it is given, and leaves without the parent's exit
handlers. It inherits the descriptors and the memory of the parent; what it changes of them is lost.

The parent should be light (a fork takes about 1 ms at 36 MiB, 17 ms at 290 MiB) and must not have
run OpenMP code: libgomp deadlocks in a fork. Linux only.
"""

import os
import resource
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

from worker.host.lifeline import die_with_parent
from worker.host.memory import OUT_OF_MEMORY, kernel_kills

__all__ = ["OUT_OF_MEMORY", "Child", "Send", "Work", "cause_of_end"]

_LENGTH_BYTES = 8
_READ_SIZE = 64 * 1024
_RESET = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGALRM,
    signal.SIGCHLD,
    signal.SIGUSR1,
)
"""Signals that the parent may handle, and that the child takes as a fresh process does."""

Send = Callable[[bytes], None]
"""Sends one message to the parent."""
Work = Callable[[Send], None]
"""What a child does."""


class Child:
    """A child process, and the parent's end of its pipe. It may be started again once stopped."""

    def __init__(
        self,
        memory: int | None,
        *,
        own_group: bool = False,
        ignored: Collection[signal.Signals] = (),
    ) -> None:
        """`memory`: bytes that the child may use beyond what the parent has; None: no limit.

        With `own_group` the child leads a process group, and whatever it forks ends with it.
        `ignored` are signals that do nothing to it.
        """
        self._memory = memory
        self._own_group = own_group
        self._ignored = frozenset(ignored)
        self._pipe = -1
        self._received = bytearray()
        self._kills = 0
        self.pid = 0
        """The process at work; 0 when there is none."""

    def start(self, work: Work) -> None:
        """Fork. No signal handler of the parent runs before the child's pid is kept."""
        parent = os.getpid()
        self._received.clear()
        self._kills = kernel_kills()
        self._pipe, child_end = os.pipe()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = _fork()
            if self.pid == 0:
                os.close(self._pipe)
                self._live(work, child_end, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(child_end)

    def receive(self, seconds: float) -> bytes | None:
        """The next message; None when the child has ended first.

        Raises TimeoutError when no whole message came in that time. It may be called again then.
        """
        deadline = time.monotonic() + seconds
        while (message := self._next_message()) is None:
            if not self._is_readable(deadline):
                raise TimeoutError(f"no message from process {self.pid} in {seconds:g} s")
            data = os.read(self._pipe, _READ_SIZE)
            if not data:
                return None
            self._received += data
        return message

    def kill(self) -> None:
        """End the child at once, if there is one, and with its own group all that is in it."""
        if not self.pid:
            return None
        if self._own_group:
            try:
                return os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it has ended, or has no group yet
                pass
        return os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> int | None:
        """Kill the child, if there is one, wait for its end, and close the pipe.

        Returns its exit code, or the negative number of the signal that ended it; None when there
        was no child. A child that has ended by itself keeps the code that it ended with.
        """
        exit_code = None
        if self.pid:
            self.kill()
            _, status = os.waitpid(self.pid, 0)
            self.pid = 0
            exit_code = os.waitstatus_to_exitcode(status)
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        return exit_code

    def cause_of_end(self, exit_code: int) -> str:
        """What ended it, by what `stop` returned: SIGSEGV, exit 3, or memory."""
        if exit_code == -signal.SIGKILL and kernel_kills() > self._kills:
            return OUT_OF_MEMORY
        return cause_of_end(exit_code)

    def _next_message(self) -> bytes | None:
        received = self._received
        end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
        if len(received) < _LENGTH_BYTES or len(received) < end:
            return None
        message = bytes(received[_LENGTH_BYTES:end])
        del received[:end]
        return message

    def _is_readable(self, deadline: float) -> bool:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def _live(self, work: Work, child_end: int, parent: int) -> NoReturn:
        """The child's life. It leaves without the parent's exit handlers, whatever happens."""
        exit_code = 1
        try:
            self._confine(parent)
            work(lambda message: _send(child_end, message))
            exit_code = 0
        except BaseException:  # noqa: BLE001  # nothing of the child may run on in the parent
            traceback.print_exc()
        finally:
            os._exit(exit_code)

    def _confine(self, parent: int) -> None:
        """Die with the parent, take signals plainly, and have no more memory than allowed."""
        if self._own_group:
            os.setpgrp()
        die_with_parent(signal.SIGKILL, parent)
        for number in _RESET:
            is_ignored = number in self._ignored
            signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if self._memory is not None:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + self._memory
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            if hard != resource.RLIM_INFINITY:
                limit = min(limit, hard)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def cause_of_end(exit_code: int) -> str:
    """What ended a process, by what `Child.stop` returned: SIGSEGV, or exit 3."""
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit {exit_code}"


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns where threads run, for locks that they may hold. The child does its work
        # and leaves by os._exit; redis-py and logging renew their locks after a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _send(child_end: int, message: bytes) -> None:
    data = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    while data:
        data = data[os.write(child_end, data) :]
