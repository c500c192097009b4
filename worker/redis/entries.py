"""What stands in Redis may be anybody's: it is checked before it is used, or set aside.

Redis keys:
    fleet:aside:KEY   what stood at KEY and is of another type than belongs there; kept for a month
"""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import redis

from db import settings
from db.sql.path_text import visible
from db.sql.queries import slices
from worker.redis import rq_keys

ASIDE = settings.redis_key("fleet:aside:")
KEPT_SECONDS = 30 * 24 * 3600
_ID = re.compile(rb"[A-Za-z0-9_-]{1,200}")
PACKAGE = "jobs."
"""What the name of a job's function begins with, before the name of the job."""
_CALLS_AT_ONCE = 500
NO_ID = "that is no id of a job"
_SHOWN = 120
_TYPES_OF_QUEUE = {
    "queue:{}": "list",
    "wip:{}": "zset",
    "scheduled:{}": "zset",
    "deferred:{}": "zset",
    "ready:{}": "zset",
    "failed:{}": "zset",
    "finished:{}": "zset",
    "canceled:{}": "zset",
    "workers:{}": "set",
}
_WAITING = ("scheduled", "deferred", "ready")
_TYPES = {
    f"{rq_keys.PREFIX}:queues": "set",
    f"{rq_keys.PREFIX}:workers": "set",
    f"{rq_keys.PREFIX}:cron_schedulers": "zset",
    settings.redis_key("fleet:holders"): "hash",
    settings.redis_key("fleet:places"): "hash",
    settings.redis_key("fleet:paused"): "set",
    settings.redis_key("fleet:recovered"): "hash",
    settings.redis_key("fleet:recoveries"): "list",
    settings.redis_key("fleet:done"): "hash",
    settings.redis_key("fleet:failed"): "hash",
    settings.redis_key("fleet:seconds"): "hash",
}

_WRONG = """
-- KEYS: keys. ARGV: what is put before a key that is set aside, or "" to change nothing; for how
-- many seconds it is kept; the type that belongs at each key
local found = {}
for i, key in ipairs(KEYS) do
    local type = redis.call('TYPE', key).ok
    if type ~= 'none' and type ~= ARGV[i + 2] then
        found[#found + 1] = key
        if ARGV[1] ~= '' then
            redis.call('RENAME', key, ARGV[1] .. key)
            redis.call('EXPIRE', ARGV[1] .. key, ARGV[2])
        end
    end
end
return found
"""


def as_id(raw: bytes | str) -> str | None:
    """The id of a job as an entry of Redis has it; None for what can be none."""
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    return data.decode("ascii") if _ID.fullmatch(data) else None


def ids(entries: Iterable[bytes | str]) -> list[str]:
    """Those of these entries that are ids of jobs."""
    return [job_id for job_id in map(as_id, entries) if job_id is not None]


def utf8(entries: Iterable[bytes | str]) -> list[str]:
    """Those of these names that are UTF-8: the fleet has given no others."""
    found = []
    for entry in entries:
        with suppress(UnicodeDecodeError):
            found.append(entry.decode() if isinstance(entry, bytes) else entry)
    return found


