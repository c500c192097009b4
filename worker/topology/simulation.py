"""How long a library takes on so many hosts: a discrete simulation of what queues.toml declares.

A job is its CPU seconds, on one core of a host whose processes share its cores by their `nice`, and
then the seconds that it waits for a server on the web. A job of the next stage is there when its
part of those of the stage before is done; what needs the whole library begins after the last. Of
each kind there are at most `_PIECES` pieces, each as long as the jobs that it stands for: so a
hundred million tracks take as long to simulate as ten thousand.

Left out is what no time of a job shows: slow disks, the single writer of SQLite, the network.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil, inf
from typing import NamedTuple

from worker.topology import Topology

_PIECES = 200
_OVERHEAD = 0.002
"""CPU seconds that RQ takes for a job beside what the job itself does (`python -m bench queue`)."""
_MOVED_AFTER = 60.0
"""Seconds until worker rebalancing has given a program with a backlog the most processes."""
_JOB_BYTES = 1_500
"""Of a job in Redis beside its arguments."""


class _Flow(NamedTuple):
    """Which job comes after which; `whole`: after all of them; `alone`: one at a time."""

    job: str
    after: str = ""
    whole: bool = False
    alone: bool = False
    records: bool = False
    """Whether its arguments hold the records of its tracks."""


_INSERTED = "insert.direct_batch"
_ANALYSED, _VECTORS = "audio_analysis.analyze_batch", "vectorization.batch"
_FLOWS = (
    _Flow("scan.discovery", alone=True),
    _Flow("metadata.extract_batch", "scan.discovery"),
    _Flow("batch.process_entities", "metadata.extract_batch", records=True),
    _Flow(_INSERTED, "batch.process_entities", records=True),
    _Flow("covers.extract_embedded", _INSERTED),
    _Flow("covers.process_track_covers_batch", _INSERTED),
    _Flow("covers.process_album_covers", _INSERTED),
    _Flow("covers.extract_artist_images", _INSERTED),
    _Flow("covers.process_artist_images_batch", _INSERTED),
    _Flow("covers.fetch_album_covers", _INSERTED),
    _Flow("covers.fetch_artist_images", _INSERTED),
    _Flow("worker_deferred_enrichment.process_enrichment_batch", _INSERTED),
    _Flow(_ANALYSED, _INSERTED),
    _Flow("vectorization.train", _ANALYSED, whole=True, alone=True),
    _Flow(_VECTORS, _ANALYSED),
    _Flow("vectorization.batch_albums", _VECTORS, whole=True),
    _Flow("vectorization.batch_artists", _VECTORS, whole=True),
    _Flow("gmm.refresh_stale_clusters", _VECTORS, whole=True, alone=True),
    _Flow("gmm.train_model", _VECTORS, whole=True, alone=True),
)


class JobTimes(NamedTuple):
    """How many jobs of a kind a library took, and what each of them did."""

    jobs: float
    cpu: float
    """CPU seconds of one job."""
    wait: float = 0.0
    """Seconds that it waits besides, while its process is busy."""


@dataclass(frozen=True)
class Times:
    """What a fleet measured as it took in a library."""

    tracks: int
    jobs: Mapping[str, JobTimes]
    memory: Mapping[str, int]
    """Bytes of a process of each program; `fleet` for supervisord, Redis, recovery, scheduler."""
    rows: float
    """In all tables, for each track; and bytes for each track:"""
    database: float
    images: float
    record: float
    """In Redis, while it is on its way into the database."""


@dataclass(frozen=True)
class Plan:
    """What is to be simulated."""

    tracks: int
    hosts: int | None = None
    """Each of which runs all programs; None for those of queues.toml."""
    cores: int = 2
    """Of each host."""
    processes: Mapping[str, int] = field(default_factory=dict)
    """Of programs on each host, where it is another number than queues.toml has."""
    without: Collection[str] = ()
    """Queues whose jobs are left out."""


class QueueResult(NamedTuple):
    """What became of the jobs of a queue; times are seconds since the beginning."""

    queue: str
    jobs: int
    cpu: float
    begun: float
    ended: float
    waited: float
    """Seconds that its jobs waited for a process, in the mean."""
    backlog: int
    """The most jobs that waited at a time."""


@dataclass(frozen=True)
class Result:
    """What a simulation found."""

    plan: Plan
    seconds: float
    queues: list[QueueResult]
    hosts: int
    busy: float
    """The share of all cores that worked, from 0 to 1."""
    memory: int
    """Bytes of all processes, on all hosts."""
    redis: int
    """Bytes of the jobs that waited, when they were most."""
    rows: int
    database: int
    images: int

    @property
    def slowest(self) -> QueueResult:
        """The queue whose jobs waited longest."""
        return max(self.queues, key=lambda each: each.waited)


class _Piece(NamedTuple):
    kind: "_Kind"
    since: float


@dataclass
class _Kind:
    """The jobs of a name, in pieces."""

    flow: _Flow
    queue: str
    jobs: float
    cpu: float
    wait: float
    size: float
    """Bytes of a job in Redis."""
    pieces: int = 1
    begun: int = 0
    done: int = 0
    emitted: int = 0
    running: int = 0

    @property
    def each(self) -> float:
        """How many jobs a piece stands for."""
        return self.jobs / self.pieces


class _Host:
    """Its cores, and the pieces at work on them: shared as Linux shares them, by weight."""

    def __init__(self, cores: int) -> None:
        self.cores, self.now, self.worked = cores, 0.0, 0.0
        self.left: dict[int, float] = {}
        """CPU seconds that each of its processes at work still has to do."""
        self.weight: dict[int, float] = {}
        self.next = (inf, -1)
        """When which process is through with its work, as things are."""

    def rates(self) -> dict[int, float]:
        """What part of a core each process has: none more than one."""
        rates: dict[int, float] = {}
        left, cores = set(self.left), float(self.cores)
        while left:
            total = sum(self.weight[each] for each in left)
            full = {each for each in left if self.weight[each] * cores >= total}
            if not full:
                return rates | {each: self.weight[each] * cores / total for each in left}
            rates |= dict.fromkeys(full, 1.0)
            left, cores = left - full, cores - len(full)
            if cores <= 0:
                return rates | dict.fromkeys(left, 0.0)
        return rates

    def advance(self, now: float) -> None:
        """Let its processes work until then."""
        for each, rate in self.rates().items():
            self.left[each] -= rate * (now - self.now)
            self.worked += rate * (now - self.now)
        self.now = now

    def look_ahead(self) -> None:
        """Find the next end, after others are at work than before."""
        rates = self.rates().items()
        ends = [(self.now + max(0.0, self.left[each]) / rate, each) for each, rate in rates if rate]
        self.next = min(ends, default=(inf, -1))


class _Process(NamedTuple):
    host: int
    program: str
    is_moved: bool
    """Whether rebalancing moves it here, from a program that has nothing to do by then."""


class _Simulation:
    """One run."""

    def __init__(self, topology: Topology, times: Times, plan: Plan) -> None:
        self.programs = topology.programs
        self.kinds = list(_kinds(topology, times, plan))
        self.hosts = [_Host(plan.cores) for _ in _sites(topology, plan)]
        self.processes = [
            _Process(host, name, slot >= plan.processes.get(name, program.processes))
            for host, programs in enumerate(_sites(topology, plan))
            for name, program in topology.programs.items()
            if name in programs
            for slot in range(plan.processes.get(name, program.most))
        ]
        self.waits: list[tuple[float, int]] = []
        self.idle: dict[str, set[int]] = {name: set() for name in topology.programs}
        for number, process in enumerate(self.processes):
            if process.is_moved:
                heappush(self.waits, (_MOVED_AFTER, number))
            else:
                self.idle[process.program].add(number)
        self.at: dict[int, _Kind] = {}
        self.waiting: dict[str, deque[_Piece]] = defaultdict(deque)
        self.now = 0.0
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.waited = defaultdict[str, float](float)
        self.jobs, self.backlog = defaultdict[str, float](float), defaultdict[str, float](float)
        self.bytes = self.most_bytes = 0.0

    def run(self) -> None:
        """Run until all is done."""
        for kind in self.kinds:
            if not any(each.flow.job == kind.flow.after for each in self.kinds):
                self._emit(kind, kind.pieces)
        self._assign()
        while self.at:
            self._step()
            self._assign()

    def _step(self) -> None:
        """Go on to the next end: of a process's work, or of its waiting."""
        host = min(self.hosts, key=lambda each: each.next)
        at, number = host.next
        if self.waits and self.waits[0][0] <= at:
            self.now, number = heappop(self.waits)
            self._end(number)
            return
        self.now = at
        host.advance(at)
        del host.left[number]
        host.look_ahead()
        kind = self.at[number]
        if kind.wait:
            heappush(self.waits, (at + kind.wait * kind.each, number))
        else:
            self._end(number)

    def _end(self, number: int) -> None:
        kind = self.at.pop(number, None)
        self.idle[self.processes[number].program].add(number)
        if kind is None:  # it was moved here just now
            return
        kind.done += 1
        kind.running -= 1
        self.ended[kind.queue] = self.now
        for each in self.kinds:
            if each.flow.after == kind.flow.job:
                share = kind.done / kind.pieces
                so_far = int(share) if each.flow.whole else share
                self._emit(each, int(each.pieces * so_far) - each.emitted)

    def _emit(self, kind: _Kind, pieces: int) -> None:
        kind.emitted += pieces
        self.waiting[kind.queue].extend(_Piece(kind, self.now) for _ in range(pieces))
        self._wait(kind, pieces)
        self.backlog[kind.queue] = max(self.backlog[kind.queue], self.jobs[kind.queue])
        self.most_bytes = max(self.most_bytes, self.bytes)

    def _wait(self, kind: _Kind, pieces: int) -> None:
        self.jobs[kind.queue] += pieces * kind.each
        self.bytes += pieces * kind.each * kind.size

    def _assign(self) -> None:
        """Give idle processes what waits, on the host with the least work first."""
        for name, idle in self.idle.items():
            while idle and (piece := self._take(name)):
                hosts = ((len(self.hosts[self.processes[each].host].left), each) for each in idle)
                self._begin(min(hosts)[1], piece)

    def _take(self, program: str) -> _Piece | None:
        for queue in self.programs[program].queues:
            for place, piece in enumerate(self.waiting[queue]):
                if not (piece.kind.flow.alone and piece.kind.running):
                    del self.waiting[queue][place]
                    return piece
                break
        return None

    def _begin(self, number: int, piece: _Piece) -> None:
        kind, process = piece.kind, self.processes[number]
        host = self.hosts[process.host]
        host.advance(self.now)
        host.left[number] = (kind.cpu + _OVERHEAD) * kind.each
        host.weight[number] = 1.25 ** -self.programs[process.program].nice
        host.look_ahead()
        self.at[number] = kind
        self.idle[process.program].discard(number)
        kind.running += 1
        self.begun.setdefault(kind.queue, self.now)
        self.waited[kind.queue] += (self.now - piece.since) * kind.each
        self._wait(kind, -1)


