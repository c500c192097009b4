"""The queues, the places where each keeps its jobs, and those jobs, read a window at a time."""

from collections import Counter
from collections.abc import Container, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from rq import Queue
from rq.job import Job
from rq.registry import (
    DeferredJobRegistry,
    FailedJobRegistry,
    ReadyJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.serializers import JSONSerializer
from rq.utils import as_text

from worker import dispatch
from worker.errors import BadInputError, TamperedJobError
from worker.phrases import did_you_mean
from worker.process.fleet_job import FleetJob

_PREFIX = Queue.redis_queue_namespace_prefix


class Place(StrEnum):
    """Where the ids of a queue's jobs are kept: the queue itself is a list, the others sort."""

    WAITING = "waiting"
    SCHEDULED = "scheduled"
    """They wait for a time."""
    DEFERRED = "deferred"
    """They wait for other jobs."""
    READY = "ready"
    """What they waited for is done; RQ is about to put them in the queue."""
    RUNNING = "running"
    FAILED = "failed"

    def key(self, queue: str) -> str:
        """The key of this place in Redis, for the queue of that name."""
        return _TEMPLATES[self].format(queue)


_TEMPLATES = {
    Place.WAITING: _PREFIX + "{}",
    Place.SCHEDULED: ScheduledJobRegistry.key_template,
    Place.DEFERRED: DeferredJobRegistry.key_template,
    Place.READY: ReadyJobRegistry.key_template,
    Place.RUNNING: StartedJobRegistry.key_template,
    Place.FAILED: FailedJobRegistry.key_template,
}

HELD = (Place.WAITING, Place.READY, Place.SCHEDULED, Place.DEFERRED)
"""The places of jobs that have still to be run."""


def declared() -> list[str]:
    """The names of the queues of queues.toml."""
    return list(dispatch.topology().queues)


def known() -> list[str]:
    """The declared names, then those of other queues that Redis has seen, in order."""
    keys = (as_text(key) for key in dispatch.connection().smembers(Queue.redis_queues_keys))
    seen = {key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX)}
    return [*declared(), *sorted(seen.difference(declared()))]


def required(name: str, among: Container[str] | None = None) -> None:
    """Raise BadInputError, with the nearest names, unless there is a queue of that name.

    `among` are the names that will do; by default the known ones.
    """
    names = known()
    if name not in (names if among is None else among):
        choices = [each for each in names if among is None or each in among]
        raise BadInputError(f"there is no queue {name!r} — {did_you_mean(name, choices)}")


def sizes(names: Sequence[str]) -> dict[str, Counter[Place]]:
    """How many jobs each of these queues has in each place, read in one round trip."""
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for name in names:
            for place in Place:
                count = pipeline.llen if place is Place.WAITING else pipeline.zcard
                count(place.key(name))
        counts = iter(pipeline.execute())
    return {name: Counter({place: next(counts) for place in Place}) for name in names}


WINDOW = 500
"""How many jobs one step reads or changes, during which Redis serves no other client."""
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
