"""Upkeep of the fleet itself."""

from rq.registry import (
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    StartedJobRegistry,
)

from db import scans
from worker.dispatch import job, queues

_REGISTRIES = (FinishedJobRegistry, FailedJobRegistry, CanceledJobRegistry, StartedJobRegistry)


@job
def cleanup_expired_tasks() -> None:
    """Drop finished, failed and canceled jobs whose time is over, and the chunks of ended scans.

    Waiting work is never touched; a started job whose worker is long gone goes to the failed ones.
    """
    for queue in queues():
        for registry_class in _REGISTRIES:
            registry_class(queue=queue).cleanup()
    scans.drop_done_chunks()