def _sites(topology: Topology, plan: Plan) -> list[Collection[str]]:
    """The programs of each host: those that queues.toml gives it, or all of them."""
    if plan.hosts is None and topology.hosts:
        return [each.programs for each in topology.hosts.values()]
    return [topology.programs] * (plan.hosts or 1)


def _kinds(topology: Topology, times: Times, plan: Plan) -> Iterator[_Kind]:
    scale = plan.tracks / times.tracks
    for flow in _FLOWS:
        queue, found = topology.routes.get(flow.job, ""), times.jobs.get(flow.job)
        if not queue or queue in plan.without or not found or not found.jobs:
            continue
        # Of what runs alone there is one job, which takes longer for a larger library.
        jobs, longer = (found.jobs, scale) if flow.alone else (max(1, found.jobs * scale), 1.0)
        record = times.record * plan.tracks / jobs if flow.records else 0.0
        pieces = _PIECES if flow.job == "scan.discovery" else min(_PIECES, ceil(jobs))
        size = _JOB_BYTES + record
        yield _Kind(flow, queue, jobs, found.cpu * longer, found.wait * longer, size, pieces)


def simulate(topology: Topology, times: Times, plan: Plan) -> Result:
    """Let the jobs of a library pass through the queues."""
    run = _Simulation(topology, times, plan)
    run.run()
    count = Counter(each.program for each in run.processes if not each.is_moved)
    light = min(times.memory.values(), default=0)
    memory = sum(times.memory.get(name, light) * number for name, number in count.items())
    queues = []
    for name in topology.queues:
        if kinds := [each for each in run.kinds if each.queue == name]:
            jobs = sum(each.jobs for each in kinds)
            cpu = sum((each.cpu + _OVERHEAD) * each.jobs for each in kinds)
            span = run.begun.get(name, 0.0), run.ended.get(name, 0.0)
            waited = run.waited[name] / jobs
            queues.append(
                QueueResult(name, round(jobs), cpu, *span, waited, ceil(run.backlog[name]))
            )
    return Result(
        plan,
        run.now,
        sorted(queues, key=lambda each: each.begun),
        len(run.hosts),
        sum(each.worked for each in run.hosts) / (len(run.hosts) * plan.cores * run.now or 1),
        memory + times.memory.get("fleet", 0) * len(run.hosts),
        round(run.most_bytes),
        round(times.rows * plan.tracks),
        round(times.database * plan.tracks),
        round(times.images * plan.tracks),
    )
