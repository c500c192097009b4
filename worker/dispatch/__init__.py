"""Enqueuing: a caller names a job, and queues.toml says which queue it goes to.

Jobs use this module too: `job` marks them, `current_attempt` names the attempt that runs.
"""

import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import uuid4

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from db import settings
from db.errors import SettingError
from worker.errors import JobFailedError, JobTooLargeError, TopologyError
from worker.phrases import counted
from worker.redis import is_embedded
from worker.redis.connection import connect
from worker.redis.entries import PACKAGE, calls, ids, wrong_keys
from worker.redis.holders import holders
from worker.redis.owner import refuse_foreign
from worker.topology import Topology, load
from worker.topology.hosts import go_by

if TYPE_CHECKING:  # RQ is imported where it is used: whoever only reads queues does without
    from rq import Queue
    from rq.job import Job

    from db.ledger import Need
    from worker.dispatch.places import Places

MAX_JOB_BYTES = 1024 * 1024
"""The largest job that is enqueued: ids, paths and records, never pictures or a whole library."""
FAILED_JOB_TTL = 30 * 24 * 3600
_DESCRIPTION_LENGTH = 100
_QUESTION = "only_when"
"""The attribute of a job's function that `only_when` sets."""
_ENDED_BADLY = {"failed", "stopped", "canceled"}
"""States of RQ."""

_log = logging.getLogger("fleet")

Function = TypeVar("Function", bound=Callable[..., Any])


def job(function: Function) -> Function:
    """Mark a function of the `jobs` package as a job; `queues.toml` must route it."""
    return function


def only_when(question: Callable[..., bool]) -> Callable[[Function], Function]:
    """Have the scheduler enqueue a job only when this says that a run would find something to do.

    The question is given the job's arguments. It costs little, and changes nothing.
    """

    def mark(function: Function) -> Function:
        setattr(function, _QUESTION, question)
        return function

    return mark


