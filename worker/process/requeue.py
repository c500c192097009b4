"""Requeuing the jobs of a process that ended or stops; a job that cannot be read fails alone."""

import json
import sys
from contextlib import suppress
from typing import Any, NamedTuple

import redis
from redis.client import Pipeline
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text, current_timestamp, now, utcformat

from db import settings
from db.errors import DatabaseGoneError
from db.sql.connection import check_file
from worker import dispatch
from worker.errors import TamperedJobError
from worker.phrases import counted
from worker.process.endings import Half, Isolated, JobRecords
from worker.process.fleet_job import FleetJob, log
from worker.process.take import Taken
from worker.redis.holders import Holder, holders, register, unregister

_NO_QUEUE = "unreadable"


def fail_unreadable(
    connection: redis.Redis,
    own: Holder,
    job_id: str,
    error: TamperedJobError,
    execution_id: str = "",
) -> None:
    """Take such a job off the own list and file it as failed, without reading more of it."""
    key = f"{RQ_KEY_PREFIX}:job:{job_id}"
    if connection.type(key) != b"hash":
        connection.delete(key)
    raw: Any = connection.hget(key, "origin")
    origin = (raw or b"").decode("utf-8", "replace")
    name = origin if origin in dispatch.topology().queues else _NO_QUEUE
    failed = FailedJobRegistry(name, connection=connection)
    with connection.pipeline() as pipeline:
        pipeline.lrem(own.taken_key, 1, job_id)
        composite = f"{job_id}:{execution_id}"
        pipeline.delete(f"{RQ_KEY_PREFIX}:execution:{composite}")
        pipeline.zrem(f"{RQ_KEY_PREFIX}:wip:{origin}", composite)
        pipeline.srem(f"{RQ_KEY_PREFIX}:worker:{own.worker}:executions", composite)
        pipeline.hset(key, mapping={"status": JobStatus.FAILED.value, "exc_info": str(error)})
        pipeline.expire(key, dispatch.FAILED_JOB_TTL)
        pipeline.sadd(Queue.redis_queues_keys, f"{Queue.redis_queue_namespace_prefix}{name}")
        pipeline.zadd(failed.key, {job_id: current_timestamp() + dispatch.FAILED_JOB_TTL})
        pipeline.execute()
    log.error("%s", error)


MOST_DEATHS = 3
"""How many of its attempts a job may take with it before its batch is split, or it fails."""
RECOVERED = settings.redis_key("fleet:recovered")
RECOVERIES = settings.redis_key("fleet:recoveries")
_RECOVERIES_KEPT = 1000
_ENDS = "fleet:ends:"
_ENDS_TTL = 24 * 3600

_CLAIM = """
-- KEYS: the dead's list, the own list, the job. ARGV: the job's id, the dead's token, the own
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
if redis.call('HGET', KEYS[3], 'holder') == ARGV[2] then
    redis.call('HSET', KEYS[3], 'holder', ARGV[3])
end
return 1
"""


class Death(NamedTuple):
    """Which worker died, and by what: SIGKILL, exit 1, timeout, memory, host …."""

    worker: str
    signal: str


def recover(connection: redis.Redis, dead: Holder, own: Holder, signal: str) -> int:
    """Put back all that a dead process held, and forget it; how many jobs wait again.

    `own` is the process that does it.
    """
    waiting = 0
    for raw_id in connection.lrange(dead.taken_key, 0, -1):
        job_id = as_text(raw_id)
        if claim(connection, job_id, dead, own):
            waiting += _settle(connection, job_id, own, Death(dead.worker, signal))
    unregister(connection, dead)
    _forget_worker(connection, dead)
    return waiting


def take_over(connection: redis.Redis, own: Holder) -> None:
    """Register this process, and put back what dead ones held that had its name."""
    register(connection, own)
    for each in holders(connection):
        if each.worker == own.worker and each.token != own.token:
            recover(connection, each, own, "unseen")


