"""How the fleet stands: queues, who consumes them, and what is done and left to do."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rq import Queue, Worker
from rq.registry import (
    DeferredJobRegistry,
    FailedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.serializers import JSONSerializer

from db import ledger, library, scans
from db.models import State
from worker import dispatch
from worker.slots import registered_name
from worker.supervisor import control


@dataclass
class QueueStatus:
    """A queue as it stands. `oldest` is how many seconds its first job has waited."""

    name: str
    waiting: int
    running: int
    failed: int
    later: int
    """Jobs that wait for a time or for another job."""
    oldest: float | None
    consumers: list[str] = field(default_factory=list)
    """The names of the live workers that consume it."""


@dataclass
class WorkStatus:
    """How many entities have had one kind of work."""

    kind: str
    entity_type: str
    done: int
    none: int
    failed: int
    to_do: int


@dataclass
class RunningScan:
    """A scan that has not ended."""

    root: str
    found: int
    written: int


def queues() -> list[QueueStatus]:
    """Every queue that queues.toml declares, then every other one that holds jobs."""
    consumers = live_consumers()
    declared = list(dispatch.topology().queues)
    known = {queue.name for queue in Queue.all(connection=dispatch.connection())}
    others = [name for name in sorted(known - set(declared)) if dispatch.queue(name).count]
    return [_queue_status(name, consumers[name]) for name in (*declared, *others)]


def live_consumers() -> dict[str, list[str]]:
    """The names of the registered workers of each queue, less those that supervisord gave up.

    A dead worker stays registered for up to two minutes; supervisord knows at once.
    """
    down = {registered_name(each.name) for each in control.processes() if each.is_down}
    consumers: dict[str, list[str]] = defaultdict(list)
    for worker in Worker.all(connection=dispatch.connection(), serializer=JSONSerializer):
        for name in worker.queue_names():
            if worker.name not in down:
                consumers[name].append(worker.name)
    return consumers


def work() -> list[WorkStatus]:
    """How far each kind of work in the ledger has come."""
    return [_work_status(need, counts) for need, counts in ledger.counts().items()]


def running_scans() -> list[RunningScan]:
    """The scans that have not ended."""
    return [
        RunningScan(scan.root, scan.found, scans.chunk_counts([scan.id]).files_done)
        for scan in scans.all_unfinished()
    ]


def totals() -> library.Totals:
    """What the library holds."""
    return library.totals()


def _queue_status(name: str, consumers: list[str]) -> QueueStatus:
    queue = dispatch.queue(name)
    later = DeferredJobRegistry(queue=queue).count + ScheduledJobRegistry(queue=queue).count
    return QueueStatus(
        name=name,
        waiting=queue.count,
        running=StartedJobRegistry(queue=queue).count,
        failed=FailedJobRegistry(queue=queue).count,
        later=later,
        oldest=_oldest(queue),
        consumers=sorted(consumers),
    )


def _oldest(queue: Queue) -> float | None:
    """Seconds since the first waiting job was enqueued."""
    for job_id in queue.get_job_ids(0, 1):
        job = queue.fetch_job(job_id)
        if job is not None and job.enqueued_at is not None:
            return (datetime.now(UTC) - job.enqueued_at).total_seconds()
    return None


def _work_status(need: ledger.Need, counts: Counter[State]) -> WorkStatus:
    return WorkStatus(
        kind=need.kind.value,
        entity_type=need.entity_type.value,
        done=counts[State.DONE],
        none=counts[State.NONE],
        failed=counts[State.FAILED] + counts[State.QUARANTINED],
        to_do=counts[State.TODO] + counts[State.LEASED],
    )
