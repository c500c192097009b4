"""Taking jobs out of one queue and into the queues that their names are routed to today."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from rq import Queue as RQQueue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text

from worker import dispatch
from worker.errors import TamperedJobError
from worker.phrases import counted
from worker.process.fleet_job import FleetJob
from worker.queues.contents import WINDOW, Place
from worker.redis.entries import NO_ID, as_id, as_shown
from worker.topology import Queue

_ANSWER_BYTES = 8 * dispatch.MAX_JOB_BYTES
_SHOWN_IDS = 20
_LARGEST_PAYLOAD = 2 * dispatch.MAX_JOB_BYTES
"""In Redis a payload is compressed, and what that makes longer is not worth more than this."""

_READ = """
-- KEYS: a place. ARGV: its command, the first position, the most jobs (or IDS and the ids,
-- as JSON), the prefix of job keys, the most bytes of a payload, the bytes after which the answer
-- ends
local function read(key)
    if redis.call('TYPE', key).ok ~= 'hash' then return {}, 0 end
    local size = redis.call('HSTRLEN', key, 'data')
    if size > tonumber(ARGV[5]) then return false, 0 end
    return redis.call('HMGET', key, 'data', 'status'), size
end
local jobs, total = {}, 0
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= (ARGV[1] == 'LRANGE' and 'list' or 'zset') then return jobs end
local ids = ARGV[1] == 'IDS' and cjson.decode(ARGV[2])
    or redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[2] + ARGV[3] - 1)
for i, id in ipairs(ids) do
    local fields, size = read(ARGV[4] .. id)
    jobs[i] = {id, fields}
    total = total + size
    if total > tonumber(ARGV[6]) then break end
end
return jobs
"""


class Entry(NamedTuple):
    """A job as its place names it: what it calls, and its status.

    `job` is None when that cannot be read, and `fault` says why.
    """

    job_id: str
    job: FleetJob | None
    fault: str = ""


def _read(queue: str, place: Place, first: int) -> list[Entry]:
    """The jobs from position `first` on, as many as fit in one step; none at the end."""
    command = "LRANGE" if place is Place.WAITING else "ZRANGE"
    return _answer(place.key(queue), command, first)


def _read_ids(queue: str, place: Place, job_ids: Sequence[str]) -> list[Entry]:
    """The same of these jobs, of which the place may have lost some."""
    return _answer(place.key(queue), "IDS", json.dumps(list(job_ids)))


def _answer(key: str, command: str, where: int | str) -> list[Entry]:
    prefix = Job.redis_job_namespace_prefix
    arguments = [command, where, WINDOW, prefix, _LARGEST_PAYLOAD, _ANSWER_BYTES]
    answer: Any = dispatch.connection().register_script(_READ)(keys=[key], args=arguments)
    return [_entry(raw_id, fields) for raw_id, fields in answer]


def _entry(raw_id: bytes, fields: Sequence[bytes | None] | None) -> Entry:
    job_id = as_id(raw_id)
    if job_id is None:
        return Entry(as_shown(raw_id), None, NO_ID)
    job = FleetJob(job_id, connection=dispatch.connection(), serializer=JSONSerializer)
    if fields is None:
        return Entry(job_id, None, "it is larger than a job may be")
    if not fields:
        return Entry(job_id, None, "its data is gone")
    data, status = fields
    if data is None:
        return Entry(job_id, None, "it calls nothing")
    try:
        job.restore({b"data": data, b"status": status or b""})
    except TamperedJobError as error:
        return Entry(job_id, None, str(error).partition(" — ")[0])
    return Entry(job_id, job)


_TRANSFER = """
-- KEYS: the place where the jobs are, RQ's set of queues. ARGV: the plan, as JSON:
-- first, size: the window; jobs: [id, number of its target]; prefix: of job keys;
-- targets: queue (key), place (key), is_list, fields to set [name, value, …], fields to drop;
-- persist: whether the jobs were to expire
local plan = cjson.decode(ARGV[1])
local position, gone, moved = {}, '', {}
local from_list = redis.call('TYPE', KEYS[1]).ok == 'list'
if from_list then
    local window = redis.call('LRANGE', KEYS[1], plan.first, plan.first + plan.size - 1)
    for i, id in ipairs(window) do position[id] = plan.first + i - 1 end
