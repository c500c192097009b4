"""Requeuing the jobs of a process that ended or stops, and the parts of a batch that failed."""

import json
import logging
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
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from db import settings
from db.errors import DatabaseGoneError
from db.sql.connection import check_file
from worker import dispatch
from worker.errors import TamperedJobError
from worker.phrases import counted
from worker.process.endings import Half, Isolated, JobRecords, last_line
from worker.process.fleet_job import FleetJob, log, log_line
from worker.process.job_counts import RECOVERED
from worker.process.take import Taken
from worker.process.unreadable import fail_unreadable, job_of
from worker.redis.connection import is_away
from worker.redis.entries import as_shown, wrong_keys
from worker.redis.holders import TAKEN, Holder, holders, register, unregister

_UNHELD = """
-- KEYS: the running jobs of a queue, the queue. ARGV: prefix of the keys of jobs, and of lists of
-- processes
local count = 0
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local id = string.match(entry, '^([%w_-]+):')
    local job = ARGV[1] .. (id or '')
    local found = id and redis.call('TYPE', job).ok == 'hash'
        and redis.call('HMGET', job, 'status', 'holder')
    local runs = found and found[1] == 'started'
    local taken = runs and found[2] and ARGV[2] .. found[2]
    local held = taken and redis.call('TYPE', taken).ok == 'list' and redis.call('LPOS', taken, id)
    if not runs or (taken and not held) then
        redis.call('ZREM', KEYS[1], entry)
        count = count + 1
        if runs then
            redis.call('HSET', job, 'status', 'queued')
            redis.call('LPUSH', KEYS[2], id)
        end
    end
end
return count
"""


def put_unheld_back(connection: redis.Redis, name: str) -> int:
    """Put back what is listed as running in this queue and no process holds; how many entries.

    What RQ's own worker runs has no holder of ours, and is left to RQ.
    """
    script = connection.register_script(_UNHELD)
    keys = [f"{RQ_KEY_PREFIX}:wip:{name}", f"{RQ_KEY_PREFIX}:queue:{name}"]
    return int(script(keys=keys, args=[f"{RQ_KEY_PREFIX}:job:", TAKEN]))


UNSEEN = "unseen"
"""How a process ended of which nothing more is known."""
FLEET = "fleet"
"""How one ended whose supervisor ended too."""
HOST = "host"
"""How one ended whose whole place is silent."""
_WITH_ALL = {FLEET, HOST}
_MANY_ATTEMPTS = 10
"""An item may take the whole machine with it: so many attempts without an end speak against it."""
MOST_DEATHS = 3
"""How many of its attempts a job may take with it before its batch is split, or it fails."""
RECOVERIES = settings.redis_key("fleet:recoveries")
_RECOVERIES_KEPT = 1000
ENDS = settings.redis_key("fleet:ends:")
_ENDS_TTL = 24 * 3600

_CLAIM = """
-- KEYS: the dead's list, the own list, the job. ARGV: the job's id, the dead's token, the own
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
local is_hash = redis.call('TYPE', KEYS[3]).ok == 'hash'
if is_hash and redis.call('HGET', KEYS[3], 'holder') == ARGV[2] then
    redis.call('HSET', KEYS[3], 'holder', ARGV[3])
end
return 1
"""


class Death(NamedTuple):
    """Which worker died, and by what: SIGKILL, exit 1, timeout, memory, host …."""

    worker: str
    signal: str

    def is_counted(self, attempt: int) -> bool:
        """Whether it speaks against what the worker was at in this attempt.

        It does when its supervisor lived on. Who went with that, and with all others (the machine,
        the container, a kill of the whole group), says nothing, unless it goes so again and again.
        """
        return self.signal not in _WITH_ALL or attempt >= _MANY_ATTEMPTS


def recover(connection: redis.Redis, dead: Holder, own: Holder, signal: str) -> int:
    """Put back all that a dead process held, and forget it; how many jobs wait again.

    `own` is the process that does it.
    """
    waiting = 0
    for entry in _taken(connection, dead):
        if claim(connection, entry, dead, own):
            waiting += _settle(connection, entry, own, Death(dead.worker, signal))
    unregister(connection, dead)
    _forget_worker(connection, dead)
    return waiting


def take_over(connection: redis.Redis, own: Holder) -> None:
    """Register this process, and put back what dead ones held that had its name."""
    register(connection, own)
    for each in holders(connection):
        if each.worker == own.worker and each.token != own.token:
            recover(connection, each, own, FLEET if each.went_with_all() else UNSEEN)


def read_taken(connection: redis.Redis, own: Holder, taken: Taken) -> FleetJob | None:
    """The job that was taken; None, and off the own list, when there is nothing to run."""
    try:
        return FleetJob.of_taken(taken, own, connection)
    except NoSuchJobError:
        log.warning("%s: the job %s is gone", own.worker, as_shown(taken.entry))
        connection.lrem(own.taken_key, 1, taken.entry)  # type: ignore[arg-type]
    except TamperedJobError as error:
        fail_unreadable(connection, own, taken.entry, error, taken.execution_id)
    return None


