"""Reading the jobs of a queue a window at a time; a job that cannot be read costs only itself."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rq.job import Job
from rq.serializers import JSONSerializer

from worker import dispatch
from worker.errors import TamperedJobError
from worker.fleet_job import FleetJob
from worker.queues.places import Place

WINDOW = 500
"""How many jobs are looked at, or changed, in one step, during which Redis serves nobody else."""
_ANSWER_BYTES = 8 * dispatch.MAX_JOB_BYTES
_LARGEST_PAYLOAD = 2 * dispatch.MAX_JOB_BYTES
"""In Redis a payload is compressed, and what that makes longer is not worth more than this."""

_READ = """
-- KEYS: a place. ARGV: its command, the first position, the most jobs, the prefix of job keys,
-- the most bytes of a payload, the bytes after which the answer ends
local function read(key)
    if redis.call('TYPE', key).ok ~= 'hash' then return {}, 0 end
    local size = redis.call('HSTRLEN', key, 'data')
    if size > tonumber(ARGV[5]) then return false, 0 end
    return redis.call('HMGET', key, 'data', 'status'), size
end
local jobs, total = {}, 0
for i, id in ipairs(redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[2] + ARGV[3] - 1)) do
    local fields, size = read(ARGV[4] .. id)
    jobs[i] = {id, fields}
    total = total + size
    if total > tonumber(ARGV[6]) then break end
end
return jobs
"""


class Entry(NamedTuple):
    """A job as its place names it: what it calls, and its status.

    `job` is None when that cannot be read, and `fault` says why.
    """

    job_id: str
    job: FleetJob | None
    fault: str = ""


def read(queue: str, place: Place, first: int) -> list[Entry]:
    """The jobs from position `first` on, as many as fit in one step; none at the end."""
    arguments = [
        "LRANGE" if place is Place.WAITING else "ZRANGE",
        first,
        WINDOW,
        Job.redis_job_namespace_prefix,
        _LARGEST_PAYLOAD,
        _ANSWER_BYTES,
    ]
    script = dispatch.connection().register_script(_READ)
    answer: Any = script(keys=[place.key(queue)], args=arguments)
    return [_entry(raw_id, fields) for raw_id, fields in answer]


def _entry(raw_id: bytes, fields: Sequence[bytes | None] | None) -> Entry:
    try:
        job_id = raw_id.decode()
        job = FleetJob(job_id, connection=dispatch.connection(), serializer=JSONSerializer)
    except ValueError:
        return Entry(raw_id.decode(errors="backslashreplace"), None, "that is no id of a job")
    if fields is None:
        return Entry(job_id, None, "it is larger than a job may be")
    if not fields:
        return Entry(job_id, None, "its data is gone")
    data, status = fields
    if data is None:
        return Entry(job_id, None, "it calls nothing")
    try:
        job.restore({b"data": data, b"status": status or b""})
    except TamperedJobError as error:
        return Entry(job_id, None, str(error).partition(" — ")[0])
    return Entry(job_id, job)
