"""The life of a track, album or artist: what the database, Redis and the logs keep of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import redis

from db import ledger
from db.library import life as kept
from db.library.life import Event
from db.models import EntityType
from worker import dispatch
from worker.errors import BadInputError, RedisUnreachableError
from worker.queues.contents import Listed, ListedJob, Search, matching
from worker.supervisor.logs import Entry, Wanted, newest, processes_of

_MOST_ENTRIES = 500
"""Entries of the logs for it, and as many of the jobs that had it."""
_MOST_JOBS = 100
_MOST_BYTES = 16 * 1024 * 1024
"""How far back in the log of each process."""
_NO_TEXT = "\0"
"""What no job has: only those of the entity are meant."""


def life(entity_type: EntityType, entity_id: int) -> list[Event]:
    """Every job, attempt, decision, fact and problem that is kept of it; undated ones come last.

    Jobs are those that Redis holds, of the queues that such entities are given to; entries are
    those of its jobs in the logs, as far back as these are read. Raises BadInputError when there is
    no such entity.
    """
    if not kept.exists(entity_type, entity_id):
        raise BadInputError(
            f"there is no {entity_type}:{entity_id} — `fleet ls` lists what there is"
        )
    found = kept.events(entity_type, entity_id)
    try:
        found += _jobs(entity_type, entity_id)
    except (redis.RedisError, RedisUnreachableError):
        found.append(Event(None, "job", "Redis does not answer, so its jobs are not shown"))
    return kept.by_time([*found, *_logged(f"{entity_type}:{entity_id}")])


def _jobs(entity_type: EntityType, entity_id: int) -> Iterator[Event]:
    """The jobs in Redis that have it."""
    routes = dispatch.topology().routes
    jobs = {need.job for need in ledger.NEEDS if need.entity_type is entity_type}
    search = Search(_NO_TEXT, {entity_type.value: {entity_id}})
    for queue in sorted({routes[job] for job in jobs if job in routes}):
        for which in Listed:
            for job in matching(queue, which, search):
                yield from _of_job(job, queue, which)


def _of_job(job: ListedJob, queue: str, which: Listed) -> Iterator[Event]:
    text = f"{job.name} in {queue}"
    asked = _moment(job.enqueued)
    yield Event(asked, "job", f"{text} was enqueued" if asked else f"{text} is {which}", job.id)
    if job.ended and which in {Listed.FINISHED, Listed.FAILED, Listed.CANCELLED}:
        why = f": {job.error}" if job.error else ""
        yield Event(_moment(job.ended), "job", f"{text} {which}{why}", job.id)
    elif asked and which in {Listed.WAITING, Listed.RUNNING, Listed.LATER}:
        yield Event(None, "job", f"{text} is {which}", job.id)


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _logged(address: str) -> Iterator[Event]:
    """What was logged for it, and for the jobs whose batches had it."""
    logs = processes_of(())
    own = newest(logs, _MOST_ENTRIES, Wanted(entity=address), _MOST_BYTES)
    jobs = dict.fromkeys(entry.fields.get("job", "") for entry in reversed(own))
    found = [entry for entry in own if not entry.fields.get("job")]
    wanted = ",".join([each for each in jobs if each][:_MOST_JOBS])
    if wanted:
        of_jobs = newest(logs, _MOST_ENTRIES, Wanted(job=wanted), _MOST_BYTES)
        found += [entry for entry in of_jobs if _concerns(entry, address)]
    for entry in found:
        name, attempt = entry.fields.get("name", ""), entry.fields.get("attempt", "1")
        again = f" (attempt {attempt})" if attempt != "1" else ""
        job = entry.fields.get("job", "")
        said = entry.text.removeprefix(f"{name} {job}").lstrip(": ")
        text = " ".join(filter(None, [entry.process, f"{name}{again}", said]))
        yield Event(entry.at, "log", text, job)


def _concerns(entry: Entry, address: str) -> bool:
    """Whether an entry of such a job is of the batch as a whole, or of this one."""
    return not entry.fields.get("entity") or entry.is_of(address)
