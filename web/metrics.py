"""/metrics, in the text format of Prometheus, read from Redis when it is asked for."""

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from worker import dispatch
from worker.process.job_counts import job_counts
from worker.status import overview

bp = Blueprint("metrics", __name__)


class Fleet(Collector):
    """The queues and jobs of the fleet."""

    def collect(self) -> Iterator[Metric]:
        """Every family. Raises redis.RedisError or RedisUnreachableError."""
        yield from _queues()
        yield from _jobs()


@bp.get("/metrics")
def metrics() -> Response:
    """Everything, now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Fleet())
    return Response(
        generate_latest(registry),
        content_type=CONTENT_TYPE_PLAIN_0_0_4,
        headers={"Cache-Control": "no-store"},
    )


def _queues() -> Iterator[Metric]:
    found = overview.queues()
    depth = GaugeMetricFamily(
        "musicfleet_queue_depth", "Jobs that wait in the queue.", labels=["queue"]
    )
    later = GaugeMetricFamily(
        "musicfleet_queue_later", "Jobs that wait for a time or another job.", labels=["queue"]
    )
    in_flight = GaugeMetricFamily(
        "musicfleet_queue_in_flight", "Jobs that are worked on.", labels=["queue"]
    )
    kept = GaugeMetricFamily(
        "musicfleet_queue_failed", "Failed jobs that are kept.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "musicfleet_queue_oldest_seconds",
        "How long the first job has waited, or has been due.",
        labels=["queue"],
    )
    consumers = GaugeMetricFamily(
        "musicfleet_queue_consumers", "Live workers that consume the queue.", labels=["queue"]
    )
    paused = GaugeMetricFamily(
        "musicfleet_queue_paused", "1 when no job is taken from the queue.", labels=["queue"]
    )
    recoveries = CounterMetricFamily(
        "musicfleet_recoveries", "Jobs put back after their process died.", labels=["queue"]
    )
    for queue in found:
        name = [queue.name]
        depth.add_metric(name, queue.waiting)
        later.add_metric(name, queue.later)
        in_flight.add_metric(name, queue.running)
        kept.add_metric(name, queue.failed)
        oldest.add_metric(name, queue.oldest or 0.0)
        consumers.add_metric(name, len(queue.consumers))
        paused.add_metric(name, queue.paused)
        recoveries.add_metric(name, queue.recovered)
    yield from (depth, later, in_flight, kept, oldest, consumers, paused, recoveries)


def _jobs() -> Iterator[Metric]:
    done = CounterMetricFamily("musicfleet_jobs_done", "Jobs that were done.", labels=["job"])
    failed = CounterMetricFamily("musicfleet_jobs_failed", "Attempts that failed.", labels=["job"])
    seconds = CounterMetricFamily(
        "musicfleet_job_seconds", "Seconds that jobs took, failed ones too.", labels=["job"]
    )
    for name, count in job_counts(dispatch.connection()).items():
        done.add_metric([name], count.done)
        failed.add_metric([name], count.failed)
        seconds.add_metric([name], count.seconds)
    yield from (done, failed, seconds)
