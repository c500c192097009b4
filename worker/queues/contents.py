"""The queues, the places where each keeps its jobs, how many each place has, which rest; its jobs.

Redis keys:
    fleet:resting   hash of the queues that FLEET_ANALYSIS_HOURS has paused: 1, or 0 for one whose
                    pause, or the end of it, is somebody else's
"""

import base64
import zlib
from collections import Counter
from collections.abc import Container, Mapping, Sequence, Set
from datetime import time
from enum import StrEnum
from typing import Any, NamedTuple

import redis

from db import settings
from db.errors import SettingError
from db.models import EntityType, Kind
from worker import dispatch
from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.process.take import PAUSED
from worker.redis import owner, rq_keys
from worker.redis.entries import as_moment, as_shown, called, ids, utf8

_PREFIX = rq_keys.QUEUE


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
    Place.SCHEDULED: f"{rq_keys.PREFIX}:scheduled:{{}}",
    Place.DEFERRED: f"{rq_keys.PREFIX}:deferred:{{}}",
    Place.READY: f"{rq_keys.PREFIX}:ready:{{}}",
    Place.RUNNING: f"{rq_keys.PREFIX}:wip:{{}}",
    Place.FAILED: f"{rq_keys.PREFIX}:failed:{{}}",
}

HELD = (Place.WAITING, Place.READY, Place.SCHEDULED, Place.DEFERRED)
"""The places of jobs that have still to be run."""
WINDOW = 500
"""How many jobs one step reads or changes, during which Redis serves no other client."""


def declared() -> list[str]:
    """The names of the queues of queues.toml."""
    return list(dispatch.topology().queues)


def known() -> list[str]:
    """The declared names, then those of other queues of the fleet that Redis has seen, in order."""
    undeclared = _undeclared()
    others = _strangers(undeclared) if undeclared else {}
    return [*declared(), *(name for name in undeclared if name not in others)]


def strangers() -> dict[str, str]:
    """The queues of other programs on this Redis, each with what a job there says it does."""
    return _strangers(_undeclared())


def _strangers(names: Sequence[str]) -> dict[str, str]:
    client = dispatch.connection()
    samples: dict[str, list[bytes]] = {}
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            for place in Place:
                first = pipeline.lrange if place is Place.WAITING else pipeline.zrange
                first(place.key(name), 0, owner.SAMPLE - 1)
        answers = iter(pipeline.execute(raise_on_error=False))
    for name in names:
        read = [next(answers) for _ in Place]
        samples[name] = [each for ids in read if isinstance(ids, list) for each in ids]
    return owner.strangers(client, samples)


def _undeclared() -> list[str]:
    """The names of the queues that Redis has seen and queues.toml does not declare, in order."""
    keys = utf8(dispatch.connection().smembers(rq_keys.QUEUES))
    seen = {key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX)}
    return sorted(seen.difference(declared()))


def required(name: str, among: Container[str] | None = None) -> None:
    """Raise BadInputError, with the nearest names, unless there is a queue of that name.

    `among` are the names that will do; by default the known ones.
    """
    names = known()
    if name not in (names if among is None else among):
        choices = [each for each in names if among is None or each in among]
        raise BadInputError(f"there is no queue {name!r} — {did_you_mean(name, choices)}")


def paused() -> set[str]:
    """The names of the queues that are paused."""
    return set(utf8(dispatch.connection().smembers(PAUSED)))


def sizes(names: Sequence[str]) -> dict[str, Counter[Place]]:
    """How many jobs each of these queues has in each place, read in one round trip."""
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for name in names:
            for place in Place:
                count = pipeline.llen if place is Place.WAITING else pipeline.zcard
                count(place.key(name))
        counts = iter(pipeline.execute(raise_on_error=False))
    return {name: Counter({place: _count(next(counts)) for place in Place}) for name in names}


def _count(answer: object) -> int:
    """A number of jobs; 0 for a place that is of another type than it should be."""
    if isinstance(answer, redis.RedisError) and "WRONGTYPE" not in str(answer):
        raise answer
    return answer if isinstance(answer, int) else 0


_RESTING = settings.redis_key("fleet:resting")
_OWN, _OTHERS = b"1", b"0"


def keep_hours(moment: time) -> None:
    """Pause the queue of the audio analysis outside of FLEET_ANALYSIS_HOURS; resume it within.

    What waits there stays. A queue that somebody has paused, or resumes meanwhile, is left as it is
    until the hours change again. `moment` is the local time.
    """
    names, client = _to_rest(moment), dispatch.connection()
    known: dict[bytes, bytes] = client.hgetall(_RESTING)  # type: ignore[assignment]
    for name in names - set(utf8(known)):
        own = _OTHERS if client.sismember(PAUSED, name) else _OWN
        with client.pipeline() as step:
            step.hset(_RESTING, name, own)
            if own == _OWN:
                step.sadd(PAUSED, name)
            step.execute()
    for name in set(utf8(known)) - names:
        with client.pipeline() as step:
            if known[name.encode()] == _OWN:
                step.srem(PAUSED, name)
            step.hdel(_RESTING, name)
            step.execute()


def _to_rest(moment: time) -> set[str]:
    try:
        hours = settings.analysis_hours()
    except SettingError:  # the doctor names it
        return set()
    if hours is None or hours.holds(moment):
        return set()
    from db import ledger  # noqa: PLC0415  # few set any hours

    job = ledger.need_for(Kind.ANALYSIS, EntityType.TRACK).job
    return {dispatch.topology().route(job).name}


def leave_to_others(name: str) -> None:
    """Have `keep_hours` leave this queue as it is, for somebody pauses or resumes it."""
    if dispatch.connection().hexists(_RESTING, name):
        dispatch.connection().hset(_RESTING, name, _OTHERS.decode())


