"""A service that fails again and again is left alone by the whole fleet, then tried by one.

After FAILURES in a row nobody asks it for OPEN_SECONDS. Then one request is let through; when it
succeeds all are. The state is in Redis and times are those of its clock: pybreaker's storage there
goes by the clock of whoever asks, and lets any number of processes try at once.
"""

import redis

from jobs.providers.errors import UnavailableError

FAILURES = 5
OPEN_SECONDS = 60.0
_PROBE_SECONDS = 120.0
"""After this time another may try, when nothing was heard of the one that did."""
_MEMORY_SECONDS = 3600
_MS = 1000
_ADMIT = """
local open = redis.call('PTTL', KEYS[2])
if open > 0 then return open end
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return 0 end
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then return 0 end
return math.max(redis.call('PTTL', KEYS[3]), 1)
"""
_FAIL = """
local failures = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[3])
if failures >= tonumber(ARGV[1]) then redis.call('SET', KEYS[2], '1', 'PX', ARGV[2]) end
"""


class Breaker:
    """The breaker of one service."""

    def __init__(
        self, connection: redis.Redis, name: str, open_seconds: float = OPEN_SECONDS
    ) -> None:
        self._name = name
        self._connection = connection
        self._keys = [f"fleet:breaker:{name}:{part}" for part in ("failures", "open", "probe")]
        self._open_ms = round(open_seconds * _MS)
        self._admit = connection.register_script(_ADMIT)
        self._fail = connection.register_script(_FAIL)

    def admit(self) -> None:
        """Let this request through, or raise UnavailableError."""
        wait = int(self._admit(keys=self._keys, args=[FAILURES, round(_PROBE_SECONDS * _MS)]))
        if wait:
            raise UnavailableError(
                f"{self._name} failed {FAILURES} times in a row "
                f"and is left alone for another {wait / _MS:.0f} s"
            )

    def failed(self) -> None:
        """Say that the request failed."""
        self._fail(keys=self._keys, args=[FAILURES, self._open_ms, _MEMORY_SECONDS])

    def succeeded(self) -> None:
        """Say that the service answered."""
        self._connection.delete(*self._keys)