def as_shown(raw: bytes | str, most: int = _SHOWN) -> str:
    """Any text of Redis in a line of its own, whatever its bytes are, and no longer than a line."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return visible(text[:most]) + ("…" if len(text) > most else "")


def as_number(raw: bytes | None) -> float:
    """A counter; 0 for what is no number."""
    try:
        number = float(raw or 0)
    except ValueError:
        return 0.0
    return number if abs(number) < 2**53 else 0.0


def as_moment(raw: object) -> float | None:
    """A time as RQ writes it, in seconds since 1970; None for what it has not written."""
    try:
        if not isinstance(raw, bytes):
            return None
        return datetime.strptime(raw.decode(), rq_keys.TIME).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def wrong_keys(
    connection: redis.Redis,
    queue_names: Iterable[str],
    *,
    more: Mapping[str, str] | None = None,
    set_aside: bool = False,
) -> list[str]:
    """The keys of the fleet that are of another type than belongs there, and may be set aside.

    `more` are other keys with their types. Whoever uses a wrong one fails. Set aside, it has
    another name, and what the fleet had there the database knows.
    """
    types = (
        _TYPES
        | dict(more or {})
        | {
            f"{rq_keys.PREFIX}:{template.format(name)}": type_
            for name in queue_names
            for template, type_ in _TYPES_OF_QUEUE.items()
        }
    )
    script = connection.register_script(_WRONG)
    found: Any = script(
        keys=list(types), args=[ASIDE if set_aside else "", KEPT_SECONDS, *types.values()]
    )
    return [as_shown(key) for key in found]


_NO_IDS = """
-- KEYS: places of a queue. ARGV: for each what its entries look like; 1 to remove what does not
local found = {}
for i, key in ipairs(KEYS) do
    local type = redis.call('TYPE', key).ok
    local entries = {}
    if type == 'list' then entries = redis.call('LRANGE', key, 0, -1) end
    if type == 'zset' then entries = redis.call('ZRANGE', key, 0, -1) end
    for _, entry in ipairs(entries) do
        if #entry > 400 or not string.find(entry, ARGV[i]) then
            found[#found + 1] = entry
            if ARGV[#ARGV] == '1' then
                if type == 'list' then redis.call('LREM', key, 1, entry) end
                if type == 'zset' then redis.call('ZREM', key, entry) end
            end
        end
    end
end
return found
"""


def no_ids(connection: redis.Redis, queue_name: str, *, remove: bool = False) -> list[bytes]:
    """What stands in the places of a queue and is no id of a job."""
    templates = [each for each, type_ in _TYPES_OF_QUEUE.items() if type_ != "set"]
    looks = ["^[%w_-]+:[%w_-]+$" if each.startswith("wip") else "^[%w_-]+$" for each in templates]
    script = connection.register_script(_NO_IDS)
    found: list[bytes] = script(
        keys=[f"{rq_keys.PREFIX}:{each.format(queue_name)}" for each in templates],
        args=[*looks, int(remove)],
    )
    return found


def waiting_entries(connection: redis.Redis, queue_name: str, most: int) -> list[bytes]:
    """The first entries of a queue, and of those that wait for a time or for other jobs."""
    with connection.pipeline(transaction=False) as pipeline:
        pipeline.lrange(f"{rq_keys.PREFIX}:queue:{queue_name}", 0, most - 1)
        for place in _WAITING:
            pipeline.zrange(f"{rq_keys.PREFIX}:{place}:{queue_name}", 0, most - 1)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    return [entry for answer in answers if isinstance(answer, list) for entry in answer]


def remove_waiting(connection: redis.Redis, queue_name: str, job_id: str) -> None:
    """Take a job out of a queue, wherever it waits there."""
    with connection.pipeline() as pipeline:
        pipeline.lrem(f"{rq_keys.PREFIX}:queue:{queue_name}", 0, job_id)
        for place in _WAITING:
            pipeline.zrem(f"{rq_keys.PREFIX}:{place}:{queue_name}", job_id)
        pipeline.execute(raise_on_error=False)


_LONGEST_READ = 4096
"""Bytes of a call that is read whole: longer ones carry the records of a chunk's tracks."""
_READ_CALLS = """
-- KEYS: jobs. ARGV: the most bytes of a call that is read though the description names a chunk
local calls = {}
for i, key in ipairs(KEYS) do
    calls[i] = false
    if redis.call('TYPE', key).ok == 'hash' then
        local description = redis.call('HGET', key, 'description') or ''
        if redis.call('HSTRLEN', key, 'data') <= tonumber(ARGV[1])
            or not string.find(description, '^[%w_.]+%(chunk_id=%d+,') then
            calls[i] = redis.call('HGET', key, 'data')
        else
            calls[i] = description
        end
    end
end
return calls
"""
_OF_CHUNK = re.compile(rb"([\w.]+)\(chunk_id=(\d{1,18}),")


def calls(
    connection: redis.Redis, job_ids: Sequence[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The id, the job and the arguments of each of these that is there.

    Of one that carries records, the argument is the chunk that they are of. The job is "" where the
    call cannot be read.
    """
    script = connection.register_script(_READ_CALLS)
    for part in slices(job_ids, _CALLS_AT_ONCE):
        keys = [f"{rq_keys.JOB}{each}" for each in part]
        answers: Any = script(keys=keys, args=[_LONGEST_READ])
        for job_id, call in zip(part, answers, strict=True):
            if call is None:
                continue
            if found := _OF_CHUNK.match(call):
                yield job_id, found[1].decode(), {"chunk_id": int(found[2])}
            else:
                yield job_id, *called(call)


def called(call: bytes) -> tuple[str, dict[str, Any]]:
    """The job and the arguments that the payload of a job names; none where it cannot be read."""
    try:
        name, _, _, arguments = json.loads(zlib.decompress(call))
        return str(name).removeprefix(PACKAGE), dict(arguments)
    except (ValueError, TypeError, RecursionError, zlib.error):
        return "", {}
