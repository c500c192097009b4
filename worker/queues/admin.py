"""Changing queues: pause, clear, retry, move, and drop what RQ keeps beyond its time."""

from collections import Counter
from datetime import UTC, datetime

from rq.job import Job, JobStatus
from rq.utils import as_text, utcformat

from worker import dispatch
from worker.errors import BadInputError
from worker.process.take import PAUSED
from worker.queues.contents import HELD, WINDOW, Entry, Place, declared, required, sizes
from worker.queues.transfer import Change, Outcome, Transfer, terms
from worker.topology import Queue


def pause(name: str) -> bool:
    """Have no worker take jobs from this queue; whether that is new.

    Raises BadInputError when queues.toml has no such queue.
    """
    required(name, declared())
    return bool(dispatch.connection().sadd(PAUSED, name))


def resume(name: str) -> bool:
    """Have workers take jobs from this queue again; whether it was paused.

    Raises BadInputError when the queue is neither in queues.toml nor paused.
    """
    required(name, {*declared(), *paused()})
    return bool(dispatch.connection().srem(PAUSED, name))


def paused() -> set[str]:
    """The names of the queues that are paused."""
    return {as_text(name) for name in dispatch.connection().smembers(PAUSED)}


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

    The database records what they were to do, and reconciliation enqueues it again. A job that
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


_RETRYABLE = {JobStatus.FAILED, JobStatus.STOPPED}


def retry(name: str, *, dry_run: bool = False) -> Outcome:
    """Put the failed jobs of a queue in the queues that take them today, as if never tried.

    Retries and the deaths of the processes that ran them are counted afresh. Jobs that no queue
    takes stay failed. A dry run only reports. Raises BadInputError for an unknown queue.
    """
    required(name)
    return Transfer(
        name, {Place.FAILED: Place.WAITING}, lambda _: True, _afresh, _fault, persist=True
    ).run(dry_run=dry_run)


def _afresh(queue: Queue) -> Change:
    change = terms(queue)
    fields = {
        "status": JobStatus.QUEUED.value,
        "enqueued_at": utcformat(datetime.now(UTC)),
        "started_at": "",
        "ended_at": "",
    }
    return Change(change.set | fields, [*change.drop, "deaths", "exc_info", "number_of_retries"])


def _fault(entry: Entry) -> str:
    """Why a job of the failed ones is not failed: it was enqueued again meanwhile."""
    if entry.job is not None:
        status = entry.job.get_status(refresh=False)
        return "" if status in _RETRYABLE else f"it is {status.value}, though listed as failed"
    return entry.fault


def move(source: str, target: str, *, dry_run: bool = False) -> Outcome:
    """Put the jobs of `source` that have still to run, and are routed to `target`, in that queue.

    Jobs that are routed elsewhere, or nowhere, stay. They come behind those that `target` has, in
    their own order; scheduled ones keep their time. A dry run only reports. Raises BadInputError
    for a queue that there is not, or a target that queues.toml does not declare.
    """
    required(source)
    required(target, declared())
    if source == target:
        raise BadInputError(f"{source} is both queues — name the one that its jobs are to go to")
    return Transfer(
        source, {place: place for place in HELD}, lambda queue: queue.name == target, terms
    ).run(dry_run=dry_run)


def rescue(source: str, *, dry_run: bool = False) -> Outcome:
    """Put every job of `source` that has still to run in the queue that its name is routed to.

    For a queue that no program consumes any more; otherwise as `move`.
    """
    required(source)
    return Transfer(
        source, {place: place for place in HELD}, lambda queue: queue.name != source, terms
    ).run(dry_run=dry_run)
