"""Single jobs, for people: what one is and how it went, cancelling it, trying it again.

A job that somebody cancels really ends: what it leases or still has to do is `cancelled` in the
ledger first, so that nothing it writes afterwards counts; then it leaves its queue, or the worker
that runs it is commanded to stop it. A job of a scan ends with the scan.
"""

import json
import time
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer

from db import ledger
from db.library import search, tracks
from db.models import Album, Artist, EntityType, Kind, ScanChunk, State, Table, Track
from db.scanning import scans
from db.settings import provider_settings
from db.sql.connection import transaction
from db.sql.path_text import shown
from db.sql.queries import slices, tuples
from worker import dispatch
from worker.errors import BadInputError, TamperedJobError
from worker.process.endings import last_line
from worker.process.fleet_job import FleetJob
from worker.process.requeue import RECOVERIES
from worker.process.unreadable import job_of
from worker.queues import admin
from worker.queues.contents import HELD, Listed, ListedJob, Search, matching
from worker.queues.transfer import Outcome
from worker.redis import rq_keys
from worker.redis.entries import as_moment
from worker.topology import job_says

MOST_ITEMS = 50
"""Entities of a batch that are named."""
MOST_ENTITIES = 200
"""Artists, albums and tracks each whose jobs are found by a name."""
_LONGEST = 4_000
"""Characters that are shown of arguments and results."""
_LONGEST_ERROR = 20_000
_MOST_DEATHS = 1_000
_ENDED = frozenset((JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED))
_LOST = (State.FAILED, State.WAITING, State.QUARANTINED, State.CANCELLED)
"""States in which an attempt leaves a need alone, until it is asked for again."""
_NAMES: dict[EntityType, tuple[type[Table], Any]] = {
    EntityType.TRACK: (Track, Track.title),
    EntityType.ALBUM: (Album, Album.title),
    EntityType.ARTIST: (Artist, Artist.name),
}


class Item(NamedTuple):
    """An entity that a job works on."""

    entity_type: EntityType
    entity_id: int
    name: str


class Attempt(NamedTuple):
    """One attempt of a job, as far as it is kept. Moments have a zone."""

    began: datetime | None
    ended: datetime | None
    worker: str
    outcome: str
    """done, failed, cancelled, running, or what its process died by, such as SIGKILL or timeout."""
    error: str = ""
    """Its traceback; empty when there is none."""

    @property
    def reason(self) -> str:
        """The last line of the error."""
        return last_line(self.error) if self.error else ""


@dataclass(frozen=True)
class JobSheet:
    """All that is known of a job."""

    id: str
    name: str
    says: str
    """What such a job does."""
    queue: str
    state: str
    """As RQ has it: queued, scheduled, deferred, started, finished, failed, stopped, canceled."""
    attempt: int
    deaths: int
    retries_left: int
    enqueued: datetime | None
    arguments: str
    """As JSON, not all of it when it is long."""
    items: Sequence[Item]
    more_items: int
    """How many it has beyond these."""
    scan: int | None
    """The scan that it belongs to."""
    attempts: Sequence[Attempt]
    """The last ones, the latest first."""
    result: str

    @property
    def is_held(self) -> bool:
        """Whether it waits or runs, so that it can be cancelled."""
        return self.state not in _ENDED

    @property
    def is_lost(self) -> bool:
        """Whether it failed or was stopped, so that it can be tried again."""
        return self.state in {JobStatus.FAILED, JobStatus.STOPPED}

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        own = {name: value for name, value in vars(self).items() if name != "attempts"}
        return {
            **own,
            "enqueued": _iso(self.enqueued),
            "items": [each._asdict() for each in self.items],
            "attempts": [
                each._asdict() | {"began": _iso(each.began), "ended": _iso(each.ended)}
                for each in self.attempts
            ],
        }


def sheet(job_id: str) -> JobSheet:
    """What is known of a job. Raises BadInputError when there is none, or it cannot be read."""
    job = _fetched(job_id)
    status = job.get_status(refresh=False)
    items, more = _items(job)
    text = json.dumps(job.kwargs, ensure_ascii=False)
    results = _results(job)
    return JobSheet(
        id=job.id,
        name=job.job_name or str(job.func_name)[:100],
        says=job_says(job.job_name) if job.job_name in dispatch.topology().routes else "",
        queue=job.origin,
        state=status.value if status else "",
        attempt=job.attempt,
        deaths=job.deaths,
        retries_left=job.retries_left or 0,
        enqueued=job.enqueued_at,
        arguments=_cut(text, _LONGEST),
        items=items,
        more_items=more,
        scan=_scan_of(job),
        attempts=_attempts(job, results),
        result=_result(results),
    )