end
for _, target in ipairs(plan.targets) do
    redis.call(target.is_list and 'LLEN' or 'ZCARD', target.place)  -- fails before any change
    redis.call('SADD', KEYS[2], target.queue)
end
for _, job in ipairs(plan.jobs) do
    local id, target, key = job[1], plan.targets[job[2] + 1], plan.prefix .. job[1]
    local score = not from_list and redis.call('ZSCORE', KEYS[1], id)
    if (position[id] or score) and redis.call('TYPE', key).ok == 'hash' then
        redis.call('HSET', key, unpack(target.set))
        if #target.drop > 0 then redis.call('HDEL', key, unpack(target.drop)) end
        if plan.persist then redis.call('PERSIST', key) end
        if target.is_list then
            redis.call('RPUSH', target.place, id)
        else
            redis.call('ZADD', target.place, score, id)
        end
        if from_list then
            redis.call('LSET', KEYS[1], position[id], gone)
        else
            redis.call('ZREM', KEYS[1], id)
        end
        moved[#moved + 1] = id
    end
end
if #moved > 0 and from_list then redis.call('LREM', KEYS[1], #moved, gone) end
return moved
"""
"""Marking and then dropping the marks: dropping each id by itself would search the list each time.

No job has the mark, the empty text, for its id.
"""


class Route(NamedTuple):
    """A job's name, and the queue that takes it today; None when no queue does."""

    job: str
    queue: str | None


@dataclass
class Outcome:
    """What was done with the jobs of a queue, or what a dry run says would be."""

    done: Counter[Route] = field(default_factory=Counter)
    """How many went where."""
    kept: Counter[Route] = field(default_factory=Counter)
    """How many stay, and where they are routed instead."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """The ids of those that stay because they cannot be read, each with the reason."""

    @property
    def is_clean(self) -> bool:
        """Whether no job had to stay."""
        return not self.kept and not self.unreadable

    def lines(self, source: str, remedy: str) -> list[str]:
        """For people: which jobs of the queue `source` went where, why others stay."""
        lines = [f"  {count:,} {route.job} to {route.queue}" for route, count in self.done.items()]
        if self.kept:
            lines.append(f"{counted(self.kept.total(), 'job stays', 'jobs stay')}:")
        for route, count in self.kept.items():
            away = f"`fleet queue move {source} {route.queue}` takes it where it goes today"
            lines.append(
                f"  {count:,} {route.job} — {away if route.queue else 'no queue takes it'}"
            )
        if self.unreadable:
            lines.append(f"{counted(len(self.unreadable), 'job')} cannot be read:")
        for job_id, fault in islice(self.unreadable.items(), _SHOWN_IDS):
            lines.append(f"  {job_id[:80]!r} — {fault}")
        if len(self.unreadable) > _SHOWN_IDS:
            lines.append(f"  … and {len(self.unreadable) - _SHOWN_IDS:,} more")
        return lines if self.is_clean else [*lines, f"({remedy})"]


class Change(NamedTuple):
    """What changes in the hash of a job: fields set and fields dropped."""

    set: dict[str, str]
    drop: list[str]


class Transfer(NamedTuple):
    """A way for the jobs of the queue `source`."""

    source: str
    places: Mapping[Place, Place]
    """From which place into which."""
    wanted: Callable[[Queue], bool]
    """Whether a job that is routed to this queue is to go there."""
    change: Callable[[Queue], Change]
    fault: Callable[[Entry], str] = lambda entry: entry.fault
    """Why a job must stay whatever its name is; empty when it need not."""
    persist: bool = False
    """Whether the jobs were to expire, and now are not."""
    before: Callable[[Sequence[FleetJob]], object] = lambda _: None
    """What is done with jobs before they go."""

    def run(self, *, dry_run: bool) -> Outcome:
        """Let every job go that may; each place in its order."""
        outcome = Outcome()
        for place in self.places:
            seen = self._pass(place, dry_run)
            while seen.done and not dry_run:  # a queue at work may have shifted under the pass
                outcome.done += seen.done
                seen = self._pass(place, dry_run)
            outcome.done += seen.done
            outcome.kept += seen.kept
            outcome.unreadable |= seen.unreadable
        return outcome

    def run_among(self, place: Place, job_ids: Sequence[str]) -> Outcome:
        """Let those of these jobs go that may. The place sorts its jobs."""
        outcome, left = Outcome(), list(job_ids)
        while left:
            entries = _read_ids(self.source, place, left[:WINDOW])
            left = left[max(len(entries), 1) :]
            gone = self._let_go(place, 0, entries, self._sorted(entries, outcome))
            outcome.done.update(Route(job, queue.name) for job, queue in gone.values())
        return outcome

    def _pass(self, place: Place, dry_run: bool) -> Outcome:
        """Go through a place once, from its front to its end."""
        seen, first = Outcome(), 0
        while entries := _read(self.source, place, first):
            going = self._sorted(entries, seen)
            if not dry_run:
                going = self._let_go(place, first, entries, going)
            first += len(entries) - (0 if dry_run else len(going))
            seen.done.update(Route(job, queue.name) for job, queue in going.values())
        return seen

    def _sorted(self, entries: Sequence[Entry], seen: Outcome) -> dict[str, tuple[str, Queue]]:
        """The jobs that may go, by id, with name and queue; `seen` reports the others."""
        topology, going = dispatch.topology(), {}
        for entry in entries:
            fault = self.fault(entry)
            if fault or entry.job is None:
                seen.unreadable[entry.job_id] = fault
                continue
            name = entry.job.job_name
            queue = topology.queues.get(topology.routes.get(name, ""))
            if queue is not None and self.wanted(queue):
                going[entry.job_id] = name, queue
            else:
                shown = name or str(entry.job.func_name)
                seen.kept[Route(shown, queue.name if queue else None)] += 1
        return going

    def _let_go(
        self,
        place: Place,
        first: int,
        entries: Sequence[Entry],
        going: dict[str, tuple[str, Queue]],
    ) -> dict[str, tuple[str, Queue]]:
        """Do what is to be done before, and let these jobs of a window go."""
        self.before([each.job for each in entries if each.job and each.job_id in going])
        return self._go(place, first, len(entries), going)

    def _go(
        self, place: Place, first: int, size: int, going: dict[str, tuple[str, Queue]]
    ) -> dict[str, tuple[str, Queue]]:
        """Let these jobs of a window go, all in one step; those that were still there."""
        if not going:
            return {}
        queues = {queue.name: queue for _, queue in going.values()}
        numbers = {name: number for number, name in enumerate(queues)}
        plan = {
            "first": first,
            "size": size,
            "prefix": Job.redis_job_namespace_prefix,
            "persist": self.persist,
            "targets": [self._target(queue, self.places[place]) for queue in queues.values()],
            "jobs": [[job_id, numbers[queue.name]] for job_id, (_, queue) in going.items()],
        }
        keys = [place.key(self.source), RQQueue.redis_queues_keys]
        script = dispatch.connection().register_script(_TRANSFER)
        moved: Any = script(keys=keys, args=[json.dumps(plan)])
        return {job_id: going[job_id] for job_id in map(as_text, moved)}

    def _target(self, queue: Queue, place: Place) -> dict[str, object]:
        change = self.change(queue)
        return {
            "queue": Place.WAITING.key(queue.name),
            "place": place.key(queue.name),
            "is_list": place is Place.WAITING,
            "set": [text for pair in change.set.items() for text in pair],
            "drop": change.drop,
        }


def terms(queue: Queue) -> Change:
    """What a job takes over from the queue that it is put in, as `dispatch.enqueue` sets it."""
    fields = {
        "origin": queue.name,
        "timeout": str(queue.timeout),
        "result_ttl": str(queue.keep),
    }
    retries = {
        "retries_left": str(queue.retries),
        "retry_intervals": json.dumps(queue.waits()),
    }
    if queue.retries:
        return Change(fields | retries, [])
    return Change(fields, list(retries))
