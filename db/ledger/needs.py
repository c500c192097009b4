"""The kinds of work that entities need, the jobs that do them, and asking for that work."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

from peewee import SQL, Expression, fn

from db.errors import counted
from db.ledger.surroundings import POLICIES, Cause, Obstacle, Waker
from db.models import EntityType, Kind, LedgerRow, LedgerSum, State, VectorModel, utc_now
from db.settings import ANALYSIS_OFF, analysis_is_off
from db.sql.path_text import is_under, shown
from db.sql.queries import slices, tuples
from db.sql.statements import insert_rows

AT_END = inf
"""A pace: not before the scan has ended."""


class Need(NamedTuple):
    """A kind of work on a type of entity, and the job that settles it."""

    kind: Kind
    entity_type: EntityType
    job: str
    look_again: timedelta | None = None
    """After what time a search that found nothing is repeated; None: only on request."""
    reconciled: bool = True
    """Whether reconciliation enqueues its work; else a job of its own does, in its own order."""
    lease_seconds: int = 1800
    """Longer than the job may take."""
    per_job: int = 50
    """How many entities a job is given."""
    pace: float = 0.0
    """Seconds for which the parts of a scan gather what they need into one job, the first excepted;
    what is left is enqueued at the end of the scan. `AT_END`: all of it, for each part may change
    what is found. In a long scan reconciliation enqueues that meanwhile, once a minute."""

    @property
    def argument(self) -> str:
        """The argument of the job that has the ids of the entities."""
        return f"{self.entity_type}_ids"

    def batches(self, entity_ids: Sequence[int]) -> list[list[int]]:
        """The entities as they are given to jobs."""
        return [list(ids) for ids in slices(entity_ids, self.per_job)]


_MONTH = timedelta(days=30)
NEEDS = (
    Need(Kind.PICTURE, EntityType.TRACK, "covers.extract_embedded", per_job=200),
    Need(Kind.COVER, EntityType.TRACK, "covers.process_track_covers_batch", per_job=200),
    Need(
        Kind.COVER,
        EntityType.ALBUM,
        "covers.process_album_covers",
        look_again=_MONTH,
        per_job=200,
        pace=1.0,
    ),
    Need(
        Kind.PICTURE,
        EntityType.ARTIST,
        "covers.extract_artist_images",
        per_job=200,
        pace=AT_END,
    ),
    Need(
        Kind.COVER,
        EntityType.ARTIST,
        "covers.process_artist_images_batch",
        look_again=_MONTH,
        per_job=200,
        pace=AT_END,
    ),
    *(
        Need(Kind.REMOTE, entity_type, job, look_again=_MONTH, per_job=20)
        for entity_type, job in (
            (EntityType.ALBUM, "covers.fetch_album_covers"),
            (EntityType.ARTIST, "covers.fetch_artist_images"),
        )
    ),
    Need(Kind.ANALYSIS, EntityType.TRACK, "audio_analysis.analyze_batch", lease_seconds=3600),
    *(
        Need(Kind.VECTOR, entity_type, job, lease_seconds=7 * 3600)
        for entity_type, job in (
            (EntityType.TRACK, "vectorization.batch"),
            (EntityType.ALBUM, "vectorization.batch_albums"),
            (EntityType.ARTIST, "vectorization.batch_artists"),
        )
    ),
    *(
        Need(
            Kind.ENRICHMENT,
            entity_type,
            "metadata.enrich_batch",
            look_again=_MONTH,
            reconciled=False,
            per_job=10,
        )
        for entity_type in (EntityType.ALBUM, EntityType.TRACK, EntityType.ARTIST)
    ),
)
"""In the order in which they are best worked on."""
_BY_KIND = {(each.kind, each.entity_type): each for each in NEEDS}

UNHURRIED = frozenset((Kind.REMOTE, Kind.ANALYSIS, Kind.VECTOR, Kind.ENRICHMENT))
"""Kinds of work that take hours in a large library, so that nobody waits for them after a scan."""


def need_for(kind: Kind, entity_type: EntityType) -> Need:
    """The need of that kind of work on that type of entity. Raises KeyError."""
    return _BY_KIND[kind, entity_type]


def need_of(job: str, arguments: Container[str]) -> Need | None:
    """The need that this job settles when it has these arguments, if it settles one."""
    return next((each for each in NEEDS if each.job == job and each.argument in arguments), None)


def need(kind: Kind, entity_type: EntityType, entity_ids: Iterable[int]) -> list[int]:
    """Say that these entities need `kind` (again), and return their ids.

    Call it in the transaction that made the need.
    """
    ids = sorted(set(entity_ids))
    write_rows(rows_of(kind, entity_type, ids))
    return ids


NO_MODEL = "no model yet: the first training starts when the first analyses are done"
"""The ledger's reason for vectors that wait for it."""
NeedKey = tuple[Kind, EntityType]
_ANALYSES, _VECTORS = (Kind.ANALYSIS, EntityType.TRACK), (Kind.VECTOR, EntityType.TRACK)


