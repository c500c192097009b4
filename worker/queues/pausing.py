"""Pausing a queue: workers take no job from it, and go on with the one at hand."""

from rq.utils import as_text

from worker import dispatch
from worker.queues.places import declared, required
from worker.taking import PAUSED


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
