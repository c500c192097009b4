"""RQ as it comes: a worker that forks for each job."""

import redis
from rq import Queue
from rq.serializers import JSONSerializer

from bench.queue_contenders.contender import PROCESSES, QUEUE, Contender
from bench.queue_contenders.trial import JOBS
from worker.redis import redis_url

_AT_ONCE = 500


def enqueue(job: str, number: int) -> None:
    """By pipelines of some hundreds."""
    with redis.Redis.from_url(redis_url()) as client:
        queue = Queue(QUEUE, connection=client, serializer=JSONSerializer)
        for start in range(0, number, _AT_ONCE):
            jobs = [Queue.prepare_data(JOBS[job])] * min(_AT_ONCE, number - start)
            queue.enqueue_many(jobs)


def commands(worker_class: str) -> tuple[tuple[str, ...], ...]:
    """What starts workers of this class of RQ."""
    serializer = "rq.serializers.JSONSerializer"
    options = ("--url", redis_url(), "--serializer", serializer, "--worker-class", worker_class)
    return (("-m", "rq.cli", "worker", *options, QUEUE),) * PROCESSES


CONTENDER = Contender(
    distribution="rq",
    keeps="job 500 s, result 500 s",
    commands=commands("rq.worker.Worker"),
    enqueue=enqueue,
    forks=True,
    has_rq_keys=True,
    jobs_in=10,
)
