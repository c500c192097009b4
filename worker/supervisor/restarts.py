"""Inside supervisord: the end of a process is noticed at once, and its successors are spaced.

supervisord (4.3.0) loads this as an rpcinterface, which is its way to be extended. Without it a
process that is killed has a successor, and event listeners learn of its end, after 1.0 s (median;
supervisord sleeps until its poll of one second runs out), here after 0.01 s. And whatever ends
within `startsecs` waits a second longer each further time, until supervisord gives it up for good,
whether it cannot start or was killed from outside.
"""

import os
import signal
import time
from typing import Any

from supervisor import events

AT_ONCE = 2
"""How often in a row a process that ended early is started again without a pause."""
STOOD, STOOD_COUNTS = 0.5, 5
"""After so many seconds it had started and was killed: so many of such ends count as one."""
SHORT_PAUSE, SHORT_PAUSES = 2, 20
LONG_PAUSE = 10
"""Seconds. Where one of eight processes is killed each second, half of them end within 5 s of their
start, and a hundred in a row do not happen. Six workers that cannot start use 0.6 of a core for a
minute, then 0.2; where failing takes them more than half a second, half of their time for some
minutes.
"""

_AGAIN = b"\0"


def make_restarts(supervisord: Any) -> object:  # supervisor has no types
    """Begin to watch; supervisord calls this once, before it starts anything."""
    _Alarm(supervisord.options.get_socket_map())
    events.subscribe(events.ProcessStateBackoffEvent, _space)
    return _NoMethods()


def pause(early_ends: int, lived: float) -> int:
    """Seconds before the next start of a process that ended early so many times in a row.

    `lived` are the seconds from its last start to its last end.
    """
    if lived >= STOOD:
        early_ends //= STOOD_COUNTS
    if early_ends <= AT_ONCE:
        return 0
    return SHORT_PAUSE if early_ends <= AT_ONCE + SHORT_PAUSES else LONG_PAUSE


def _space(event: Any) -> None:
    process = event.process
    lived = process.laststop - process.laststart  # negative for one that could not be spawned
    if not process.config.autostart:
        lived = 0  # it runs on demand, seldom: what ends it early is that it cannot start
    process.delay = time.time() + pause(process.backoff, lived)


class _Alarm:
    """A file descriptor in supervisord's poll that every signal makes readable."""

    def __init__(self, polled: dict[int, Any]) -> None:
        for number in [fd for fd, each in polled.items() if isinstance(each, _Alarm)]:
            del polled[number]  # closed by supervisord, which is restarting itself
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        polled[self._read] = self

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        signals = os.read(self._read, 4096).strip(_AGAIN)
        if signals:
            # In this round supervisord takes note of an end, in the next one it acts on it.
            os.write(self._write, _AGAIN)

    def handle_error(self) -> None:
        """Called when reading failed: nothing was there."""


class _NoMethods:
    """What XML-RPC clients may call here."""
