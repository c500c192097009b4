"""The ledger: what each entity still needs, who works on it, and how it ended.

A need is written in the transaction that made it. An attempt of a job leases rows, works, and
settles them in the transaction that writes its result. A row that was asked for anew in between is
no longer leased to that attempt: the result is then not written, and the next one's is. An attempt
takes up what earlier attempts of its job leased, for these are dead or given up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from peewee import Expression, Field, fn

from db.connection import is_sqlite
from db.models import Album, Artist, EntityType, Kind, LedgerRow, State, Track, utc_now
from db.rows import tuples
from db.slices import slices


class Need(NamedTuple):
    """A kind of work on a type of entity, and the job (with its argument) that settles it."""

    kind: Kind
    entity_type: EntityType
    job: str
    argument: str
    everyone: bool = True
    """Whether every entity of the type needs it."""
    look_again: timedelta | None = None
    """After what time something that was not there is looked for again; None: when asked anew."""


NEEDS = (
    Need(Kind.PICTURE, EntityType.TRACK, "covers.extract_embedded", "track_ids", everyone=False),
    Need(Kind.COVER, EntityType.TRACK, "covers.process_track_covers_batch", "track_ids"),
    Need(
        Kind.COVER,
        EntityType.ALBUM,
        "covers.process_album_covers",
        "album_ids",
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.PICTURE,
        EntityType.ARTIST,
        "covers.extract_artist_images",
        "artist_ids",
        everyone=False,
    ),
    Need(
        Kind.COVER,
        EntityType.ARTIST,
        "covers.process_artist_images_batch",
        "artist_ids",
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.REMOTE,
        EntityType.ALBUM,
        "covers.fetch_album_covers",
        "album_ids",
        everyone=False,
        look_again=timedelta(days=30),
    ),
    Need(
        Kind.REMOTE,
        EntityType.ARTIST,
        "covers.fetch_artist_images",
        "artist_ids",
        everyone=False,
        look_again=timedelta(days=30),
    ),
    Need(Kind.ANALYSIS, EntityType.TRACK, "audio_analysis.analyze_batch", "track_ids"),
)
"""In the order in which they are best worked on."""
UNHURRIED = frozenset((Kind.REMOTE, Kind.ANALYSIS))
"""Kinds of work that take hours in a large library, so that nobody waits for them after a scan."""

_ENTITIES = {EntityType.TRACK: Track, EntityType.ALBUM: Album, EntityType.ARTIST: Artist}


class Settled(NamedTuple):
    """How the need of one entity ended."""

    entity_id: int
    state: State
    reason: str | None = None
    sources: Sequence[str] = ()


def need(kind: Kind, entity_type: EntityType, entity_ids: Iterable[int]) -> list[int]:
    """Say that these entities need `kind` (again), and return their ids.

    Call it in the transaction that made the need.
    """
    ids = sorted(set(entity_ids))
    rows = [
        {"kind": kind, "entity_type": entity_type, "entity_id": i, "state": State.TODO} for i in ids
    ]
    fresh: dict[Field[Any], Any] = {
        LedgerRow.state: State.TODO,
        LedgerRow.reason: None,
        LedgerRow.sources: [],
        LedgerRow.attempt: 0,
        LedgerRow.lease: None,
        LedgerRow.leased_until: None,
        LedgerRow.look_again_at: None,
        LedgerRow.stage: None,
        LedgerRow.signal: None,
        LedgerRow.path: None,
    }
    key = [LedgerRow.kind, LedgerRow.entity_type, LedgerRow.entity_id]
    for part in slices(rows):
        LedgerRow.insert_many(part).on_conflict(conflict_target=key, update=fresh).execute()
    return ids


def lease(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, seconds: int
) -> list[int]:
    """Lease those of the entities that are to be done, and return their ids.

    `holder` names the attempt: the job's id, a colon, the attempt's number. Rows whose lease ran
    out, or is of an attempt of the same job, are taken too.
    """
    job_id, number = _job_and_number(holder)
    now = utc_now()
    free = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED)
        & ((LedgerRow.lease == job_id) | (LedgerRow.leased_until < now))
    )
    for ids in slices(entity_ids):
        LedgerRow.update(
            state=State.LEASED,
            lease=job_id,
            lease_attempt=number,
            leased_until=now + timedelta(seconds=seconds),
            attempt=LedgerRow.attempt + 1,
        ).where(_these(kind, entity_type, ids), free).execute()
    return _leased(kind, entity_type, entity_ids, holder, lock=False)


def still_leased(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str
) -> set[int]:
    """The entities whose need is still this holder's.

    Call it first in the transaction that settles.
    """
    return set(_leased(kind, entity_type, entity_ids, holder, lock=not is_sqlite()))


def settle(kind: Kind, entity_type: EntityType, results: Iterable[Settled], holder: str) -> None:
    """Record how the holder's needs ended. Call it in the transaction that writes the results."""
    look_again = next(
        (each.look_again for each in NEEDS if (each.kind, each.entity_type) == (kind, entity_type)),
        None,
    )
    alike: dict[tuple[State, str | None, tuple[str, ...]], list[int]] = defaultdict(list)
    for result in results:
        alike[result.state, result.reason, tuple(result.sources)].append(result.entity_id)
    for (state, reason, sources), entity_ids in alike.items():
        again = look_again if state is State.NONE else None
        for ids in slices(entity_ids):
            LedgerRow.update(
                state=state,
                reason=reason,
                sources=list(sources),
                lease=None,
                leased_until=None,
                look_again_at=utc_now() + again if again else None,
            ).where(_these(kind, entity_type, ids), _is_holder(holder)).execute()


