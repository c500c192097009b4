"""Turns: the whole fleet, on all its hosts, asks a service no more often than it allows.

One request at a time has the turn, and the next one may begin an interval after that one ended, by
the clock of Redis. So two never reach the service closer together, however late a process wakes or
a packet comes. Of the library `limits` there is nothing to wait with but asking again and again,
its moving window goes by the clock of whoever asks, and it cannot be told that a service wants to
be left alone.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from jobs.providers.errors import UnavailableError

MOST_WAIT = 60.0
"""Seconds. Who would wait longer for a turn does something else."""
MOST_REST = 15 * 60.0
"""Seconds that a service can have itself left alone for; longer is cut to this."""
LONGEST_TURN = 90.0
"""Seconds after which the turn of a process that died is over. No request takes as long."""
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = tonumber(redis.call('GET', KEYS[1]) or '0') - now
if wait > 0 then return wait end
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
return -1
"""
_REST = """
local time = redis.call('TIME')
local rest = tonumber(ARGV[1])
local until_ = time[1] * 1000 + math.floor(time[2] / 1000) + rest
if until_ > tonumber(redis.call('GET', KEYS[1]) or '0') then
    redis.call('SET', KEYS[1], string.format('%.0f', until_), 'PX', string.format('%.0f', rest + 1))
end
"""
_MS = 1000
_LOOK_AGAIN = 0.05
"""Seconds after which it is looked again whether another's turn is over; a tenth of the interval
when that is less."""
_HELD = -1


class Pace:
    """The turns of one service."""

    def __init__(
        self, connection: redis.Redis, name: str, interval: float, most_wait: float = MOST_WAIT
    ) -> None:
        """`interval`: seconds between two requests of the whole fleet."""
        self._name = name
        self._connection = connection
        self._next = f"fleet:turn:{name}"
        self._held = f"fleet:turn:{name}:held"
        self._interval = interval
        self._most_wait = most_wait
        self._look_again = min(_LOOK_AGAIN, max(interval / 10, 1 / _MS))
        self._take = connection.register_script(_TAKE)
        self._rest = connection.register_script(_REST)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and have it. Raises UnavailableError when that is too far away."""
        self._wait()
        try:
            yield
        finally:
            # A millisecond more, for Redis tells the time in whole ones.
            self.rest(self._interval + 1 / _MS)
            self._connection.delete(self._held)

    def rest(self, seconds: float) -> None:
        """Leave the service alone for so long: nobody has a turn before."""
        self._rest(keys=[self._next], args=[round(min(seconds, MOST_REST) * _MS)])

    def _wait(self) -> None:
        ends = time.monotonic() + self._most_wait
        while True:
            wait = int(self._take(keys=[self._next, self._held], args=[round(LONGEST_TURN * _MS)]))
            if not wait:
                return
            seconds = self._look_again if wait == _HELD else wait / _MS
            if time.monotonic() + seconds > ends:
                whose = "is asked by others" if wait == _HELD else "wants to be left alone"
                raise UnavailableError(f"{self._name} {whose} for another {seconds:.0f} s")
            time.sleep(seconds)
