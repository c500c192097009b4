"""Taking the next job: one atomic step from its queue to the list of the process that takes it.

Stock RQ pops when it serves several queues, and a job that was popped by a process that died then
is in no list any more. Here it is always in one: its queue's, or the taker's (`worker.holders`).

Redis keys:
    fleet:paused   set of the names of queues that no job is taken from
"""

from collections.abc import Sequence
from typing import NamedTuple

import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import as_text

from worker.dispatch import MAX_JOB_BYTES

PAUSED = "fleet:paused"
_LARGEST_HASH = 4 * MAX_JOB_BYTES
_MOST_FIELDS = 100
_PAUSED, _SUSPENDED = 1, 2

_TAKE = """
-- KEYS: the taker's list, the paused set, the flag of `rq suspend`, then the queues in order
-- ARGV: prefix of queue keys, prefix of job keys, most bytes and most fields of a job's hash
local function hand_over(id)
    local key = ARGV[2] .. id
    if redis.call('HLEN', key) > tonumber(ARGV[4]) then return {id} end
    local fields = redis.call('HGETALL', key)
    local size = 0
    for _, each in ipairs(fields) do size = size + #each end
    if size > tonumber(ARGV[3]) then return {id} end
    return {id, fields}
end
-- What the taker holds already was handed over by an answer that it did not get.
local held = redis.call('LINDEX', KEYS[1], 0)
if held then return hand_over(held) end
if redis.call('EXISTS', KEYS[3]) == 1 then return 2 end
local paused = 0
for i = 4, #KEYS do
    if redis.call('SISMEMBER', KEYS[2], string.sub(KEYS[i], #ARGV[1] + 1)) == 1 then
        paused = 1
    else
        local id = redis.call('LMOVE', KEYS[i], KEYS[1], 'LEFT', 'RIGHT')
        if id then return hand_over(id) end
    end
end
return paused
"""


class Taken(NamedTuple):
    """A job that was taken: its id and its hash, None when that is larger than a job may be."""

    job_id: str
    fields: dict[bytes, bytes] | None


class Taker:
    """Takes jobs from some queues, an earlier one emptied before a later one is looked at."""

    def __init__(self, connection: redis.Redis, taken_key: str, queue_keys: Sequence[str]) -> None:
        self._connection = connection
        self._script = connection.register_script(_TAKE)
        self._queue_keys = list(queue_keys)
        self._keys = [taken_key, PAUSED, WORKERS_SUSPENDED, *queue_keys]
        prefixes = [f"{RQ_KEY_PREFIX}:queue:", f"{RQ_KEY_PREFIX}:job:"]
        self._arguments: list[str | int] = [*prefixes, _LARGEST_HASH, _MOST_FIELDS]
        self.suspended = False
        """Whether the last look met a fleet that `rq suspend` has stopped."""
        self._paused = False

    def take(self) -> Taken | None:
        """Take the next job; None when there is none to be had now."""
        answer = self._script(keys=self._keys, args=self._arguments)
        if isinstance(answer, int):
            self._paused, self.suspended = answer == _PAUSED, answer == _SUSPENDED
            return None
        raw_id, *fields = answer
        if not fields:
            return Taken(as_text(raw_id), None)
        flat = fields[0]
        return Taken(as_text(raw_id), dict(zip(flat[::2], flat[1::2], strict=True)))

    def wait(self, seconds: float) -> bool:
        """Wait until there may be a job; False at once where Redis cannot wait for that.

        It waits for one queue, and not for one that is paused.
        Moving the head of a list to the head of the same list waits and changes nothing.
        """
        if len(self._queue_keys) > 1 or self._paused or self.suspended:
            return False
        (key,) = self._queue_keys
        self._connection.blmove(key, key, seconds, "LEFT", "LEFT")  # type: ignore[arg-type]
        return True