def claim(connection: redis.Redis, entry: bytes, dead: Holder, own: Holder) -> bool:
    """Take a job of a dead process's list on the own; False when another was faster."""
    job_key = b"%s:job:%s" % (RQ_KEY_PREFIX.encode(), entry)
    keys: list[bytes | str] = [dead.taken_key, own.taken_key, job_key]
    script = connection.register_script(_CLAIM)
    return bool(script(keys=keys, args=[entry, dead.token, own.token]))


def _taken(connection: redis.Redis, holder: Holder) -> list[bytes]:
    """What stands on a process's list, which is set aside when it is none."""
    wrong_keys(connection, (), more={holder.taken_key: "list"}, set_aside=True)
    entries: list[bytes] = connection.lrange(holder.taken_key, 0, -1)  # type: ignore[assignment]
    return entries


def settle_all(connection: redis.Redis, own: Holder, death: Death | None = None) -> None:
    """Put back all jobs on the own list; with a `death` the running ones count as ended by it."""
    for entry in _taken(connection, own):
        _settle(connection, entry, own, death)


def put_back(
    job: FleetJob, own: Holder, death: Death | None, why: str = "put back: its worker stops"
) -> bool:
    """Return a job on the own list to the front of its queue; whether it waits there.

    With a death that is counted, and a job that has had too many is split, or fails.
    """
    is_counted = death is not None and death.is_counted(job.attempt)
    deaths = job.deaths + is_counted
    began = job.get_status(refresh=False) == JobStatus.STARTED
    line = job.end_line(_of_death(death, deaths) if death else why)
    if death is not None and is_counted and deaths >= MOST_DEATHS:
        _end(job, own, death)
        return False
    with job.connection.pipeline() as pipeline:
        _drop_executions(job, pipeline)
        pipeline.lrem(own.taken_key, 1, job.id)
        pipeline.hset(job.key, mapping={"status": JobStatus.QUEUED.value, "deaths": deaths})
        _queue_of(job).push_job_id(job.id, pipeline=pipeline, at_front=True)
        if death is not None:
            _record(job, death, pipeline)
            _log(job, line, death, own, pipeline)
        pipeline.execute()
    if began and death is None:
        log_line(line, job.log_fields, logging.INFO)
    return True


def log_ends(connection: redis.Redis, worker: str) -> None:
    """Write to the log of a worker how jobs ended that it had begun, and others put back."""
    lines: Any = connection.lpop(f"{ENDS}{worker}", _RECOVERIES_KEPT)
    for entry in lines or ():
        try:
            line, fields = json.loads(entry)
        except ValueError:  # of a fleet of an earlier version
            line, fields = entry.decode("utf-8", "backslashreplace"), {}
        log_line(line, fields, logging.WARNING)


def end_where_gone(job: FleetJob, own: Holder) -> None:
    """End this process where the database is gone: no fault of its job, which waits again."""
    try:
        check_file()
    except DatabaseGoneError as error:
        put_back(job, own, None)
        sys.exit(f"{own.worker}: {error}")


def _settle(connection: redis.Redis, entry: bytes, own: Holder, death: Death | None) -> bool:
    """Put back a job of the own list if it was taken and not ended; whether it waits again.

    One that cannot be, whatever is wrong with it, fails alone: those behind it are not to wait.
    """
    try:
        return _settle_job(connection, job_of(connection, entry), own, death)
    except NoSuchJobError:
        connection.lrem(own.taken_key, 1, entry)  # type: ignore[arg-type]
    except TamperedJobError as error:
        fail_unreadable(connection, own, entry, error)
    except redis.ResponseError as error:
        if is_away(error):
            raise
        fault = TamperedJobError(f"the job {as_shown(entry)} cannot be put back: {error}")
        fail_unreadable(connection, own, entry, fault)
    return False


def _settle_job(connection: redis.Redis, job: FleetJob, own: Holder, death: Death | None) -> bool:
    status = job.get_status(refresh=False)
    if status == JobStatus.STARTED and job.holder == own.token:
        if death is not None and _is_overdue(job):
            death = death._replace(signal="timeout")
        return put_back(job, own, death)
    if status == JobStatus.QUEUED and connection.lpos(_queue_of(job).key, job.id) is None:
        return put_back(job, own, None)  # taken, and not begun
    connection.lrem(own.taken_key, 1, job.id)
    return False


def _is_overdue(job: FleetJob) -> bool:
    """Whether the attempt had used up its time, and was ended for that."""
    begun, limit = job.started_at, float(job.timeout or 0)
    return begun is not None and limit > 0 and (now() - begun).total_seconds() >= limit


