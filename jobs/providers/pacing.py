"""Turns: the whole fleet, on all its hosts, asks a service no more often than it allows.

Each request takes the next free moment, which Redis keeps by its own clock, and waits until then.
Of the library `limits` there is nothing to wait with but asking again and again, its moving window
goes by the clock of whoever asks, and it cannot be told that a service wants to be left alone.
"""

import time

import redis

from jobs.providers.errors import UnavailableError

MOST_WAIT = 60.0
"""Seconds. Who would wait longer for a turn does something else."""
MOST_REST = 15 * 60.0
"""Seconds that a service can have itself left alone for; longer is cut to this."""
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local turn = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait, interval, most = turn - now, tonumber(ARGV[1]), tonumber(ARGV[2])
if wait <= most then
    redis.call('SET', KEYS[1], string.format('%.0f', turn + interval),
               'PX', string.format('%.0f', wait + interval + 1))
end
return wait
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


class Pace:
    """The turns of one service."""

    def __init__(
        self, connection: redis.Redis, name: str, interval: float, most_wait: float = MOST_WAIT
    ) -> None:
        """`interval`: seconds between two requests of the whole fleet."""
        self._name = name
        self._keys = [f"fleet:turn:{name}"]
        self._arguments = [round(interval * _MS), round(most_wait * _MS)]
        self._take = connection.register_script(_TAKE)
        self._rest = connection.register_script(_REST)
        self._most_wait = most_wait

    def wait(self) -> None:
        """Wait for the next turn. Raises UnavailableError when that is too far away."""
        wait = int(self._take(keys=self._keys, args=self._arguments)) / _MS
        if wait > self._most_wait:
            raise UnavailableError(f"{self._name} wants to be left alone for another {wait:.0f} s")
        time.sleep(wait)

    def rest(self, seconds: float) -> None:
        """Leave the service alone for so long: nobody has a turn before."""
        self._rest(keys=self._keys, args=[round(min(seconds, MOST_REST) * _MS)])