def read_taken(connection: redis.Redis, own: Holder, taken: Taken) -> FleetJob | None:
    """The job that was taken; None, and off the own list, when there is nothing to run."""
    try:
        return FleetJob.of_taken(taken, own, connection)
    except NoSuchJobError:
        log.warning("%s: the job %s is gone", own.worker, taken.job_id)
        connection.lrem(own.taken_key, 1, taken.job_id)
    except TamperedJobError as error:
        fail_unreadable(connection, own, taken.job_id, error, taken.execution_id)
    return None


def claim(connection: redis.Redis, job_id: str, dead: Holder, own: Holder) -> bool:
    """Take a job of a dead process's list on the own; False when another was faster."""
    keys = [dead.taken_key, own.taken_key, f"{RQ_KEY_PREFIX}:job:{job_id}"]
    script = connection.register_script(_CLAIM)
    return bool(script(keys=keys, args=[job_id, dead.token, own.token]))


def settle_all(connection: redis.Redis, own: Holder, death: Death | None = None) -> None:
    """Put back all jobs on the own list; with a `death` the running ones count as ended by it."""
    for raw_id in connection.lrange(own.taken_key, 0, -1):
        _settle(connection, as_text(raw_id), own, death)


def put_back(job: FleetJob, own: Holder, death: Death | None) -> bool:
    """Return a job on the own list to the front of its queue; whether it waits there.

    With a death that is counted, and a job that has had too many is split, or fails.
    """
    deaths = job.deaths + (death is not None)
    began = job.get_status(refresh=False) == JobStatus.STARTED
    line = job.end_line(_of_death(death, deaths) if death else "put back: its worker stops")
    if death is not None and deaths >= MOST_DEATHS:
        _end(job, own, death)
        return False
    with job.connection.pipeline() as pipeline:
        _drop_executions(job, pipeline)
        pipeline.lrem(own.taken_key, 1, job.id)
        pipeline.hset(job.key, mapping={"status": JobStatus.QUEUED.value, "deaths": deaths})
        _queue_of(job).push_job_id(job.id, pipeline=pipeline, at_front=True)
        if death is not None:
            _record(job, death, pipeline)
            _log(line, death, own, pipeline)
        pipeline.execute()
    if began and death is None:
        log.info("%s", line)
    return True


def log_ends(connection: redis.Redis, worker: str) -> None:
    """Write to the log of a worker how jobs ended that it had begun, and others put back."""
    lines: Any = connection.lpop(f"{_ENDS}{worker}", _RECOVERIES_KEPT)
    for line in lines or ():
        log.warning("%s", as_text(line))


def end_where_gone(job: FleetJob, own: Holder) -> None:
    """End this process where the database is gone: no fault of its job, which waits again."""
    try:
        check_file()
    except DatabaseGoneError as error:
        put_back(job, own, None)
        sys.exit(f"{own.worker}: {error}")


def _settle(connection: redis.Redis, job_id: str, own: Holder, death: Death | None) -> bool:
    """Put back a job of the own list if it was taken and not ended; whether it waits again."""
    try:
        job = FleetJob(job_id, connection=connection, serializer=JSONSerializer)
        job.refresh()  # type: ignore[no-untyped-call]
    except NoSuchJobError:
        connection.lrem(own.taken_key, 1, job_id)
        return False
    except TamperedJobError as error:
        fail_unreadable(connection, own, job_id, error)
        return False
    status = job.get_status(refresh=False)
    if status == JobStatus.STARTED and job.holder == own.token:
        if death is not None and _is_overdue(job):
            death = death._replace(signal="timeout")
        return put_back(job, own, death)
    if status == JobStatus.QUEUED and connection.lpos(_queue_of(job).key, job_id) is None:
        return put_back(job, own, None)  # taken, and not begun
    connection.lrem(own.taken_key, 1, job_id)
    return False


def _is_overdue(job: FleetJob) -> bool:
    """Whether the attempt had used up its time, and was ended for that."""
    begun, limit = job.started_at, float(job.timeout or 0)
    return begun is not None and limit > 0 and (now() - begun).total_seconds() >= limit


