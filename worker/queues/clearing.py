"""Deleting the jobs of a queue that have still to run."""

from collections import Counter

from rq.job import Job, JobStatus

from worker import dispatch
from worker.queues.places import HELD, Place, required, sizes
from worker.queues.reading import WINDOW

_CLEAR = """
-- KEYS: a place. ARGV: the most jobs, the prefix of job keys, the status of a job that runs
local ids
if redis.call('TYPE', KEYS[1]).ok == 'list' then
    ids = redis.call('LPOP', KEYS[1], ARGV[1]) or {}
else
    ids = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
    if #ids > 0 then redis.call('ZREM', KEYS[1], unpack(ids)) end
end
for _, id in ipairs(ids) do
    local key = ARGV[2] .. id
    local status = redis.pcall('HGET', key, 'status')
    if status ~= ARGV[3] then
        redis.call('DEL', key, key .. ':dependents', ARGV[2] .. ':' .. id .. ':dependencies',
            'rq:results:' .. id, 'rq:executions:' .. id)
    end
end
return #ids
"""


def clear(name: str, *, dry_run: bool = False) -> Counter[Place]:
    """Delete the jobs of a queue that have still to run; how many there were of each sort.

    What they were to do stands in the database, and the next sweep asks for it again. A job that
    runs, and those that failed, stay. A dry run only counts. Raises BadInputError for a queue that
    there is not.
    """
    required(name)
    if dry_run:
        counts = sizes([name])[name]
        return Counter({place: counts[place] for place in HELD})
    return Counter({place: _clear(place.key(name)) for place in HELD})


def _clear(key: str) -> int:
    script = dispatch.connection().register_script(_CLEAR)
    arguments: list[int | str] = [WINDOW, Job.redis_job_namespace_prefix, JobStatus.STARTED.value]
    total = 0
    while count := int(script(keys=[key], args=arguments)):
        total += count
    return total
