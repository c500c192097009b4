"""Jobs where nobody expects them: queues of earlier topologies, failed ones, spoilt ones."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from worker import dispatch
from worker.cli.fleet import run

COVERS = "deferred_covers"
OLD = "old_covers"
PICTURES = "covers.extract_embedded"
CLEANUP = "maintenance.cleanup_expired_tasks"

Fleet = Callable[..., int]


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Run `fleet` with arguments and what the user types; the exit code."""

    def command(*arguments: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return run(arguments)

    return command


def queue_named(name: str) -> Queue:
    """The RQ queue of that name, declared or not."""
    return Queue(name, connection=dispatch.connection(), serializer=JSONSerializer)


def strand(count: int, job: str = PICTURES, queue: str = OLD) -> list[str]:
    """Put jobs with distinct arguments in a queue, whatever is routed there; their ids."""
    return [
        queue_named(queue).enqueue_job(stale(job, track_ids=[number])).id for number in range(count)
    ]


def stale(name: str, **arguments: Any) -> Job:
    """A job as an earlier topology made it: any name, other terms, not in a queue yet."""
    return Job.create(
        dispatch.function_path(name),
        kwargs=arguments,
        connection=dispatch.connection(),
        serializer=JSONSerializer,
        timeout=1,
        result_ttl=1,
    )


def fetched(job_id: str) -> Job:
    """A job as it stands in Redis."""
    return Job.fetch(job_id, connection=dispatch.connection(), serializer=JSONSerializer)


def hash_of(job_id: str) -> dict[bytes, bytes]:
    """A job's hash."""
    fields: dict[bytes, bytes] = dispatch.connection().hgetall(Job.key_for(job_id))  # type: ignore[assignment]
    return fields


def arguments_of(job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What these jobs are called with, in order."""
    return [fetched(job_id).kwargs for job_id in job_ids]


def fail(job_ids: Sequence[str], deaths: int = 0) -> None:
    """Make these waiting jobs failed ones, as RQ's worker does, after some deaths."""
    for job_id in job_ids:
        job = fetched(job_id)
        job.retries_left = 0
        with dispatch.connection().pipeline() as pipeline:
            queue_named(job.origin).remove(job, pipeline=pipeline)
            job.set_status("failed", pipeline=pipeline)  # type: ignore[arg-type]
            job._handle_failure("ValueError: bad", pipeline=pipeline, worker_name="tests-1")
            pipeline.hset(job.key, "deaths", deaths)
            pipeline.execute()


def snapshot(connection: redis.Redis) -> dict[bytes, bytes]:
    """All that is in Redis, by key."""
    dumps = {key: connection.dump(key) for key in connection.scan_iter()}
    return {key: dump for key, dump in dumps.items() if isinstance(dump, bytes)}
