"""How often a password may be tried."""

import math
import threading
import time
from collections import OrderedDict

FREE = 5
"""How many wrong passwords in a row cost nothing."""
LONGEST = 300.0
"""Seconds: the longest wait; the first is one second, and each further one twice as long."""
_ADDRESSES = 1000
"""How many are remembered; of more the oldest is forgotten."""
_ALL = ""
_FREE_OF_ALL = 50
"""The same for all addresses together: whoever has many of them waits too."""


class Throttle:
    """Counts wrong passwords by address. What is right while one has to wait counts for nothing."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_for(self, address: str) -> int:
        """For how many whole seconds this address has to wait; 0 for not at all."""
        with self._lock:
            longest = max(self._left(address, FREE), self._left(_ALL, _FREE_OF_ALL))
        return math.ceil(longest)

    def note_failure(self, address: str) -> None:
        """Take note of a wrong password."""
        with self._lock:
            for each in (address, _ALL):
                count, last = self._failures.pop(each, (0, 0.0))
                if time.monotonic() - last > 2 * LONGEST:
                    count = 0
                self._failures[each] = (count + 1, time.monotonic())
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)

    def _left(self, address: str, free: int) -> float:
        count, last = self._failures.get(address, (0, 0.0))
        if count < free:
            return 0.0
        wait = min(LONGEST, 2.0 ** min(count - free, 20))
        return max(0.0, last + wait - time.monotonic())