def would_do_nothing(job_name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a run would find nothing to do, as far as the job can say."""
    from rq.utils import import_attribute  # noqa: PLC0415  # see above

    question = getattr(import_attribute(function_path(job_name)), _QUESTION, None)
    return question is not None and not question(**arguments)


def current_attempt() -> str:
    """Names the attempt of the job that runs, JOB:NUMBER; outside a worker this call alone."""
    from rq import get_current_job  # noqa: PLC0415  # see above

    current = get_current_job()
    return getattr(current, "attempt_id", None) or f"{uuid4()}:1"


@cache
def connection() -> redis.Redis:
    """This process's connection to Redis. Raises RedisUnreachableError or ForeignRedisError."""
    client = connect()
    refuse_foreign(client)
    return client


_reloaded: list[Topology] = []
"""What `load_topology` has just read, for `topology` to keep."""


@cache
def topology() -> Topology:
    """The topology of this process, loaded and checked once. Raises TopologyError."""
    found = _reloaded.pop() if _reloaded else load()
    go_by(found)
    return found


def load_topology() -> Topology:
    """Load queues.toml, which is this process's topology from then on. Raises TopologyError.

    What was read is kept: the file may have a fault a moment later.
    """
    _reloaded.append(load())
    topology.cache_clear()
    return topology()


def reload_topology() -> bool:
    """Reload queues.toml, for SIGHUP; whether it was. With a fault in it the old topology stays.

    A program of the fleet takes up the settings too that `fleet reload` has taken.
    """
    _take_up_settings()
    try:
        load_topology()
    except TopologyError as error:
        _log.error("going on with the topology as it was: %s", error)
        return False
    return True


def _take_up_settings() -> None:
    from db.settings import settings_file  # noqa: PLC0415  # few processes are ever signalled
    from worker.host.lifeline import SUPERVISED  # noqa: PLC0415  # as above

    try:
        if SUPERVISED in sys.argv:
            settings_file.follow(settings_file.taken_path())
        elif settings.supervisor():
            settings_file.follow(settings_file.path())
    except SettingError as error:
        _log.error("going on with the settings as they were: %s", error)


def queue(name: str) -> "Queue":
    """The RQ queue of that name, with the fleet's serializer."""
    return _queue(name, connection())


@lru_cache(64)
def _queue(name: str, client: redis.Redis) -> "Queue":
    """Made once: RQ looks closely at the serializer of each, a fifth of all work at rest."""
    from rq import Queue  # noqa: PLC0415  # see above
    from rq.serializers import JSONSerializer  # noqa: PLC0415  # see above

    return Queue(name, connection=client, serializer=JSONSerializer)


def queues() -> "list[Queue]":
    """Every queue of the topology."""
    return [queue(name) for name in topology().queues]


class HeldJob(NamedTuple):
    """A job that waits, for its turn or a time, or is worked on."""

    id: str
    name: str
    """Empty for a job that cannot be read."""
    arguments: dict[str, Any]


def _held_ids(job_name: str | None = None, but: Collection[str] = ()) -> list[str]:
    """The ids of all jobs that a queue or a worker holds; with a name, of those in its queue.

    The queues named by `but` are not looked through.
    """
    client = connection()
    searched = queues() if job_name is None else [queue(topology().route(job_name).name)]
    with client.pipeline() as pipeline:  # one moment: no job is missed on its way to a worker
        for each in searched:
            if each.name in but:
                continue
            pipeline.lrange(each.key, 0, -1)
            pipeline.zrange(each.scheduled_job_registry.key, 0, -1)
            pipeline.zrange(each.deferred_job_registry.key, 0, -1)
        for holder in holders(client):
            pipeline.lrange(holder.taken_key, 0, -1)
        answers = pipeline.execute(raise_on_error=False)
    return ids(entry for answer in answers if isinstance(answer, list) for entry in answer)


def crowded_queues(most: int) -> set[str]:
    """The names of the queues in which more than `most` jobs wait, for their turn or a time."""
    every = queues()
    with connection().pipeline(transaction=False) as pipeline:
        for each in every:
            pipeline.llen(each.key)
            pipeline.zcard(each.scheduled_job_registry.key)
            pipeline.zcard(each.deferred_job_registry.key)
        counts = [
            each if isinstance(each, int) else 0 for each in pipeline.execute(raise_on_error=False)
        ]
    return {each.name for n, each in enumerate(every) if sum(counts[3 * n : 3 * n + 3]) > most}


def held_among(job_ids: Collection[str]) -> set[str]:
    """Those of these jobs that a queue or a worker holds; no list of jobs is read."""
    client, wanted = connection(), sorted(job_ids)
    keys = [each.key for each in queues()]
    keys += [holder.taken_key for holder in holders(client)]
    registries = [
        registry.key
        for each in queues()
        for registry in (each.scheduled_job_registry, each.deferred_job_registry)
    ]
    found: set[str] = set()
    for job_id in wanted:
        with client.pipeline() as pipeline:  # one moment, as in `_held_ids`
            for key in keys:
                pipeline.lpos(key, job_id)
            for key in registries:
                pipeline.zscore(key, job_id)
            answers = pipeline.execute(raise_on_error=False)
        if any(isinstance(each, int | float) for each in answers):
            found.add(job_id)
    return found


def held_jobs(job_name: str | None = None, but: Collection[str] = ()) -> Iterator[HeldJob]:
    """Every job that a queue or a worker holds; with a name those of that name alone.

    The queues named by `but` are not looked through.
    """
    client = connection()
    for job_id, name, arguments in calls(client, _held_ids(job_name, but)):
        if job_name in {None, name}:
            yield HeldJob(job_id, name, arguments)


def lock_of(name: str, seconds: float) -> Lock:
    """A lock of the whole fleet, not taken yet, that ends by itself after so many seconds."""
    key = settings.redis_key(f"fleet:{name}")
    if connection().ttl(key) == -1:  # somebody else's: it would never end
        connection().delete(key)
    return Lock(connection(), key, timeout=seconds)


@contextmanager
def alone(name: str, seconds: int = 120) -> Iterator[bool]:
    """Whether this process is the only one of the whole fleet that does this now.

    A process that dies at it keeps the others away for so many seconds at most.
    """
    lock = lock_of(f"alone:{name}", seconds)
    is_mine = bool(lock.acquire(blocking=False))
    try:
        yield is_mine
    finally:
        if is_mine:
            with suppress(LockError):  # Redis was wiped, or it took longer
                lock.release()


def function_path(job_name: str) -> str:
    """What RQ imports for a job name, and shows."""
    return f"{PACKAGE}{job_name}"


def enqueue(job_name: str, **arguments: Any) -> str:
    """Put a job in the queue that `queues.toml` routes it to, and return the job's id.

    Arguments are JSON values. Raises UnknownJobError for a name that is not routed,
    JobTooLargeError beyond MAX_JOB_BYTES, and RedisUnreachableError.
    """
    new = create(job_name, arguments)
    target = queue(new.origin)
    try:
        return target.enqueue_job(new).id
    except redis.ResponseError as error:
        if "WRONGTYPE" not in str(error):
            raise
    wrong_keys(connection(), topology().queues, set_aside=True)
    return target.enqueue_job(new).id


def enqueue_if_small(job_name: str, **arguments: Any) -> bool:
    """As `enqueue`, and say whether the job is small enough to be enqueued."""
    try:
        enqueue(job_name, **arguments)
    except JobTooLargeError:
        return False
    return True


def enqueue_need(need: "Need", entity_ids: Sequence[int]) -> list[str]:
    """Enqueue the jobs that do what these entities need, and return the ids of the jobs.

    Call it after the commit of the need.
    """
    groups = [entity_ids] if is_embedded() else _places().apart(need, entity_ids)
    return [
        enqueue(need.job, **{need.argument: ids}) for group in groups for ids in need.batches(group)
    ]


@cache
def _places() -> "Places":
    """Which roots jobs need, where another host may take them. One host alone does without."""
    from worker.dispatch.places import Places  # noqa: PLC0415  # as it says

    return Places(connection, topology)


def create(job_name: str, arguments: dict[str, Any]) -> "Job":
    """A job that is not in its queue yet; `enqueue` says the rest."""
    from rq import Retry  # noqa: PLC0415  # see above
    from rq.job import Job  # noqa: PLC0415  # see above
    from rq.serializers import JSONSerializer  # noqa: PLC0415  # see above

    route = topology().route(job_name)
    target = queue(route.name)
    roots = [] if is_embedded() else _places().of_job(job_name, arguments)
    new = Job.create(
        function_path(job_name),
        kwargs=arguments,
        connection=target.connection,
        serializer=JSONSerializer,
        origin=target.name,
        timeout=route.timeout,
        result_ttl=route.keep,
        failure_ttl=FAILED_JOB_TTL,
        retry=Retry(max=route.retries, interval=route.waits()) if route.retries else None,
        description=_description(job_name, arguments),
        meta={"roots": roots} if roots else None,
    )
    size = len(new.data)
    if size > MAX_JOB_BYTES:
        raise JobTooLargeError(
            f"the job {job_name} is {size:,} bytes large, more than {MAX_JOB_BYTES:,} — "
            "pass ids or fewer records, not contents"
        )
    return new


def _description(job_name: str, arguments: dict[str, Any]) -> str:
    """A short line for rq-dashboard and logs: names and sizes, not the records themselves."""
    parts = (f"{name}={_brief(value)}" for name, value in arguments.items())
    return f"{job_name}({', '.join(parts)})"[:_DESCRIPTION_LENGTH]


def _brief(value: Any) -> str:
    if isinstance(value, list | dict):
        return counted(len(value), "item")
    return repr(value)[:40]


def has_ended(job_id: str) -> bool:
    """Whether a job has ended, well or badly. Raises JobFailedError when it is gone."""
    from rq.job import Job  # noqa: PLC0415  # see above
    from rq.serializers import JSONSerializer  # noqa: PLC0415  # see above

    if not Job.exists(job_id, connection=connection()):
        raise JobFailedError(f"the job {job_id[:40]} is gone: ask again")
    current = Job.fetch(job_id, connection=connection(), serializer=JSONSerializer)
    return current.get_status(refresh=False) in {"finished", *_ENDED_BADLY}


def wait_for(job_id: str, seconds: float = inf) -> Any:
    """Wait for the end of a job; its result, or None after `seconds`. Raises JobFailedError."""
    from rq.job import Job, JobStatus  # noqa: PLC0415  # see above
    from rq.serializers import JSONSerializer  # noqa: PLC0415  # see above

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        current = Job.fetch(job_id, connection=connection(), serializer=JSONSerializer)
        status = current.get_status(refresh=False)
        if status == JobStatus.FINISHED:
            return current.return_value()
        if status in _ENDED_BADLY:
            result = current.latest_result()
            reason = (result.exc_string or "").strip().splitlines()[-1:] if result else []
            raise JobFailedError(f"{current.description} {status.value}: {' '.join(reason)}")
        time.sleep(0.1)
    return None