def _end(job: FleetJob, own: Holder, death: Death) -> None:
    """End a job that keeps killing its processes: its halves, or nothing, take its place."""
    isolated = JobRecords(job).isolate(death.signal)
    halves = isolated.halves if isolated else []
    with job.connection.pipeline() as pipeline:
        _drop_executions(job, pipeline)
        pipeline.lrem(own.taken_key, 1, job.id)
        _record(job, death, pipeline)
        _log(job.end_line(_of_last_death(death, isolated)), death, own, pipeline)
        for half in halves:
            _enqueue_half(half, pipeline)
        if halves:
            job.delete(pipeline=pipeline)
        else:
            _fail(job, isolated, death, pipeline)
        pipeline.execute()


def _of_death(death: Death, deaths: int) -> str:
    return f"died in {death.worker} by {death.signal}, {deaths} of {MOST_DEATHS} deaths; put back"


def _of_last_death(death: Death, isolated: Isolated | None) -> str:
    what = f"died in {death.worker} by {death.signal} once more"
    if isolated and isolated.halves:
        parts = " and ".join(counted(half.items, "item") for half in isolated.halves)
        return f"{what}; cut into {parts}"
    if isolated and isolated.quarantined:
        return f"{what}; quarantined: {isolated.quarantined}"
    return f"{what}; failed"


def _log(line: str, death: Death, own: Holder, pipeline: Pipeline) -> None:
    """Write an end to the log of this process and, in time, to that of the worker it was in."""
    log.warning("%s", line)
    if death.worker != own.worker:
        pipeline.rpush(f"{_ENDS}{death.worker}", line)
        pipeline.expire(f"{_ENDS}{death.worker}", _ENDS_TTL)


def _enqueue_half(half: Half, pipeline: Pipeline) -> None:
    """One death more splits it again, for it may kill; but a single item is tried again."""
    _queue_of(half.job)._enqueue_job(half.job, pipeline=pipeline, at_front=True)
    if half.items > 1:
        pipeline.hset(half.job.key, "deaths", MOST_DEATHS - 1)


def _fail(job: FleetJob, isolated: Isolated | None, death: Death, pipeline: Pipeline) -> None:
    reason = (
        f"{MOST_DEATHS} processes ended while they ran it; the last, {death.worker}, "
        f"by {death.signal}"
    )
    if isolated and isolated.quarantined:
        reason += f"; quarantined: {isolated.quarantined}"
    job.set_status(JobStatus.FAILED, pipeline=pipeline)
    job._handle_failure(reason, pipeline=pipeline, worker_name=death.worker)


def _record(job: FleetJob, death: Death, pipeline: Pipeline) -> None:
    entry = {"at": utcformat(now()), "job": job.id, "name": job.job_name, "queue": job.origin}
    pipeline.hincrby(RECOVERED, job.origin, 1)
    pipeline.lpush(RECOVERIES, json.dumps(entry | death._asdict()))
    pipeline.ltrim(RECOVERIES, 0, _RECOVERIES_KEPT - 1)


def _drop_executions(job: FleetJob, pipeline: Pipeline) -> None:
    for execution_id in job.execution_registry.get_execution_ids():
        execution = Execution(
            execution_id, job.id, job.connection, worker_name=job.worker_name or ""
        )
        execution.delete(job=job, pipeline=pipeline)


def _forget_worker(connection: redis.Redis, dead: Holder) -> None:
    """Drop RQ's entry of a worker that is dead, unless a successor has the name already."""
    key = f"{RQ_KEY_PREFIX}:worker:{dead.worker}"
    with connection.pipeline() as pipeline, suppress(redis.WatchError):  # the successor came
        pipeline.watch(key)  # type: ignore[no-untyped-call]
        pid, queues = pipeline.hmget(key, "pid", "queues")
        if pid is None or int(pid) != dead.pid:
            return
        pipeline.multi()
        pipeline.srem(f"{RQ_KEY_PREFIX}:workers", key)
        for name in as_text(queues or b"").split(","):
            pipeline.srem(f"{RQ_KEY_PREFIX}:workers:{name}", key)
        pipeline.delete(key)
        pipeline.execute()


def _queue_of(job: Job) -> Queue:
    return Queue(job.origin, connection=job.connection, serializer=JSONSerializer)
