"""Queues whose jobs wait in vain, or for too long."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rq.job import Job
from rq.utils import as_text, str_to_date

from worker import dispatch
from worker.doctor.findings import Finding, Fix, Severity, counted, time_span
from worker.errors import BadInputError
from worker.queues import HELD, Place, rescue
from worker.status import QueueStatus
from worker.status import queues as statuses
from worker.topology import Topology

_CHECK = "queues"


def queues(topology: Topology) -> Iterator[Finding]:
    """Every queue that holds jobs which nobody takes, or not soon enough."""
    faults = [
        finding
        for status in statuses()
        if status.waiting + status.later
        for finding in _queue(status, topology)
    ]
    yield from faults
    if not faults:
        yield Finding(_CHECK, Severity.OK, "every queue that holds jobs is consumed in time")


def _queue(status: QueueStatus, topology: Topology) -> Iterator[Finding]:
    held, age = status.waiting + status.later, _age(status)
    holds = f"{status.name} holds {counted(held, 'job')}"
    since = "" if age is None else f", the oldest for {time_span(age)}"
    declared = topology.queues.get(status.name)
    if declared is None:
        yield Finding(
            _CHECK,
            Severity.ERROR,
            f"{holds}, and queues.toml does not know it{since}",
            f"`fleet queue move {status.name} QUEUE` moves those that are routed to QUEUE, "
            "`fleet doctor --fix` moves each one to its queue",
            held,
            age,
            _rescue(status.name),
        )
        return
    if not status.consumers:
        yield Finding(
            _CHECK,
            Severity.ERROR,
            f"{holds} that no live worker consumes{since}",
            "run `fleet up`, and see `fleet logs` of its program",
            held,
            age,
        )
    if status.paused:
        yield Finding(
            _CHECK,
            Severity.WARNING,
            f"{holds} and is paused{since}",
            f"`fleet queue resume {status.name}` resumes it",
            held,
            age,
        )
    elif status.consumers and status.oldest is not None and status.oldest > declared.wait_limit:
        yield Finding(
            _CHECK,
            Severity.WARNING,
            f"the first job of {status.name} has waited for {time_span(status.oldest)}, "
            f"longer than {time_span(declared.wait_limit)}",
            "give its program more processes with `fleet scale`, or see its `fleet logs`",
            held,
            status.oldest,
        )


def _age(status: QueueStatus) -> float | None:
    """For how many seconds the queue has held its oldest job, as far as the first ones tell."""
    created = [moment for place in HELD if (moment := _created(status.name, place)) is not None]
    ages = [(datetime.now(UTC) - moment).total_seconds() for moment in created]
    return max([*ages, *([] if status.oldest is None else [status.oldest])], default=None)


def _created(queue: str, place: Place) -> datetime | None:
    """When the first job of a place was made."""
    connection = dispatch.connection()
    reads = connection.lrange if place is Place.WAITING else connection.zrange
    ids: Any = reads(place.key(queue), 0, 0)
    for raw_id in ids:
        created = connection.hget(Job.key_for(as_text(raw_id)), "created_at")
        if isinstance(created, bytes):
            return str_to_date(created)
    return None


def _rescue(name: str) -> Fix:
    """Bring the jobs of a queue to where they are routed today."""

    def bring() -> str:
        outcome = rescue(name)
        left = outcome.kept.total() + len(outcome.unreadable)
        if not outcome.done:
            raise BadInputError(f"no queue takes any of the {counted(left, 'job')} of {name}")
        targets = sorted({route.queue or "" for route in outcome.done})
        moved = f"{counted(outcome.done.total(), 'job')} of {name} moved to {', '.join(targets)}"
        return f"{moved}; {left:,} that no queue takes stay" if left else moved

    return Fix(f"move the jobs of {name} to the queues that take them today", bring)