def resting() -> dict[str, str]:
    """The queues that the hours have paused, each with the time of day until which."""
    known: dict[bytes, bytes] = dispatch.connection().hgetall(_RESTING)  # type: ignore[assignment]
    own = [name for name in utf8(known) if known[name.encode()] == _OWN]
    hours = settings.analysis_hours() if own else None
    return dict.fromkeys(own, f"{hours.begin:%H:%M}") if hours else {}


class Listed(StrEnum):
    """The lists of a queue's jobs, as people know them."""

    WAITING = "waiting"
    RUNNING = "running"
    LATER = "later"
    FAILED = "failed"
    FINISHED = "finished"
    """Those whose result is still kept."""
    CANCELLED = "cancelled"
    """Before they began; one that was stopped is among the failed ones."""

    def keys(self, queue: str) -> list[str]:
        """Where they are kept, the first ones first."""
        kept = {
            Listed.LATER: [each.key(queue) for each in HELD[1:]],
            Listed.FINISHED: [rq_keys.FINISHED % queue],
            Listed.CANCELLED: [rq_keys.CANCELLED % queue],
        }
        return kept[self] if self in kept else [Place(self.value).key(queue)]


class ListedJob(NamedTuple):
    """A job of a list."""

    id: str
    name: str
    """The job's name; empty for what cannot be read."""
    description: str
    arguments: dict[str, Any]
    enqueued: float | None
    """When, in seconds since 1970."""
    ended: float | None
    worker: str
    error: str
    """The last line of its error; empty without one."""


class Search(NamedTuple):
    """What somebody looks for among jobs."""

    text: str
    """A part of a job's id, name, description or error, in any case."""
    entities: Mapping[str, Set[int]] = {}
    """The ids of entities whose jobs are meant too, by type."""

    def fits(self, job: ListedJob) -> bool:
        """Whether it is this job that is meant."""
        wanted = self.text.casefold()
        if wanted in f"{job.id}\n{job.description}\n{job.error}".casefold():
            return True
        return any(
            not wanted_ids.isdisjoint(_row_ids(given))
            for entity, wanted_ids in self.entities.items()
            for name, given in job.arguments.items()
            if name in {f"{entity}_id", f"{entity}_ids"}
        )


def _row_ids(given: Any) -> list[int]:
    return [each for each in (given if isinstance(given, list) else [given]) if type(each) is int]


MOST_SEARCHED = 20_000
"""Jobs of a list that a search reads."""
_LONGEST_ERROR = 64 * 1024
_READ_FIELDS = ("data", "description", "enqueued_at", "ended_at", "worker_name")


def count_listed(queue: str, which: Listed) -> int:
    """How many jobs a list has."""
    return sum(_size(key) for key in which.keys(queue))


def listed(queue: str, which: Listed, first: int, most: int) -> list[ListedJob]:
    """The jobs of a list from a position on; of those that have ended the last ones come first."""
    found: list[bytes] = []
    for key in which.keys(queue):
        found += _range(key, which, first, most - len(found))
        first = max(0, first - _size(key))
        if len(found) >= most:
            break
    return _read_listed(found, with_errors=which is Listed.FAILED)


def matching(queue: str, which: Listed, search: Search) -> list[ListedJob]:
    """The jobs of a list that somebody looks for, among the first MOST_SEARCHED."""
    found: list[ListedJob] = []
    for first in range(0, min(count_listed(queue, which), MOST_SEARCHED), WINDOW):
        found += filter(search.fits, listed(queue, which, first, WINDOW))
    return found


def _size(key: str) -> int:
    client = dispatch.connection()
    counts: dict[Any, Any] = {b"list": client.llen, b"zset": client.zcard}
    kind = client.type(key)
    return int(counts[kind](key)) if kind in counts else 0


def _range(key: str, which: Listed, first: int, most: int) -> list[bytes]:
    client = dispatch.connection()
    kind: Any = client.type(key)
    last = first + most - 1
    found: Any = []
    if kind == b"list":
        found = client.lrange(key, first, last)
    elif kind == b"zset":
        has_ended = which in {Listed.FAILED, Listed.FINISHED, Listed.CANCELLED}
        found = client.zrange(key, first, last, desc=has_ended)
    return [each.partition(b":")[0] for each in found]  # a running one names its execution too


def _read_listed(raw_ids: Sequence[bytes], *, with_errors: bool) -> list[ListedJob]:
    known = ids(raw_ids)
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for job_id in known:
            pipeline.hmget(f"{rq_keys.JOB}{job_id}", *_READ_FIELDS)
            if with_errors:
                pipeline.xrevrange(f"{rq_keys.PREFIX}:results:{job_id}", count=1)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    step = 2 if with_errors else 1
    return [
        _listed(job_id, answers[step * n], answers[step * n + 1] if with_errors else None)
        for n, job_id in enumerate(known)
    ]


def _listed(job_id: str, fields: Any, results: Any) -> ListedJob:
    if not isinstance(fields, list):
        return ListedJob(job_id, "", "no job that can be read", {}, None, None, "", "")
    data, description, enqueued, ended, worker = fields
    name, arguments = called(data or b"")
    return ListedJob(
        job_id,
        name,
        as_shown(description or b"its data is gone"),
        arguments,
        as_moment(enqueued),
        as_moment(ended),
        as_shown(worker or b""),
        _error(results),
    )


def _error(results: Any) -> str:
    """The last line of what a job's last attempt raised."""
    try:
        packed = base64.b64decode(results[0][1][b"exc_string"])
        text = zlib.decompressobj().decompress(packed, _LONGEST_ERROR)
    except (LookupError, TypeError, ValueError, zlib.error):
        return ""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return as_shown(lines[-1].encode()) if lines else ""