def split(job: FleetJob, own: Holder, traceback: str) -> bool:
    """Have its halves take the place of a batch that failed for good; False: it is no batch."""
    isolated = JobRecords(job).split(last_line(traceback))
    if isolated is None:
        return False
    with job.connection.pipeline() as pipeline:
        _drop_executions(job, pipeline)
        pipeline.lrem(own.taken_key, 1, job.id)
        for part in isolated.jobs:
            _enqueue_part(part, pipeline)
        if isolated.halves:
            job.delete(pipeline=pipeline)
        else:
            job.set_status(JobStatus.FAILED, pipeline=pipeline)
            job._handle_failure(traceback, pipeline=pipeline, worker_name=own.worker)
        pipeline.execute()
    job.log_end(_became(f"failed: {last_line(traceback)}", isolated), logging.ERROR)
    return True


def _end(job: FleetJob, own: Holder, death: Death) -> None:
    """End a job that keeps killing its processes: its halves, or nothing, take its place."""
    isolated = JobRecords(job).isolate(death.signal)
    with job.connection.pipeline() as pipeline:
        _drop_executions(job, pipeline)
        pipeline.lrem(own.taken_key, 1, job.id)
        _record(job, death, pipeline)
        what = f"died in {death.worker} by {death.signal} once more"
        _log(job, job.end_line(_became(what, isolated)), death, own, pipeline)
        for part in isolated.jobs if isolated else []:
            _enqueue_part(part, pipeline)
        if isolated and isolated.halves:
            job.delete(pipeline=pipeline)
        else:
            _fail(job, isolated, death, pipeline)
        pipeline.execute()


def _of_death(death: Death, deaths: int) -> str:
    return f"died in {death.worker} by {death.signal}, {deaths} of {MOST_DEATHS} deaths; put back"


def _became(what: str, isolated: Isolated | None) -> str:
    """What happened, and what became of the batch: its halves, or what is left alone."""
    if isolated and isolated.halves:
        parts = " and ".join(counted(half.items, "item") for half in isolated.halves)
        return f"{what}; cut into {parts}"
    if isolated and isolated.quarantined:
        return f"{what}; quarantined: {isolated.quarantined}"
    return f"{what}; failed"


def _log(job: FleetJob, line: str, death: Death, own: Holder, pipeline: Pipeline) -> None:
    """Write an end to the log of this process and, in time, to that of the worker it was in."""
    log_line(line, job.log_fields, logging.WARNING)
    if death.worker != own.worker:
        pipeline.rpush(f"{ENDS}{death.worker}", json.dumps([line, job.log_fields]))
        pipeline.expire(f"{ENDS}{death.worker}", _ENDS_TTL)


def _enqueue_part(part: Half, pipeline: Pipeline) -> None:
    """One death or failure more splits it again; but a single item is tried again."""
    if part.items > 1:
        part.job.retries_left = 0
    _queue_of(part.job)._enqueue_job(part.job, pipeline=pipeline, at_front=True)
    if part.items > 1:
        pipeline.hset(part.job.key, "deaths", MOST_DEATHS - 1)


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
    """Forget the job's executions: those of its own list, which expires, and of its queue's."""
    running: list[bytes] = job.connection.zrange(job.started_job_registry.key, 0, -1)  # type: ignore[assignment]
    own = f"{job.id}:".encode()
    known = {each.removeprefix(own).decode() for each in running if each.startswith(own)}
    for execution_id in known.union(job.execution_registry.get_execution_ids()):
        execution = Execution(
            execution_id, job.id, job.connection, worker_name=job.worker_name or ""
        )
        execution.delete(job=job, pipeline=pipeline)


def _forget_worker(connection: redis.Redis, dead: Holder) -> None:
    """Drop RQ's entry of a worker that is dead, unless a successor has the name already."""
    key = f"{RQ_KEY_PREFIX}:worker:{dead.worker}"
    wrong_keys(connection, (), more={key: "hash"}, set_aside=True)
    with connection.pipeline() as pipeline, suppress(redis.WatchError):  # the successor came
        pipeline.watch(key)  # type: ignore[no-untyped-call]
        found: Any = pipeline.hmget(key, "pid", "queues")
        pid, queues = found
        if pid != str(dead.pid).encode():
            return
        pipeline.multi()
        pipeline.srem(f"{RQ_KEY_PREFIX}:workers", key)
        for name in (queues or b"").split(b","):
            pipeline.srem(b"%s:workers:%s" % (RQ_KEY_PREFIX.encode(), name), key)
        pipeline.delete(key)
        pipeline.execute(raise_on_error=False)


def _queue_of(job: Job) -> Queue:
    """The queue that a job came from, or where its name is routed when that is no queue."""
    topology, name = dispatch.topology(), job.origin
    if name not in topology.queues and isinstance(job, FleetJob):
        name = topology.routes.get(job.job_name, name)
    return Queue(name, connection=job.connection, serializer=JSONSerializer)
