"""Taking the next job: one atomic step from its queue to the list of the process that takes it.

Stock RQ pops when it serves several queues, and a job that was popped by a process that died then
is in no list any more. Here it is always in one: its queue's, or the taker's
(`worker.redis.holders`). The step also records how the job before ended, and that this one begins
(`take.lua`).

Redis keys:
    fleet:paused   set of the names of queues that no job is taken from
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from select import select
from typing import Any, NamedTuple
from uuid import uuid4

import redis

from db import settings
from db.sql.connection import check_file
from worker.dispatch import MAX_JOB_BYTES
from worker.process.job_counts import CPU, DONE, SECONDS
from worker.redis import owner, rq_keys
from worker.redis.entries import ASIDE, KEPT_SECONDS, as_shown
from worker.redis.holders import HOLDERS, Holder
from worker.redis.hosts import SEES, sees_key

PAUSED = settings.redis_key("fleet:paused")
_LONGEST_REQUEST = 60.0
"""Seconds that Redis waits for a job before it answers that there is none."""
_LARGEST_HASH = 4 * MAX_JOB_BYTES
_MOST_FIELDS = 100
_FLAGS, _, _REST = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8").partition("\n")
_SCRIPT = f"{_FLAGS}{SEES}{_REST}"
_IS_PAUSED, _IS_SUSPENDED, _HAS_DEPENDENTS, _IS_FOREIGN, _IS_ELSEWHERE = 1, 2, 3, 4, 5
_ELSEWHERE_NAPS = 8
"""How many times as long a worker sleeps while all jobs wait for another host."""
_NO_FLAGS = "Error compiling script"
"""What Redis 6.2 says of a first line with flags, which it has none of."""


class Taken(NamedTuple):
    """An entry that was taken: a job that was begun, or what can be none."""

    entry: bytes
    """The id of the job, if it is one."""
    fields: dict[bytes, bytes]
    """Its hash as it was before; empty when it is gone, or cannot be begun."""
    execution_id: str
    fault: str = ""
    """Why it was not begun; empty when it was, or is gone."""


class Ended(NamedTuple):
    """A job that has ended well, in the words of `take.lua`; times are seconds since 1970."""

    job_id: str
    execution_id: str
    queue: str
    counted_as: str
    seconds: float
    """How long it ran."""
    keep: int
    """How many seconds it is kept: 0 not at all, less than that without end."""
    started_at: str
    ended_at: str
    """Both as RQ writes a time."""
    execution_started_at: float
    execution_ended_at: float
    result: str
    """What it returned, as RQ keeps it; empty for None."""
    cpu: float
    """How many CPU seconds it took."""


class DependentsWaitError(Exception):
    """The job that ended just now has dependents, and no other was taken."""


class _Arrivals:
    """Waits for a job in any of some queues, without a request as long as there is none.

    Redis waits at one list at a time for a client, so that each queue has a connection of its own.
    Moving the head of a list to the head of the same list waits, and changes nothing. A request
    outlives the wait that made it: its answer, while the worker was busy, costs one try to take.
    """

    def __init__(self, connection: redis.Redis, queue_keys: Sequence[str]) -> None:
        self._pool = connection.connection_pool
        self._keys = queue_keys
        self._asked: dict[str, Any] = {}  # redis-py's connections have no types

    def wait(self, seconds: float) -> None:
        """Wait until a queue may hold a job, or Redis is gone, `seconds` at most.

        Raises redis.ResponseError.
        """
        deadline = time.monotonic() + seconds
        is_over = False
        while not is_over and (left := deadline - time.monotonic()) > 0:
            with suppress(redis.ConnectionError, redis.TimeoutError):
                is_over = True  # whoever takes a job waits for a Redis that is away
                is_over = self._has_arrived(left)

    def _has_arrived(self, seconds: float) -> bool:
        for key in self._keys:
            if key not in self._asked:
                self._ask(key)
        sockets = {each._sock: key for key, each in self._asked.items()}
        ready, _, _ = select(sockets, [], [], seconds)
        answers = [self._answer(sockets[each]) for each in ready]
        return any(answers)

    def _ask(self, key: str) -> None:
        asked = self._pool.get_connection()
        try:
            asked.send_command(  # type: ignore[no-untyped-call]
                "BLMOVE", key, key, "LEFT", "LEFT", _LONGEST_REQUEST
            )
        except BaseException:
            self._drop(asked)
            raise
        self._asked[key] = asked

    def _answer(self, key: str) -> bool:
        """Whether there was a job. Raises redis.RedisError."""
        asked = self._asked.pop(key)
        try:
            found = asked.read_response()
        except BaseException:
            self._drop(asked)
            raise
        self._pool.release(asked)
        return found is not None

    def _drop(self, asked: Any) -> None:
        asked.disconnect()
        self._pool.release(asked)


class Taker:
    """Takes jobs from some queues; from a later one only when the earlier ones are empty."""

    def __init__(self, connection: redis.Redis, holder: Holder, queue_keys: Sequence[str]) -> None:
        self._connection = connection
        self._script = connection.register_script(_SCRIPT)
        self._queue_keys = list(queue_keys)
        self._own_keys = [holder.taken_key, PAUSED, rq_keys.SUSPENDED, HOLDERS, owner.LIBRARY]
        self._own_keys += [DONE, SECONDS, CPU, sees_key()]
        self._arrivals = _Arrivals(connection, self._queue_keys)
        self._who = (holder.worker, holder.token, holder.as_json())
        self._mark = owner.mark()
        self._ending: Ended | None = None
        self.suspended = False
        """Whether the last poll met a fleet that `rq suspend` has stopped."""
        self._paused = self._elsewhere = False

    def end(self, ended: Ended) -> None:
        """Have the end of a job recorded with the next step."""
        self._ending = ended

    def flush(self) -> None:
        """Record the end of the last job without taking another. Raises as `take` does."""
        if self._ending is not None:
            self._step([])

    def take(self) -> Taken | None:
        """Take and begin the next job; None when there is none to be had now.

        Raises DependentsWaitError, ForeignRedisError when Redis has another owner, and
        DatabaseGoneError when the database was deleted or replaced.
        """
        check_file()
        return self._step(self._queue_keys)

    def wait(self, seconds: float, nap: float) -> None:
        """Wait until there may be a job, `seconds` at most; or just sleep where a queue is paused.

        Or where its jobs are for another host. For Redis cannot wait for the end of that.
        """
        if self._paused or self.suspended or self._elsewhere:
            time.sleep(nap * (_ELSEWHERE_NAPS if self._elsewhere else 1))
        else:
            self._arrivals.wait(seconds)

    def _step(self, queue_keys: Sequence[str]) -> Taken | None:
        execution_id = uuid4().hex
        answer = self._run(
            keys=[*self._own_keys, *queue_keys],
            args=[
                *(f"{rq_keys.PREFIX}:", _LARGEST_HASH, _MOST_FIELDS),
                *(execution_id, time.time(), datetime.now(UTC).strftime(rq_keys.TIME)),
                *self._who,
                *(self._mark, ASIDE, KEPT_SECONDS),
                *(self._ending or [""]),
            ],
        )
        self._ending = None
        if isinstance(answer, int):
            self._paused, self.suspended = answer == _IS_PAUSED, answer == _IS_SUSPENDED
            self._elsewhere = answer == _IS_ELSEWHERE
            if answer == _HAS_DEPENDENTS:
                raise DependentsWaitError
            if answer == _IS_FOREIGN:
                owner.refuse_foreign(self._connection)
            return None
        entry, found = answer
        if isinstance(found, bytes):
            return Taken(entry, {}, execution_id, as_shown(found))
        known = dict(zip(found[::2], found[1::2], strict=True))
        return Taken(entry, known, execution_id)

    def _run(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return self._script(keys=keys, args=args)
        except redis.ResponseError as error:
            if _NO_FLAGS not in str(error):
                raise
        self._script = self._connection.register_script(_SCRIPT.partition("\n")[2])
        return self._script(keys=keys, args=args)
