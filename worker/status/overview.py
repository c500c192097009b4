"""The state of the fleet: queues, consumers, finished and remaining work, the health report."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import redis

from db import ledger
from db.library import statistics
from db.maintenance import fleet_history
from db.maintenance.fleet_history import JobTotal, QueueDay
from db.models import State, utc_now
from db.scanning import scans
from db.similarity import vectors
from db.sql.path_text import shown
from worker import dispatch
from worker.phrases import some, time_span
from worker.process.job_counts import RECOVERED, job_counts
from worker.queues import Place, known, paused, resting, sizes
from worker.redis import rq_keys
from worker.redis.entries import as_moment, as_number, utf8
from worker.redis.holders import holders
from worker.redis.hosts import hosts as known_hosts
from worker.redis.hosts import run_elsewhere
from worker.supervisor.rpc import ProcessInfo, processes
from worker.topology.model import process_name_of, program_of, registered_name

if TYPE_CHECKING:  # for most libraries have no model
    from db.similarity.model_health import ModelStatus

_LATER = (Place.SCHEDULED, Place.DEFERRED, Place.READY)
_JOB_PREFIX = rq_keys.JOB.encode()


@dataclass
class QueueStatus:
    """A queue as it stands."""

    name: str
    use: str | None
    """What it is for; None when queues.toml does not declare it."""
    waiting: int
    running: int
    failed: int
    later: int
    """Jobs that wait for a time or for another job."""
    oldest: float | None
    """How many seconds its first job has waited, or has been due; None when none has."""
    paused: bool
    recovered: int
    """Jobs that were put back after their process died."""
    consumers: list[str] = field(default_factory=list)
    """The names of the live workers that consume it."""
    rests_until: str = ""
    """The time of day until which FLEET_ANALYSIS_HOURS has it paused."""
    on_demand: bool = False
    """Whether a program consumes it that rests, or is starting, until it holds a job."""

    @property
    def is_worth_a_line(self) -> bool:
        """Whether it holds jobs, or is paused."""
        return self.paused or bool(self.waiting + self.running + self.failed + self.later)


@dataclass
class WorkStatus:
    """How many entities have had one kind of work."""

    kind: str
    entity_type: str
    done: int
    none: int
    failed: int
    waiting: int
    """Kept from being done by the surroundings, such as a root that is away."""
    cancelled: int
    to_do: int


@dataclass
class SummedWork(WorkStatus):
    """The same, and whether these are all that need it."""

    needed: int
    """How many entities need it."""
    lacking: int | None
    """How many of them the ledger has no row for; None where that was not counted."""
    stray: int | None
    """How many rows it has of entities that do not exist; None where that was not counted."""


@dataclass
class RunningScan:
    """A scan that has not ended."""

    id: int
    root: str
    found: int
    written: int


def queues(present: Sequence[ProcessInfo] | None = None) -> list[QueueStatus]:
    """Every queue that queues.toml declares, then every other one that holds jobs or is paused.

    `present` are the processes of the fleet, which supervisord is asked for when there are none.
    """
    names = list(dict.fromkeys([*known(), *sorted(paused())]))
    return [
        each
        for each in queue_statuses(names, present)
        if each.use is not None
        or each.paused
        or each.waiting + each.running + each.failed + each.later
    ]


def queue_statuses(
    names: Sequence[str], present: Sequence[ProcessInfo] | None = None
) -> list[QueueStatus]:
    """The queues of these names as they stand, in this order; `present` as for `queues`."""
    present = processes() if present is None else present
    topology, consumers = dispatch.topology(), live_consumers(present)
    awaited = on_demand_queues(present)
    counts, oldest, held_up = sizes(names), _oldest(names), paused()
    at_rest = resting() if held_up else {}
    recovered: Mapping[bytes, bytes] = dispatch.connection().hgetall(RECOVERED)  # type: ignore[assignment]
    return [
        QueueStatus(
            name=name,
            use=topology.queues[name].use if name in topology.queues else None,
            waiting=counts[name][Place.WAITING],
            running=counts[name][Place.RUNNING],
            failed=counts[name][Place.FAILED],
            later=sum(counts[name][place] for place in _LATER),
            oldest=oldest[name],
            paused=name in held_up,
            rests_until=at_rest.get(name, "") if name in held_up else "",
            recovered=int(as_number(recovered.get(name.encode()))),
            consumers=sorted(consumers[name]),
            on_demand=name in awaited,
        )
        for name in names
    ]


def live_consumers(present: Sequence[ProcessInfo] | None = None) -> dict[str, list[str]]:
    """The names of the registered workers of each queue, less those that supervisord gave up.

    A worker lives as long as the process does that registered as a holder of jobs. One that is not
    the fleet's, or of another host, lives as long as its entry in RQ. supervisord knows at once of
    those that it gave up. `present` as for `queues`.
    """
    present = processes() if present is None else present
    gone = {registered_name(each.name) for each in present if each.is_down}
    queues_of = _registered()
    known = [(each.worker, each.is_alive()) for each in holders(dispatch.connection())]
    living = {worker for worker, lives in known if lives}
    for worker in living:
        queues_of.setdefault(worker, _declared_queues(worker))
    gone |= {worker for worker, lives in known if lives is False}
    gone -= living  # a successor in the slot of one that is dead
    consumers: dict[str, list[str]] = defaultdict(list)
    for worker in sorted(queues_of.keys() - gone):
        for name in queues_of[worker]:
            consumers[name].append(worker)
    return consumers


def on_demand_queues(present: Sequence[ProcessInfo] | None = None) -> set[str]:
    """The queues of programs that run on demand, and that rest or are starting, on any host."""
    topology = dispatch.topology()
    elsewhere = run_elsewhere(dispatch.connection())
    on_demand = (each for each in topology.programs.values() if each.is_on_demand)
    return {queue for each in on_demand if each.name in elsewhere for queue in each.queues} | {
        queue
        for each in (processes() if present is None else present)
        if each.rests or (each.is_on_demand and each.state == "STARTING")
        for queue in topology.programs[each.program].queues
    }


def _registered() -> dict[str, list[str]]:
    """The queues of each worker that has an entry in RQ, by its name."""
    connection = dispatch.connection()
    keys = sorted(utf8(connection.smembers(rq_keys.WORKERS)))
    with connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "birth", "queues")
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    return {
        key.removeprefix(rq_keys.WORKER): utf8((answer[1] or b"").split(b","))
        for key, answer in zip(keys, answers, strict=True)
        if isinstance(answer, list) and answer[0] is not None  # else its heartbeats have ended
    }


def _declared_queues(worker: str) -> list[str]:
    """The queues of the program in whose slot a worker is."""
    program = dispatch.topology().programs.get(program_of(process_name_of(worker)))
    return list(program.queues) if program else []


@dataclass
class HostStatus:
    """A host that works for the fleet."""

    name: str
    programs: list[str]
    """The worker programs and parts that it runs."""
    workers: int
    """How many of its worker processes live."""
    roots: list[str] | None
    """The folders of music that it has; None: those of the fleet, which nobody else asks for."""

    @property
    def folders(self) -> str:
        """The folders for people."""
        return "all" if self.roots is None else ", ".join(map(shown, self.roots)) or "none"


def hosts() -> list[HostStatus]:
    """The hosts that share the work; none where there can be only one."""
    found = known_hosts(dispatch.connection())
    living = (
        {worker for workers in live_consumers().values() for worker in workers} if found else ()
    )
    counts = Counter(worker.rpartition("-")[2] for worker in living)
    return [HostStatus(each.name, each.programs, counts[each.id], each.roots) for each in found]


def work() -> list[WorkStatus]:
    """How far each kind of work in the ledger has come."""
    return [_work_status(need, counts) for need, counts in ledger.counts().items()]


def summed_work() -> list[SummedWork]:
    """The same, with the sum of each; in a large library without what the doctor counts."""
    counts, found = ledger.counts(), []
    if sum(states.total() for states in counts.values()) > _MOST_COUNTED:
        return [_of_many(need, states) for need, states in counts.items()]
    for each in ledger.sums():
        row = _work_status(each.need, each.states)
        row.to_do += each.in_turn
        found.append(
            SummedWork(**vars(row), needed=each.needed, lacking=each.lacking, stray=each.stray)
        )
    return found


_MOST_COUNTED = 20_000
"""Rows of the ledger that are compared with the entities while somebody waits: some hundredths of
a second."""


def _of_many(need: ledger.Need, states: Counter[State]) -> SummedWork:
    row, in_turn = _work_status(need, states), ledger.turns(need, states.total())
    row.to_do += in_turn
    return SummedWork(**vars(row), needed=states.total() + in_turn, lacking=None, stray=None)


def running_scans() -> list[RunningScan]:
    """The scans that have not ended."""
    return [
        RunningScan(scan.id, scan.root, scan.found, scans.chunk_counts([scan.id]).files_done)
        for scan in scans.all_unfinished()
    ]


def model() -> "ModelStatus | None":
    """How the model that makes vectors stands; None while there is none."""
    if vectors.current_model() is None:
        return None
    from db.similarity.model_health import model_status  # noqa: PLC0415  # most have no model

    return model_status(utc_now())


def model_text(status: "ModelStatus") -> str:
    """The model in words: its age and health, whether a training is due, what is new since."""
    health = status.health.verdict.value if status.health else "not measured yet"
    due = "is due" if status.retrain else "is not due"
    text = (
        f"Similarity model {status.model.id}, {time_span(status.age)} old, health: {health}; a "
        f"training {due}: {status.reason}"
    )
    for what, names in (("genres", status.new_genres), ("tags", status.new_tags)):
        if names:
            text += f"; new {what}: {some(names)}"
    return text


def totals() -> statistics.Totals:
    """What the library holds."""
    return statistics.library_totals()


def _oldest(names: Sequence[str]) -> dict[str, float | None]:
    """Seconds since the first job of each queue was enqueued or, when that is longer ago, due."""
    connection = dispatch.connection()
    with connection.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.lindex(Place.WAITING.key(name), 0)
            pipeline.zrange(Place.SCHEDULED.key(name), 0, 0, withscores=True)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    first, due = ([_or_empty(each) for each in half] for half in (answers[::2], answers[1::2]))
    with connection.pipeline(transaction=False) as pipeline:
        for raw_id in first:
            pipeline.hget(_JOB_PREFIX + (raw_id or b""), "enqueued_at")
        enqueued = pipeline.execute(raise_on_error=False)
    now = datetime.now(UTC).timestamp()
    return {
        name: _longest(now, as_moment(text), *(score for _, score in scheduled))
        for name, text, scheduled in zip(names, enqueued, due, strict=True)
    }


def _longest(now: float, *moments: float | None) -> float | None:
    """The seconds since the earliest of these moments that has passed."""
    return max((now - each for each in moments if each is not None and each <= now), default=None)


def _or_empty(answer: Any) -> Any:
    """What a place answered; nothing where it is of another type than it should be."""
    return b"" if isinstance(answer, redis.ResponseError) else answer


def _work_status(need: ledger.Need, counts: Counter[State]) -> WorkStatus:
    return WorkStatus(
        kind=need.kind.value,
        entity_type=need.entity_type.value,
        done=counts[State.DONE],
        none=counts[State.NONE],
        failed=counts[State.FAILED] + counts[State.QUARANTINED],
        waiting=counts[State.WAITING],
        cancelled=counts[State.CANCELLED],
        to_do=counts[State.TODO] + counts[State.LEASED],
    )


_NOTHING = JobTotal(0, 0, 0.0)


def make_health_report() -> bool:
    """Write the report of today, or replace it; return whether it changed."""
    today = datetime.now().astimezone().date()
    counts = job_counts(dispatch.connection())
    job_totals = {name: JobTotal(*count[:3]) for name, count in counts.items()}
    days = _queue_days(job_totals, fleet_history.totals_before(today))
    return fleet_history.record_report(today, days, job_totals)


def _queue_days(totals: dict[str, JobTotal], before: dict[str, JobTotal]) -> list[QueueDay]:
    topology = dispatch.topology()
    since: dict[str, JobTotal] = defaultdict(lambda: _NOTHING)
    for name, total in totals.items():
        if name in topology.routes:
            queue = topology.routes[name]
            since[queue] = _sum(since[queue], _since(total, before.get(name)))
    return [
        QueueDay(each.name, *since[each.name], each.waiting, each.oldest)
        for each in queue_statuses(list(topology.queues))
    ]


def _sum(one: JobTotal, other: JobTotal) -> JobTotal:
    return JobTotal(one.done + other.done, one.failed + other.failed, one.seconds + other.seconds)


def _since(total: JobTotal, before: JobTotal | None) -> JobTotal:
    """The difference; all of it when Redis was emptied in between."""
    if before is None or total.done < before.done or total.failed < before.failed:
        return total
    return JobTotal(
        total.done - before.done, total.failed - before.failed, total.seconds - before.seconds
    )