def need_all(wanted: Mapping[NeedKey, Iterable[int]]) -> dict[NeedKey, list[int]]:
    """As `need` for several needs at once, and return the ids that are to be done.

    Kinds of work that are off are settled at once, in the words of their jobs. Tracks that are not
    analysed need their vector all the same, by their tags.
    """
    asked = {key: set(ids) for key, ids in wanted.items()}
    off = _off()
    if Kind.ANALYSIS in off:
        asked[_VECTORS] = asked.get(_VECTORS, set()) | asked.get(_ANALYSES, set())
    rows = (
        rows_of(kind, entity_type, sorted(ids), off.get(kind, {}))
        for (kind, entity_type), ids in asked.items()
    )
    write_rows(chain.from_iterable(rows))
    return {key: [] if key[0] in off else sorted(ids) for key, ids in asked.items()}


def kinds_off() -> set[Kind]:
    """The kinds of work that are not done now, so that no job is enqueued for them."""
    return set(_off())


def _off() -> dict[Kind, dict[str, Any]]:
    """The columns of the ledger by which each kind of work that is off is settled.

    Vectors are off where analysis is and no model was trained before.
    """
    if not analysis_is_off():
        return {}
    off: dict[Kind, dict[str, Any]] = {Kind.ANALYSIS: {"state": State.NONE, "reason": ANALYSIS_OFF}}
    if not VectorModel.select(SQL("1")).where(~VectorModel.in_training).exists():
        off[Kind.VECTOR] = {
            "state": POLICIES[Cause.NO_MODEL].state,
            "reason": NO_MODEL,
            "cause": Cause.NO_MODEL,
            "place": "",
            "look_again_at": utc_now() + _MONTH,  # the first training wakes them
        }
    return off


_FRESH: dict[str, Any] = {
    "state": State.TODO,
    "reason": None,
    "sources": [],
    "attempt": 0,
    "lease": None,
    "leased_until": None,
    "look_again_at": None,
    "cause": None,
    "place": None,
    "stage": None,
    "signal": None,
    "path": None,
}
_KEY = ("kind", "entity_type", "entity_id")


