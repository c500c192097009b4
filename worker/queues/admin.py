"""Changing queues: pause, clear, retry, move, and drop what RQ keeps beyond its time."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import redis
from rq.defaults import RQ_KEY_PREFIX
from rq.job import Job, JobStatus
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
)
from rq.utils import utcformat
from rq.worker_registration import WORKERS_BY_QUEUE_KEY, clean_worker_registry

from db.sql.queries import slices
from worker import dispatch
from worker.errors import BadInputError
from worker.process.fleet_job import FleetJob
from worker.process.requeue import put_unheld_back
from worker.process.take import PAUSED
from worker.process.unreadable import set_entries_aside
from worker.queues.contents import (
    HELD,
    WINDOW,
    Place,
    declared,
    leave_to_others,
    paused,
    required,
    resting,
    sizes,
)
from worker.queues.transfer import Change, Entry, Outcome, Transfer, terms
from worker.redis.entries import ids, utf8
from worker.redis.holders import this_process
from worker.topology import Queue
from worker.topology.model import slot_name


def pause(name: str) -> bool:
    """Have no worker take jobs from this queue; whether that is new.

    Raises BadInputError when queues.toml has no such queue.
    """
    required(name, declared())
    leave_to_others(name)
    return bool(dispatch.connection().sadd(PAUSED, name))


def resume(name: str) -> bool:
    """Have workers take jobs from this queue again; whether it was paused.

    Raises BadInputError when the queue is neither in queues.toml nor paused.
    """
    required(name, {*declared(), *paused()})
    leave_to_others(name)
    return bool(dispatch.connection().srem(PAUSED, name))


def pause_all() -> list[str]:
    """Have no worker take jobs from any queue; the names of those that this has paused."""
    return [name for name in declared() if pause(name)]


def resume_all() -> list[str]:
    """Have workers take jobs from every queue; the names of those that were paused.

    But for those that rest outside of their hours.
    """
    return [name for name in sorted(paused() - resting().keys()) if resume(name)]


_CLEAR = """
-- KEYS: a place. ARGV: the most jobs, the prefix of job keys, the status of a job that runs,
-- the prefix of all keys of RQ
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
            ARGV[4] .. ':results:' .. id, ARGV[4] .. ':executions:' .. id)
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
    started = JobStatus.STARTED.value
    arguments: list[int | str] = [WINDOW, Job.redis_job_namespace_prefix, started, RQ_KEY_PREFIX]
    total = 0
    while count := int(script(keys=[key], args=arguments)):
        total += count
    return total


_RETRYABLE = {JobStatus.FAILED, JobStatus.STOPPED}


Before = Callable[[Sequence[FleetJob]], object]


def retry(
    name: str,
    *,
    dry_run: bool = False,
    among: Sequence[str] | None = None,
    before: Before = lambda _: None,
) -> Outcome:
    """Put the failed jobs of a queue in the queues that take them today, as if never tried.

    Or those `among` them. Retries and the deaths of the processes that ran them are counted afresh.
    Jobs that no queue takes stay failed. A dry run only reports. `before` is given the jobs that
    go, before they do. Raises BadInputError for an unknown queue.
    """
    required(name)
    places = {Place.FAILED: Place.WAITING}
    transfer = Transfer(name, places, lambda _: True, _afresh, _fault, True, before)
    return (
        transfer.run(dry_run=dry_run) if among is None else transfer.run_among(Place.FAILED, among)
    )


_DROP = """
-- KEYS: the failed jobs of a queue. ARGV: the prefix of all keys of RQ, the ids
local count = 0
for i = 2, #ARGV do
    local id = ARGV[i]
    if redis.call('ZREM', KEYS[1], id) == 1 then
        count = count + 1
        local job = ARGV[1] .. ':job:' .. id
        redis.call('DEL', job, job .. ':dependents', ARGV[1] .. ':job::' .. id .. ':dependencies',
            ARGV[1] .. ':results:' .. id, ARGV[1] .. ':executions:' .. id)
    end
end
return count
"""


def drop_failed(name: str, job_ids: Sequence[str] | None = None) -> int:
    """Forget the failed jobs of a queue, or some of them; how many.

    What the ledger says of their work stays. Raises BadInputError for an unknown queue.
    """
    required(name)
    client, key = dispatch.connection(), Place.FAILED.key(name)
    if job_ids is None:
        members: list[bytes] = client.zrange(key, 0, -1)  # type: ignore[assignment]
        job_ids = ids(members)
    script = client.register_script(_DROP)
    parts = slices(job_ids, WINDOW)
    return sum(int(script(keys=[key], args=[RQ_KEY_PREFIX, *each])) for each in parts)


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


_EXPIRING = (FinishedJobRegistry, FailedJobRegistry, CanceledJobRegistry)
_JOB = Job.redis_job_namespace_prefix
_EXECUTIONS = f"{RQ_KEY_PREFIX}:executions:"
"""The executions of a job; the key ends with the job's id."""


def drop_expired() -> dict[str, int]:
    """Drop what RQ keeps beyond its time, or of what is gone; how many entries, by what they were.

    Work that waits stays. A job that ended goes from its list when its time is over, or its hash is
    gone; one that is listed as running, and that no process holds, waits again; what is no id of a
    job is filed as a failed one.
    """
    dropped = {"ended jobs": 0, "begun jobs": 0, "dead workers": 0, "entries that are no jobs": 0}
    own = this_process(slot_name("maintenance", 1))
    for queue in dispatch.queues():
        client, name = queue.connection, queue.name
        dropped["entries that are no jobs"] += set_entries_aside(client, [name], own)
        for registry_class in _EXPIRING:
            registry = registry_class(queue=queue)
            dropped["ended jobs"] += _drop_ended(registry)
        dropped["begun jobs"] += put_unheld_back(client, name)
        workers = WORKERS_BY_QUEUE_KEY % queue.name
        known = queue.connection.scard(workers)
        clean_worker_registry(queue)
        dropped["dead workers"] += int(known) - int(queue.connection.scard(workers))
    dropped["executions of nothing"] = _drop_executions(dispatch.connection())
    return dropped


def _drop_ended(registry: BaseRegistry) -> int:
    """The entries whose time is over, and those whose job is gone."""
    client, key = registry.connection, registry.key
    over = int(client.zcount(key, 0, time.time()))
    registry.cleanup()
    members: list[bytes] = client.zrange(key, 0, -1)  # type: ignore[assignment]
    gone = [each for part in slices(ids(members), WINDOW) for each in _without_job(client, part)]
    for part in slices(gone, WINDOW):
        client.zrem(key, *part)
    return over + len(gone)


def _drop_executions(client: redis.Redis) -> int:
    """What is kept of the executions of jobs that are gone."""
    keys = utf8(client.scan_iter(f"{_EXECUTIONS}*", count=WINDOW))
    dropped = 0
    for part in slices(keys, WINDOW):
        gone = _without_job(client, [key.removeprefix(_EXECUTIONS) for key in part])
        if gone:
            dropped += int(client.delete(*(f"{_EXECUTIONS}{each}" for each in gone)))
    return dropped


def _without_job(client: redis.Redis, job_ids: Sequence[str]) -> list[str]:
    """Those of the ids of which no job is there."""
    with client.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.exists(f"{_JOB}{job_id}")
        there = pipeline.execute()
    return [job_id for job_id, is_there in zip(job_ids, there, strict=True) if not is_there]
