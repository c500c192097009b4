"""The hosts that work for the fleet: what each runs, and which folders of music it has.

The recovery of each host says so every few seconds, where Redis is one that hosts can share. A job
that reads files carries the library roots that they are in (`worker.dispatch.places`), and a worker
takes it only where its host has all of them.

Redis keys:
    fleet:hosts     hash HOST -> JSON of its name, the programs and parts that it runs, its place
    fleet:sees:ID   set of the library roots that the host has; none where nobody asks for it
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import redis

from db import settings
from db.settings import identity
from worker.redis import is_embedded, rq_keys
from worker.redis.entries import ids, utf8
from worker.redis.holders import this_place
from worker.topology import Host, Topology

_HOSTS = settings.redis_key("fleet:hosts")
_SEES = settings.redis_key("fleet:sees:")

_SAMPLE = 1_000

SEES = """
-- Whether a host has all library roots of a job's files; `sees` is its key, or empty for any job.
local function is_seen(sees, job)
    if sees == '' then return true end
    local meta = redis.pcall('HGET', job, 'meta')
    if type(meta) ~= 'string' or not string.find(meta, '"roots"', 1, true) then return true end
    local sound, found = pcall(cjson.decode, meta)
    local roots = sound and type(found) == 'table' and found.roots
    if type(roots) ~= 'table' or redis.call('EXISTS', sees) == 0 then return true end
    for _, root in ipairs(roots) do
        if redis.pcall('SISMEMBER', sees, tostring(root)) == 0 then return false end
    end
    return true
end
-- The place in a queue of the first job that a host may take, from 0, and the job; nothing where
-- there is none, and then whether there are others.
local function first_seen(sees, queue, prefix)
    if sees == '' then
        local id = redis.call('LINDEX', queue, 0)
        return id and 0, id
    end
    for start = 0, 9900, 100 do
        local ids = redis.call('LRANGE', queue, start, start + 99)
        for i, id in ipairs(ids) do
            if is_seen(sees, prefix .. 'job:' .. id) then return start + i - 1, id end
        end
        if #ids < 100 then return false, start + #ids > 0 end
    end
    return false, true
end
"""
"""What scripts share that choose a job for this host."""


class HostState(NamedTuple):
    """A host that works for the fleet."""

    id: str
    """Of its data folder, which its workers are named by."""
    name: str
    programs: list[str]
    place: str
    roots: list[str] | None
    """The library roots that it has; None: it was not asked, and is taken to have all."""


def sees_key() -> str:
    """The key of the roots that this host has; empty where no other host can be."""
    return "" if is_embedded() else f"{_SEES}{identity().host}"


def publish(connection: redis.Redis, host: Host, roots: Iterable[str] | None) -> None:
    """Say what this host runs, and which roots it has; None: nobody asks for it."""
    entry = {"name": host.name, "programs": host.programs, "place": this_place()}
    has = sorted(roots or ())
    with connection.pipeline() as pipeline:
        pipeline.hset(_HOSTS, identity().host, json.dumps(entry))
        pipeline.delete(sees_key())
        if roots is not None:
            # A set of none would be no key, and so all roots.
            pipeline.sadd(sees_key(), "", *has)
        pipeline.execute()


def forget_host(connection: redis.Redis, place: str) -> None:
    """Drop what the host of a place said, which has ended or is silent."""
    host = place.partition("/")[0]
    said = next((each for each in hosts(connection) if each.id == host), None)
    if said is not None and said.place == place:  # and not its successor in the same data folder
        connection.hdel(_HOSTS, host)
        connection.delete(f"{_SEES}{host}")


def hosts(connection: redis.Redis) -> list[HostState]:
    """Every host that works for the fleet, by name; none where there can be only one."""
    if is_embedded():
        return []
    entries: dict[bytes, bytes] = connection.hgetall(_HOSTS)  # type: ignore[assignment]
    known = {}
    for host, entry in entries.items():
        try:
            said = json.loads(entry)
            programs = list(map(str, said["programs"]))
            known[host.decode("ascii")] = str(said["name"]), programs, str(said["place"])
        except (ValueError, TypeError, LookupError, RecursionError):
            continue  # its recovery writes it again
    with connection.pipeline(transaction=False) as pipeline:
        for name in known:
            pipeline.smembers(f"{_SEES}{name}")
        seen = pipeline.execute(raise_on_error=False)
    found = [
        HostState(host, *said, sorted(filter(None, utf8(roots))) if roots else None)
        for (host, said), roots in zip(known.items(), seen, strict=True)
        if not isinstance(roots, Exception)
    ]
    return sorted(found, key=lambda each: (each.name, each.id))


def are_several(connection: redis.Redis, topology: Topology) -> bool:
    """Whether hosts share the work, so that not each may have all folders of music."""
    if is_embedded():
        return False
    return bool(topology.hosts) or connection.hlen(_HOSTS) > 1


def places_of_waiting(connection: redis.Redis, queue: str) -> Counter[tuple[str, ...]]:
    """How many of the first jobs that wait in a queue need which library roots."""
    entries: list[bytes] = connection.lrange(rq_keys.QUEUE + queue, 0, _SAMPLE - 1)  # type: ignore[assignment]
    with connection.pipeline(transaction=False) as pipeline:
        for job_id in ids(entries):
            pipeline.hget(rq_keys.JOB + job_id, "meta")
        metas = pipeline.execute(raise_on_error=False)
    found: Counter[tuple[str, ...]] = Counter()
    for meta in metas:
        try:
            roots = json.loads(meta or b"{}")["roots"]
            found[tuple(map(str, roots))] += 1
        except (ValueError, TypeError, LookupError, RecursionError):
            continue
    return found


def run_elsewhere(connection: redis.Redis) -> set[str]:
    """The programs and parts that other hosts run."""
    others = (each for each in hosts(connection) if each.id != identity().host)
    return {name for each in others for name in each.programs}