def cancel(job_id: str) -> str:
    """Cancel a job that waits or runs; what became of it, in words.

    Raises BadInputError for one that there is not, or that has ended.
    """
    job = _fetched(job_id)
    if job.get_status(refresh=False) in _ENDED:
        raise BadInputError(f"the job {job.id} has ended already — nothing is left to cancel")
    scan_id = _scan_of(job)
    if scan_id is not None:
        scans.end_early(scan_id)
    for need, ids in _needs(job):
        ledger.cancel(need, ids, job.id)
    if _take_out(job):
        return f"{job.id} was cancelled before it began"
    try:
        send_stop_job_command(job.connection, job.id, JSONSerializer)
    except (InvalidJobOperation, NoSuchJobError):
        return f"{job.id} has ended meanwhile"
    return f"{job.id} is stopped"


def retry(name: str, *, among: Sequence[str] | None = None, dry_run: bool = False) -> Outcome:
    """Put the failed jobs of a queue, or those `among` them, in the queues that take them today.

    The ledger asks for what they left undone first: else they would do nothing. As
    `queues.admin.retry` otherwise.
    """
    return admin.retry(name, dry_run=dry_run, among=among, before=_ask_for)


def ask_the_web(
    entity_type: EntityType,
    entity_id: int,
    kinds: Collection[Kind] = tuple(Kind),
) -> list[str]:
    """Have the providers that are on asked again about an album, artist or track; the ids of jobs.

    Pictures (`Kind.REMOTE`) or facts. What they answered before does not count. Raises
    BadInputError when no provider is on that has any.
    """
    on = {
        Kind.REMOTE: provider_settings.any_on(),
        Kind.ENRICHMENT: provider_settings.any_with_facts(),
    }
    needs = [each for each in ledger.NEEDS if each.entity_type is entity_type]
    needs = [each for each in needs if each.kind in kinds and on.get(each.kind)]
    if not needs:
        raise BadInputError(
            f"no provider is on that says anything of an {entity_type} — turn one on: `fleet "
            "settings set providers musicbrainz,coverartarchive`, then `fleet reload`"
        )
    since = time.time()
    with transaction():
        for need in needs:
            ledger.need(need.kind, entity_type, [entity_id])
    return [
        dispatch.enqueue(need.job, **{need.argument: [entity_id]}, asked_since=since)
        for need in needs
    ]


def find(name: str, which: Listed, text: str) -> list[ListedJob]:
    """The jobs of a list whose id, description or error has a text, or whose entities' names do."""
    found = search.search(text, MOST_ENTITIES, MOST_ENTITIES, MOST_ENTITIES)
    entities = {
        "artist": {each.id for each in found.artists},
        "album": {each.id for each in found.albums},
        "track": {each.id for each in found.tracks},
    }
    return matching(name, which, Search(text, entities))


def _ask_for(jobs: Iterable[FleetJob]) -> None:
    """Have the ledger ask again for what these jobs were to do and left undone."""
    given: dict[ledger.Need, list[int]] = {}
    for job in jobs:
        for need, ids in _needs(job):
            given.setdefault(need, []).extend(ids)
    if not given:
        return
    with transaction():
        for need, ids in given.items():
            states = ledger.states_among(need, ids)
            lost = [each for each in ids if states.get(each) in _LOST]
            ledger.need(need.kind, need.entity_type, lost)


def _fetched(job_id: str) -> FleetJob:
    try:
        return job_of(dispatch.connection(), job_id.encode())
    except NoSuchJobError:
        raise BadInputError(
            f"there is no job {job_id[:100]!r} — one that has ended is kept for the time that "
            "queues.toml says (`keep`), a failed one for a month"
        ) from None
    except TamperedJobError as error:
        raise BadInputError(str(error)) from error


def _needs(job: FleetJob) -> list[tuple[ledger.Need, list[int]]]:
    """The needs that a job settles, each with the entities that it was given."""
    found = []
    for need in ledger.NEEDS:
        given = job.kwargs.get(need.argument) if need.job == job.job_name else None
        if isinstance(given, list):
            found.append((need, _row_ids(given)))
    return found


def _row_ids(given: list[Any]) -> list[int]:
    """Those that can be ids of rows."""
    return [each for each in given if type(each) is int and 0 < each < 2**63]


def _scan_of(job: FleetJob) -> int | None:
    """The scan that goes on and that a job belongs to, so that it ends with it."""
    chunk_id, scan_id = job.kwargs.get("chunk_id"), job.kwargs.get("scan_id")
    if type(chunk_id) is int:
        chunk = ScanChunk.get_or_none(ScanChunk.id == chunk_id)
        scan_id = chunk.scan_id if chunk else None
    if type(scan_id) is not int or scan_id not in {each.id for each in scans.all_unfinished()}:
        return None
    return scan_id


