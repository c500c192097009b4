"""dramatiq with processes of one thread each: one process more that watches over them."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.queue_contenders.contender import PROCESSES, Contender
from bench.queue_contenders.trial import JOBS
from worker.redis import redis_url

broker: dramatiq.Broker = RedisBroker(url=redis_url())
dramatiq.set_broker(broker)
actors = {name: dramatiq.actor(function) for name, function in JOBS.items()}


def enqueue(job: str, number: int) -> None:
    """One by one."""
    for _ in range(number):
        actors[job].send()


CONTENDER = Contender(
    distribution="dramatiq",
    keeps="nothing",
    commands=(("-m", "dramatiq", "--processes", str(PROCESSES), "--threads", "1", __name__),),
    enqueue=enqueue,
)
