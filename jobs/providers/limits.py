"""The rate limit and the circuit breaker of a service, shared by all hosts of the fleet.

Both are kept in Redis, and times are those of its clock.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from db import settings
from jobs.providers.errors import UnavailableError

MOST_WAIT = 60.0
"""Seconds. Who would wait longer for a turn does something else."""
MOST_REST = 15 * 60.0
"""Seconds that a service can have itself left alone for; longer is cut to this."""
LONGEST_TURN = 90.0
"""Seconds after which the turn of a process that died is over. No request takes as long."""
FAILURES = 5
"""Failures in a row that open a breaker."""
OPEN_SECONDS = 60.0
"""How long a breaker stays open."""
_SOUND = """
-- What is no number counts as 0, and a lock without an end is nobody's.
local function number(key)
    local text = redis.pcall('GET', key)
    return type(text) == 'string' and tonumber(text) or 0
end
local function release_lost(key)
    if redis.call('PTTL', key) == -1 then redis.call('DEL', key) end
end
"""
_TAKE = (
    _SOUND
    + """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = number(KEYS[1]) - now
if wait > 0 and wait <= tonumber(ARGV[2]) then return wait end
release_lost(KEYS[2])
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) then return 0 end
return -1
"""
)
_REST = (
    _SOUND
    + """
local time = redis.call('TIME')
local rest = tonumber(ARGV[1])
local until_ = time[1] * 1000 + math.floor(time[2] / 1000) + rest
local before = number(KEYS[1])
if until_ > before or before > until_ + tonumber(ARGV[2]) then
    redis.call('SET', KEYS[1], string.format('%.0f', until_), 'PX', string.format('%.0f', rest + 1))
end
"""
)
_ADMIT = (
    _SOUND
    + """
local open = redis.call('PTTL', KEYS[2])
if open > 0 and open <= tonumber(ARGV[3]) then return open end
if number(KEYS[1]) < tonumber(ARGV[1]) then return 0 end
release_lost(KEYS[3])
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then return 0 end
return math.max(redis.call('PTTL', KEYS[3]), 1)
"""
)
_FAIL = (
    _SOUND
    + """
local failures = math.max(0, math.min(number(KEYS[1]), 1e6)) + 1
redis.call('SET', KEYS[1], string.format('%.0f', failures), 'EX', ARGV[3])
redis.call('DEL', KEYS[3])
if failures >= tonumber(ARGV[1]) then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end
"""
)
_MS = 1000
_POLL_SECONDS = 0.05
"""How often a process checks whether another's turn is over; a tenth of the interval when that is
less."""
_HELD = -1
_PROBE_SECONDS = 120.0
"""After this time another may try a broken service, when the one that tried left no result."""
_MEMORY_SECONDS = 3600


class Pace:
    """The turns of one service: the fleet asks it no more often than it allows.

    One request at a time has the turn, and the next one may begin an interval after that one ended.
    So two never reach the service closer together, however late a process wakes or a packet comes.
    Of the library `limits` there is nothing to wait with but asking again and again, its moving
    window uses the time of whoever asks, and it cannot pause a service.
    """

    def __init__(
        self, connection: redis.Redis, name: str, interval: float, most_wait: float = MOST_WAIT
    ) -> None:
        """`interval`: seconds between two requests of the whole fleet."""
        self._name = name
        self._connection = connection
        self._next = settings.redis_key(f"fleet:turn:{name}")
        self._held = f"{self._next}:held"
        self._interval = interval
        self._most_wait = most_wait
        self._poll_seconds = min(_POLL_SECONDS, max(interval / 10, 1 / _MS))
        self._take = connection.register_script(_TAKE)
        self._rest = connection.register_script(_REST)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and have it. Raises UnavailableError when that is too far away."""
        self._wait()
        try:
            yield
        finally:
            # A millisecond more, because Redis returns the time in whole ones.
            self.rest(self._interval + 1 / _MS)
            self._connection.delete(self._held)

    def rest(self, seconds: float) -> None:
        """Pause the service for so long: no process has a turn before."""
        most = round(MOST_REST * _MS)
        self._rest(keys=[self._next], args=[round(min(seconds, MOST_REST) * _MS), most])

    def _wait(self) -> None:
        ends = time.monotonic() + self._most_wait
        arguments = [round(LONGEST_TURN * _MS), round(MOST_REST * _MS)]
        while True:
            wait = int(self._take(keys=[self._next, self._held], args=arguments))
            if not wait:
                return
            seconds = self._poll_seconds if wait == _HELD else wait / _MS
            if time.monotonic() + seconds > ends:
                why = "is busy with other requests" if wait == _HELD else "allows no request"
                raise UnavailableError(f"{self._name} {why} for another {seconds:.0f} s")
            time.sleep(seconds)


class Breaker:
    """The circuit breaker of one service: FAILURES in a row stop all requests for OPEN_SECONDS.

    Then one request is let through; when it succeeds all are. The storage of pybreaker in Redis
    uses the time of whoever asks, and lets any number of processes try at once.
    """

    def __init__(
        self, connection: redis.Redis, name: str, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self._name = name
        self._connection = connection
        self._keys = [
            settings.redis_key(f"fleet:breaker:{name}:{part}")
            for part in ("failures", "open", "probe")
        ]
        self._open_ms = round(open_seconds * _MS)
        self._admit = connection.register_script(_ADMIT)
        self._fail = connection.register_script(_FAIL)

    def admit(self) -> None:
        """Let this request through, or raise UnavailableError."""
        arguments = [FAILURES, round(_PROBE_SECONDS * _MS), round(MOST_REST * _MS)]
        wait = int(self._admit(keys=self._keys, args=arguments))
        if wait:
            raise UnavailableError(
                f"{self._name} failed {FAILURES} times in a row and gets no request for another "
                f"{wait / _MS:.0f} s"
            )

    def failed(self) -> None:
        """Say that the request failed."""
        self._fail(keys=self._keys, args=[FAILURES, self._open_ms, _MEMORY_SECONDS])

    def succeeded(self) -> None:
        """Say that the service answered."""
        self._connection.delete(*self._keys)