_TAKE_OUT = """
-- KEYS: the job, its queue, the places where it may wait, the cancelled jobs. ARGV: its id, now as
-- text, when it is forgotten, in how many seconds that is
local is_list = redis.call('TYPE', KEYS[2]).ok == 'list'
local count = is_list and redis.call('LREM', KEYS[2], 0, ARGV[1]) or 0
for i = 3, #KEYS - 1 do
    if redis.call('TYPE', KEYS[i]).ok == 'zset' then
        count = count + redis.call('ZREM', KEYS[i], ARGV[1])
    end
end
if count > 0 then
    redis.call('HSET', KEYS[1], 'status', 'canceled', 'ended_at', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
    redis.call('ZADD', KEYS[#KEYS], ARGV[3], ARGV[1])
end
return count
"""


def _take_out(job: FleetJob) -> bool:
    """Take a job out of the queue where it waits; False when it waits in none."""
    now, kept = datetime.now(UTC), dispatch.FAILED_JOB_TTL
    keys = [job.key, *(place.key(job.origin) for place in HELD), rq_keys.CANCELLED % job.origin]
    script = job.connection.register_script(_TAKE_OUT)
    moment = now.strftime(rq_keys.TIME)
    return bool(script(keys=keys, args=[job.id, moment, now.timestamp() + kept, kept]))


def _items(job: FleetJob) -> tuple[list[Item], int]:
    """The first entities that a job was given, by name, and how many more there are."""
    found: list[Item] = []
    total = 0
    for entity_type in _NAMES:
        given = job.kwargs.get(f"{entity_type}_ids", job.kwargs.get(f"{entity_type}_id"))
        ids = _row_ids(given if isinstance(given, list) else [given])
        total += len(ids)
        wanted = ids[: MOST_ITEMS - len(found)]
        names = entity_names(entity_type, wanted)
        found += [Item(entity_type, each, names.get(each, f"{each} (gone)")) for each in wanted]
    return found, total - len(found)


def entity_names(entity_type: EntityType, ids: Sequence[int]) -> Mapping[int, str]:
    """The titles or names of those of these entities that exist; the path of what has none."""
    model, name = _NAMES[entity_type]
    found: dict[int, str] = {}
    for part in slices(ids):
        query = model.select(model.id, name).where(model.id.in_(list(part)))  # type: ignore[attr-defined]
        for entity_id, text in tuples(query):
            found[entity_id] = text or shown(tracks.place_of(entity_type, entity_id))
    return found


_OUTCOMES = {
    Result.Type.SUCCESSFUL: "done",
    Result.Type.FAILED: "failed",
    Result.Type.STOPPED: "stopped",
    Result.Type.RETRIED: "failed",
    Result.Type.MAX_RETRIES_EXCEEDED: "failed",
}


def _attempts(job: FleetJob, results: Sequence[Result]) -> list[Attempt]:
    """The attempts of which something is kept: results, deaths of processes, the present one."""
    found = [
        Attempt(
            each.execution_started_at,
            each.execution_ended_at or each.created_at,
            each.worker_name,
            _OUTCOMES[each.type],
            _cut(each.exc_string or "", _LONGEST_ERROR),
        )
        for each in results
    ]
    lines: Any = dispatch.connection().lrange(RECOVERIES, 0, _MOST_DEATHS - 1)
    for line in lines:
        if job.id.encode() in line:
            death = json.loads(line)
            moment = as_moment(str(death.get("at", "")).encode())
            ended = datetime.fromtimestamp(moment, UTC) if moment else None
            found.append(Attempt(None, ended, str(death["worker"]), f"died: {death['signal']}"))
    if found and job.get_status(refresh=False) == JobStatus.STOPPED:
        found[0] = found[0]._replace(outcome="cancelled", error="")
    found.sort(key=lambda each: each.ended or datetime.min.replace(tzinfo=UTC), reverse=True)
    if job.get_status(refresh=False) == JobStatus.STARTED:
        found.insert(0, Attempt(job.started_at, None, job.worker_name or "", "running"))
    return found


def _results(job: Job) -> list[Result]:
    """The last results of its attempts; none where they cannot be read."""
    try:
        results: list[Result] = Result.all(job, serializer=JSONSerializer)
    except (ValueError, TypeError, LookupError, zlib.error):
        return []
    return results


def _result(results: Sequence[Result]) -> str:
    """What the job returned last."""
    value = next((each.return_value for each in results if each.return_value is not None), None)
    return "" if value is None else _cut(json.dumps(value, ensure_ascii=False, indent=1), _LONGEST)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters)"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
