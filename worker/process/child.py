"""A forked child that works for its parent, and talks with it over a socket.

Jobs that run in a process of their own and code that reads untrusted files both use it. The child
dies with its parent, has the memory that it is given, and leaves without the parent's exit
handlers. It inherits the descriptors and the memory of the parent; what it changes of them is lost.
A process that is forked from the parent has no child of the parent's: it leaves that alone.

The parent should be light (a fork takes about 1 ms at 36 MiB, 17 ms at 290 MiB) and must not have
run OpenMP code: libgomp deadlocks in a fork. Linux only.
"""

import gc
import logging
import os
import resource
import select
import signal
import socket
import time
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from worker.host.lifeline import die_with_parent
from worker.host.memory import OUT_OF_MEMORY, kernel_kills

__all__ = [
    "OUT_OF_MEMORY",
    "Channel",
    "Child",
    "Send",
    "Work",
    "cause_of_end",
    "end_resting",
    "limit_memory",
    "resident",
]

_LENGTH_BYTES = 8
_READ_SIZE = 256 * 1024
_STANDARD_ERROR = 2
_CLOSED = -1
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


class Channel:
    """One end of the socket between parent and child, for whole messages."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._received = bytearray()

    def send(self, message: bytes) -> None:
        """Send a message. Raises OSError when nobody is there to receive it."""
        data = memoryview(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
        while data:
            data = data[os.write(self.descriptor, data) :]

    def receive(self, seconds: float | None = None) -> bytes | None:
        """The next message; None when the other end is closed.

        Raises TimeoutError when no whole message came in that time. It may be called again then.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while (message := self._next_message()) is None:
            if not self._is_readable(deadline):
                raise TimeoutError(f"no message in {seconds:g} s")
            try:
                data = os.read(self.descriptor, _READ_SIZE)
            except ConnectionResetError:  # it ended without reading all that was sent to it
                return None
            if not data:
                return None
            self._received += data
        return message

    def is_silent(self) -> bool:
        """Whether nothing has come, neither a message nor the end of the other side."""
        return not self._received and not self._is_readable(0.0)

    def close(self) -> None:
        """Close this end, if it is open."""
        if self.descriptor != _CLOSED:
            os.close(self.descriptor)
            self.descriptor = _CLOSED

    def _next_message(self) -> bytes | None:
        received = self._received
        end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
        if len(received) < _LENGTH_BYTES or len(received) < end:
            return None
        message = bytes(received[_LENGTH_BYTES:end])
        del received[:end]
        return message

    def _is_readable(self, deadline: float | None) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        return bool(poll.poll(wait))


class Child:
    """A child process, and the parent's end of their socket. A stopped one may be started again."""

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
        self._channel = Channel(_CLOSED)
        self._parent = 0
        self._kills = 0
        self.pid = 0
        """The process at work; 0 when there is none."""

    def start(self, work: Work) -> None:
        """Fork a child that does one piece of work."""
        self._fork(lambda channel: work(channel.send))

    def start_serving(self, serve: Callable[[Channel], None]) -> None:
        """Fork a child that lives for many pieces of work, which come as messages.

        It lets go of the descriptors of the parent, which would stay open with it: a lock, a
        connection or a pipe that the parent closes is closed.
        """

        def live(channel: Channel) -> None:
            _let_go_of_all_but(channel.descriptor)
            gc.freeze()  # what the parent has is not collected, nor copied in the attempt
            serve(channel)

        self._fork(live)

    def send(self, message: bytes) -> None:
        """Send a message to a child that serves. Raises OSError when it has ended."""
        _resting.pop(self, None)
        self._kills = kernel_kills()
        self._channel.send(message)

    def receive(self, seconds: float) -> bytes | None:
        """The next message; None when the child has ended first.

        Raises TimeoutError when no whole message came in that time. It may be called again then.
        """
        try:
            return self._channel.receive(seconds)
        except TimeoutError as error:
            raise TimeoutError(f"no message from process {self.pid} in {seconds:g} s") from error

    def rest(self) -> None:
        """Note that nothing is asked of the child for now; see `end_resting`."""
        _resting[self] = time.monotonic()

    @property
    def is_waiting(self) -> bool:
        """Whether it is this process's own, lives, and has nothing to say."""
        is_mine = bool(self.pid) and self._parent == os.getpid()
        return is_mine and self._channel.is_silent()

    def kill(self) -> None:
        """End the child at once, if there is one, and with its own group all that is in it."""
        if not self.pid or self._parent != os.getpid():
            return None
        if self._own_group:
            try:
                return os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it has ended, or has no group yet
                pass
        return os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> int | None:
        """Kill the child, if there is one, wait for its end, and close the socket.

        Returns its exit code, or the negative number of the signal that ended it; None when there
        was no child. A child that has ended by itself keeps the code that it ended with.
        """
        exit_code = None
        _resting.pop(self, None)
        if self.pid and self._parent == os.getpid():
            self.kill()
            _, status = os.waitpid(self.pid, 0)
            exit_code = os.waitstatus_to_exitcode(status)
        self.pid = 0
        self._channel.close()
        return exit_code

    def cause_of_end(self, exit_code: int) -> str:
        """What ended it, by what `stop` returned: SIGSEGV, exit 3, or memory."""
        if exit_code == -signal.SIGKILL and kernel_kills() > self._kills:
            return OUT_OF_MEMORY
        return cause_of_end(exit_code)

    def _fork(self, live: Callable[[Channel], None]) -> None:
        """Fork. No signal handler of the parent runs before the child's pid is kept."""
        self._parent = os.getpid()
        self._kills = kernel_kills()
        mine, its = (Channel(end.detach()) for end in socket.socketpair())
        self._channel = mine
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = _fork()
            if self.pid == 0:
                mine.close()
                self._live(live, its)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            its.close()

    def _live(self, live: Callable[[Channel], None], channel: Channel) -> NoReturn:
        """The child's life. It leaves without the parent's exit handlers, whatever happens."""
        exit_code = 1
        try:
            self._confine(self._parent)
            live(channel)
            exit_code = 0
        except BaseException:
            # Nothing of the child may run on in the parent, which has its exit code.
            logging.getLogger("fleet").exception("a child process failed")
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
            limit_memory(self._memory, for_good=True)


_resting: dict[Child, float] = {}
"""Children that nothing is asked of, since when."""


def end_resting(seconds: float) -> None:
    """End the children of this process that nothing was asked of for so long."""
    for child, since in list(_resting.items()):
        if time.monotonic() - since >= seconds:
            child.stop()


def limit_memory(more: int, *, for_good: bool = False) -> None:
    """Let this process have so many bytes more than it has now; with `for_good` never more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit if for_good else hard))


def resident(pid: int) -> int:
    """The bytes of memory that a process has by now, but for files that it has mapped.

    Those a fork does not have at once. Raises OSError when the process has ended.
    """
    _, pages, of_files, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    return (pages - of_files) * resource.getpagesize()


def cause_of_end(exit_code: int) -> str:
    """What ended a process, by what `Child.stop` returned: SIGSEGV, or exit 3."""
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit {exit_code}"


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns where threads run, for locks that they may hold. The child does its work
        # and leaves by os._exit; redis-py and logging renew their locks after a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _let_go_of_all_but(kept: int) -> None:
    """Put nothing in place of each descriptor but the standard ones and one more.

    Their numbers stay taken: an object of the parent that closes its own closes nothing of ours.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > _STANDARD_ERROR and int(name) not in (kept, nothing):
            with suppress(OSError):  # that of the listing itself
                os.fstat(int(name))
                os.dup2(nothing, int(name))
    os.close(nothing)