def release(job_id: str) -> None:
    """Let go of whatever a job leased and did not settle."""
    LedgerRow.update(state=State.TODO, lease=None, leased_until=None).where(
        LedgerRow.lease == job_id, LedgerRow.state == State.LEASED
    ).execute()


def leasing_jobs() -> set[str]:
    """The ids of the jobs that have leases."""
    query = LedgerRow.select(LedgerRow.lease).where(LedgerRow.state == State.LEASED).distinct()
    return {job_id for (job_id,) in tuples(query)}


def give_up(job_id: str, reason: str, *, again: bool) -> None:
    """Say that what a job leased failed with it, and with `again` when it is to be tried again.

    The time until then doubles, from a quarter of an hour up to a day.
    """
    attempts = {
        row.attempt
        for row in LedgerRow.select(LedgerRow.attempt).where(
            LedgerRow.lease == job_id, LedgerRow.state == State.LEASED
        )
    }
    for attempt in attempts:
        look_again_at = utc_now() + backoff(attempt) if again else None
        LedgerRow.update(
            state=State.FAILED,
            reason=reason,
            lease=None,
            leased_until=None,
            look_again_at=look_again_at,
        ).where(
            LedgerRow.lease == job_id, LedgerRow.state == State.LEASED, LedgerRow.attempt == attempt
        ).execute()


def given_up() -> int:
    """How many needs failed with their jobs and are to be tried again some time."""
    return int(
        LedgerRow.select()
        .where(LedgerRow.state == State.FAILED, LedgerRow.look_again_at.is_null(False))
        .count()
    )


