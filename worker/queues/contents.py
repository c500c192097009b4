"""The queues, the places where each keeps its jobs, and how many each place has."""

from collections import Counter
from collections.abc import Container, Sequence
from enum import StrEnum

import redis

from worker import dispatch
from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.process.take import PAUSED
from worker.redis import owner, rq_keys
from worker.redis.entries import utf8

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