def rows_of(
    kind: Kind,
    entity_type: EntityType,
    entity_ids: Iterable[int],
    columns: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[tuple[Any, ...]]:
    """The rows of a kind of work: to be done, unless `columns` says otherwise."""
    fresh = tuple({**_FRESH, **columns}.values())
    return ((kind.value, entity_type.value, each, *fresh) for each in entity_ids)


def write_rows(rows: Iterable[tuple[Any, ...]]) -> None:
    """Write what `rows_of` gives. Call it in the transaction that made the needs."""
    insert_rows(LedgerRow, (*_KEY, *_FRESH), rows, unique=_KEY)


def wake_due() -> int:
    """Have done again what failed, waits or was not there, once its time has come; how many rows.

    Attempts are counted on, so that what is kept from being done for long is tried ever less often.
    """
    return _wake(_is_due())


def is_any_due() -> bool:
    """Whether `wake_due` would wake anything."""
    dated = LedgerRow.look_again_at.is_null(False)
    # In the order of their index, or PostgreSQL reads all in the hope of an early one.
    query = LedgerRow.select(LedgerRow.id).where(_is_due(), dated)
    return bool(query.order_by(LedgerRow.state, LedgerRow.look_again_at).limit(1).tuples())


def _is_due() -> Expression:
    return LedgerRow.state.in_(_TRIED_AGAIN) & (LedgerRow.look_again_at <= utc_now())


def wake_failed() -> int:
    """Have all that failed or waits and is tried again some time done again now; how many rows.

    But not what waits for a root that is away or for a model: nothing says that these are there.
    """
    by_training = [cause for cause in Cause if POLICIES[cause].woken_by is Waker.TRAINING]
    away = [Cause.ROOT_AWAY, *by_training]
    here = LedgerRow.cause.is_null() | LedgerRow.cause.not_in(away)
    dated = LedgerRow.look_again_at.is_null(False) & LedgerRow.state.in_(_DATED)
    return _wake(dated & here, attempt=0)


def wake_at(root: str) -> int:
    """Have done again now what waits for this root, or for what lies there; how many rows.

    A scan that sees the root calls it.
    """
    woken = 0
    for each in waiting():
        place = each.obstacle.place
        is_here = is_under(place, root) or is_under(root, place)
        if is_here and each.obstacle.policy.woken_by is Waker.SCAN_OF_PLACE:
            cause, place = each.obstacle
            rows = (LedgerRow.cause == cause) & (LedgerRow.place == place)
            woken += _wake(LedgerRow.state.in_(_DATED) & rows, attempt=0)
    return woken


def wake_cause(cause: Cause) -> int:
    """Have done again now what waits for this cause; how many rows."""
    settled = LedgerRow.state.in_([*_DATED, State.NONE])
    return _wake(settled & (LedgerRow.cause == cause), attempt=0)


class Waiting(NamedTuple):
    """What waits for one cause of the surroundings."""

    obstacle: Obstacle
    items: int
    look_again_at: datetime
    """When the first of them is tried again."""
    reason: str
    """Of one of them."""

    @property
    def text(self) -> str:
        """For people: "root /music is away: 4,120 items wait"."""
        items = counted(self.items, "item waits", "items wait")
        return f"{self.obstacle.text}: {items}"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "cause": self.obstacle.cause.value,
            "place": shown(self.obstacle.place),
            "items": self.items,
            "says": self.text,
            "remedy": self.obstacle.remedy,
            "look_again_at": self.look_again_at.isoformat(),
            "reason": self.reason,
        }


def waiting() -> list[Waiting]:
    """What waits, one for each cause and place, most items first."""
    items = fn.SUM(LedgerSum.entities)
    query = (
        LedgerSum.select(LedgerSum.cause, LedgerSum.place, items)
        .where(LedgerSum.cause != "", LedgerSum.state.in_(_TRIED_AGAIN))
        .group_by(LedgerSum.cause, LedgerSum.place)
        .having(items > 0)
        .order_by(items.desc(), LedgerSum.cause, LedgerSum.place)
    )
    return [
        Waiting(Obstacle(Cause(cause), place), int(count), *first)
        for cause, place, count in tuples(query)
        for first in _first_waiting(cause, place)
    ]


def _first_waiting(cause: str, place: str) -> list[tuple[datetime, str]]:
    """When the first of what waits for this is tried again, and its reason."""
    query = (
        LedgerRow.select(LedgerRow.look_again_at, LedgerRow.reason)
        .where(
            LedgerRow.cause == cause,
            LedgerRow.place == place,
            LedgerRow.state.in_(_TRIED_AGAIN),
        )
        .order_by(LedgerRow.look_again_at)
        .limit(1)
    )
    return [(again, reason or "") for again, reason in tuples(query)]


def forget(entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Drop every need of entities that are gone."""
    for ids in slices(entity_ids):
        LedgerRow.delete().where(
            LedgerRow.kind.in_(list(Kind)),  # the index begins with it
            LedgerRow.entity_type == entity_type,
            LedgerRow.entity_id.in_(list(ids)),
        ).execute()


_DATED = [State.FAILED, State.WAITING]
_TRIED_AGAIN = [*_DATED, State.NONE]


def _wake(due: Expression, **columns: int) -> int:
    fresh = {"look_again_at": None, "cause": None, "place": None, **columns}
    return int(LedgerRow.update(state=State.TODO, **fresh).where(due).execute())