def backoff(failures: int) -> timedelta:
    """How long what has failed so often is left alone."""
    return min(timedelta(minutes=15 * 2 ** int(min(failures // 4, 10))), timedelta(days=1))


def quarantine(need_: Need, entity_id: int, where: "Quarantine", reason: str) -> None:
    """Say that working on this entity kills processes, so that it is not tried again."""
    LedgerRow.update(
        state=State.QUARANTINED,
        reason=reason,
        lease=None,
        leased_until=None,
        look_again_at=None,
        **where._asdict(),
    ).where(_these(need_.kind, need_.entity_type, [entity_id])).execute()


def quarantine_file(problem_id: int, where: "Quarantine", reason: str) -> None:
    """Say that reading this file kills processes; `problem_id` is its row in `problems`."""
    need(Kind.TAGS, EntityType.FILE, [problem_id])
    LedgerRow.update(state=State.QUARANTINED, reason=reason, **where._asdict()).where(
        _these(Kind.TAGS, EntityType.FILE, [problem_id])
    ).execute()


def quarantined() -> list[LedgerRow]:
    """Every row of what is not tried again, oldest first."""
    query = LedgerRow.select().where(LedgerRow.state == State.QUARANTINED)
    return list(query.order_by(LedgerRow.id))


class Quarantine(NamedTuple):
    """What was worked on, by which job, and what ended the processes at work."""

    path: str
    stage: str
    signal: str


def need_of(job: str) -> Need | None:
    """The need that this job settles, if it settles one."""
    return next((each for each in NEEDS if each.job == job), None)


def _job_and_number(holder: str) -> tuple[str, int]:
    """The id of an attempt's job, and which attempt it is."""
    job_id, colon, number = holder.rpartition(":")
    return (job_id, int(number)) if colon else (holder, 0)


def wake_due() -> int:
    """Have what failed or was not there done again when its time has come; how many rows."""
    return _wake(LedgerRow.look_again_at <= utc_now())


def wake_failed() -> int:
    """Have all that failed and is tried again some time done again now; how many rows."""
    return _wake(LedgerRow.look_again_at.is_null(False) & (LedgerRow.state == State.FAILED))


def unleased(need_: Need, most: int | None = None) -> list[int]:
    """The entities, oldest first, whose need is to do or whose lease ran out: nobody works on them.

    With `most` no more than that many.
    """
    expired = (LedgerRow.state == State.LEASED) & (LedgerRow.leased_until < utc_now())
    query = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind,
        LedgerRow.entity_type == need_.entity_type,
        (LedgerRow.state == State.TODO) | expired,
    )
    return [entity_id for (entity_id,) in tuples(query.order_by(LedgerRow.id).limit(most))]


def never_asked(need_: Need) -> list[int]:
    """The entities that need it, as all of their type, and have no row; none of what is missing."""
    if not need_.everyone:
        return []
    entity: Any = _ENTITIES[need_.entity_type]
    rows = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind, LedgerRow.entity_type == need_.entity_type
    )
    query = entity.select(entity.id).where(entity.id.not_in(rows))
    if entity is Track:
        query = query.where(Track.missing_since.is_null())
    return [entity_id for (entity_id,) in tuples(query.order_by(entity.id))]


def without_row(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities for which this was never asked, in their order."""
    known = {
        entity_id
        for ids in slices(entity_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(_these(need_.kind, need_.entity_type, ids))
        )
    }
    return [entity_id for entity_id in entity_ids if entity_id not in known]


def open_among(need_: Need, entity_ids: Sequence[int], job_id: str) -> list[int]:
    """Those of the entities whose need is to do, or leased by this job."""
    is_open = (LedgerRow.state == State.TODO) | (
        (LedgerRow.state == State.LEASED) & (LedgerRow.lease == job_id)
    )
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id)
        .where(_these(need_.kind, need_.entity_type, ids), is_open)
        .order_by(LedgerRow.entity_id)
    ]


def none_for_another_reason(
    kind: Kind, entity_type: EntityType, reasons: Mapping[int, str | None]
) -> list[int]:
    """Those of the entities for which there was nothing, by id, for another reason than this."""
    return [
        row.entity_id
        for ids in slices(sorted(reasons))
        for row in LedgerRow.select(LedgerRow.entity_id, LedgerRow.reason).where(
            _these(kind, entity_type, ids), LedgerRow.state == State.NONE
        )
        if row.reason != reasons[row.entity_id]
    ]


def with_state(need_: Need, states: Iterable[State] | None = None) -> list[int]:
    """The ids of entities whose need is in one of `states` (any, when None), oldest first."""
    query = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == need_.kind, LedgerRow.entity_type == need_.entity_type
    )
    if states is not None:
        query = query.where(LedgerRow.state.in_(list(states)))
    return [row.entity_id for row in query.order_by(LedgerRow.id)]


def counts() -> dict[Need, Counter[State]]:
    """How many entities stand where, for each need."""
    totals: dict[Need, Counter[State]] = {each: Counter() for each in NEEDS}
    by_key = {(each.kind, each.entity_type): each for each in NEEDS}
    query = LedgerRow.select(
        LedgerRow.kind, LedgerRow.entity_type, LedgerRow.state, fn.COUNT(LedgerRow.id)
    ).group_by(LedgerRow.kind, LedgerRow.entity_type, LedgerRow.state)
    for kind, entity_type, state, count in tuples(query):
        each = by_key.get((Kind(kind), EntityType(entity_type)))
        if each is not None:  # a quarantined file is nobody's need
            totals[each][State(state)] = count
    return totals


def forget(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop every need of entities that are gone."""
    for ids in slices(entity_ids):
        LedgerRow.delete().where(
            LedgerRow.entity_type == entity_type, LedgerRow.entity_id.in_(ids)
        ).execute()


def _leased(
    kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str, *, lock: bool
) -> list[int]:
    found: list[int] = []
    for ids in slices(entity_ids):
        query = LedgerRow.select(LedgerRow.entity_id).where(
            _these(kind, entity_type, ids),
            LedgerRow.state == State.LEASED,
            _is_holder(holder),
        )
        query = query.for_update() if lock else query
        found += [row.entity_id for row in query.order_by(LedgerRow.entity_id)]
    return found


def _wake(due: Expression) -> int:
    settled = LedgerRow.state.in_([State.FAILED, State.NONE])
    update = LedgerRow.update(state=State.TODO, look_again_at=None, attempt=0)
    return int(update.where(settled, due).execute())


def _is_holder(holder: str) -> Expression:
    """Whether this attempt holds the lease."""
    job_id, number = _job_and_number(holder)
    return (LedgerRow.lease == job_id) & (LedgerRow.lease_attempt == number)


def _these(kind: Kind, entity_type: EntityType, ids: Sequence[int]) -> Expression:
    return (
        (LedgerRow.kind == kind)
        & (LedgerRow.entity_type == entity_type)
        & (LedgerRow.entity_id.in_(list(ids)))
    )


def todo_among(need_: Need, entity_ids: Sequence[int]) -> list[int]:
    """Those of the entities whose need nobody has begun to work on."""
    return [
        row.entity_id
        for ids in slices(entity_ids)
        for row in LedgerRow.select(LedgerRow.entity_id).where(
            _these(need_.kind, need_.entity_type, ids), LedgerRow.state == State.TODO
        )
    ]
