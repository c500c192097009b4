"""The sum of each need: every entity that needs something has a row, and no other row exists.

How many rows there are is kept in `ledger_sums` by triggers of the database. On PostgreSQL these
only add to it; `add_up` keeps it small.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import SQL, Expression, ModelSelect, fn

from db.errors import SettingError
from db.ledger.needs import Need, need
from db.ledger.states import ENTITIES, counts, for_reason, unleased, with_state
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    EmbeddedPicture,
    EntityType,
    Image,
    Kind,
    LedgerRow,
    LedgerSum,
    State,
    Track,
    TrackArtist,
    database,
)
from db.settings.cover_orders import EXTERNAL, album_order, artist_order
from db.settings.provider_settings import any_on, any_with_facts
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import tuples


def never_asked(need_: Need, in_turn: int | None = None) -> list[int]:
    """The entities that need it and have no row; none of what is missing.

    With `in_turn` of about so many entities, by their ids, the next minute of others.
    """
    query = _lacking(need_)
    if query is None:
        return []
    if in_turn is not None:
        query = query.where(_is_their_turn(query.selected_columns[0], need_, in_turn))
    return [entity_id for (entity_id,) in tuples(query.order_by(SQL("1")))]


def _is_their_turn(entity_id: Any, need_: Need, count: int) -> Expression:
    """Whether an id is among those whose minute it is, which follows from the time alone."""
    entity = ENTITIES[need_.entity_type]
    last = entity.select(fn.MAX(entity.id)).scalar() or 0
    turns = max(last - 1, 0) // count + 1
    turn = int(time.time() // 60) % turns * count
    return entity_id.between(turn + 1, turn + count)  # type: ignore[no-any-return]  # an expression


class Which(StrEnum):
    """Which entities are meant when work is asked for again."""

    MISSING = "missing"
    """Those whose work is to do, or that were never asked for."""
    FAILED = "failed"
    """Those whose work failed, waits for its surroundings, or is quarantined."""
    CANCELLED = "cancelled"
    ALL = "all"
    """All of them, done or not."""


STATES = {
    Which.FAILED: (State.FAILED, State.WAITING, State.QUARANTINED),
    Which.CANCELLED: (State.CANCELLED,),
}
"""The states that those choices mean, of which each row has a reason."""


def ask_again(need_: Need, which: Which, *, reason: str | None = None, dry_run: bool) -> list[int]:
    """The entities that are meant; unless in a dry run, the ledger asks for them afterwards.

    What a living job has leased counts as missing only when its lease runs out. With a `reason`
    only those that failed, or were cancelled, for it.
    """
    with nullcontext() if dry_run else transaction():
        if which in STATES:
            again, open_ = for_reason(need_, STATES[which], reason), []
        elif which is Which.MISSING:
            again, open_ = never_asked(need_), unleased(need_)
        else:
            again, open_ = never_asked(need_) + with_state(need_), []
        if not dry_run:
            need(need_.kind, need_.entity_type, again)
    return sorted({*open_, *again})


class Sum(NamedTuple):
    """Whether the ledger has a row for each entity that needs something, and no others."""

    need: Need
    states: Counter[State]
    needed: int
    """How many entities need it."""
    lacking: int
    """How many of them have no row."""
    stray: int
    """Rows of entities that do not exist."""
    in_turn: int = 0
    """Entities that get their row when their turn comes."""

    @property
    def adds_up(self) -> bool:
        """Whether the rows of all states, and what waits for its turn, are all that need it."""
        return self.states.total() + self.in_turn == self.needed and not self.stray


def sums() -> list[Sum]:
    """The sum of each need. Counts every entity, a second or so in a large library."""
    counted, found = counts(), []
    types = {each.entity_type for each in counted}
    strays = dict(pair for each in types for pair in _strays(each))
    for each, states in counted.items():
        query = _lacking(each)
        lacking = 0 if query is None else int(query.count())
        stray = strays.get((each.kind, each.entity_type), 0)
        turn = in_turn(each) if any_with_facts() else None
        in_turn_ = 0 if turn is None else int(turn.count())
        needed = states.total() - stray + lacking + in_turn_
        found.append(Sum(each, states, needed, lacking, stray, in_turn_))
    return found


_MOST_SUMS = 1_000
_KEY = "kind, entity_type, state, cause, place"
_KEY_OF_ROWS = "kind, entity_type, state, COALESCE(cause, ''), COALESCE(place, '')"
_COUNTED = f"SELECT {_KEY_OF_ROWS}, 0, COUNT(*) FROM ledger GROUP BY {_KEY_OF_ROWS}"  # noqa: S608  # constants, as below


def add_up() -> None:
    """Have one row for each sum, when PostgreSQL has added many."""
    if is_sqlite() or LedgerSum.select().count() <= _MOST_SUMS:
        return
    # One statement: what others add meanwhile it does not see, and leaves.
    database.execute_sql(
        "WITH gone AS (DELETE FROM ledger_sums RETURNING *) "  # noqa: S608
        f"INSERT INTO ledger_sums ({_KEY}, part, entities) "
        f"SELECT {_KEY}, 0, SUM(entities) FROM gone GROUP BY {_KEY} HAVING SUM(entities) <> 0 "
        f"ON CONFLICT ({_KEY}, part) DO UPDATE SET entities = ledger_sums.entities + "
        "EXCLUDED.entities"
    )


def wrong_sums() -> int:
    """How many of the kept sums differ from the rows. Reads the whole ledger."""
    ((count,),) = database.execute_sql(
        f"WITH every ({_KEY}, part, step) AS "  # noqa: S608
        f"({_COUNTED} UNION ALL SELECT {_KEY}, part, -entities FROM ledger_sums) "
        f"SELECT COUNT(*) FROM (SELECT 1 FROM every GROUP BY {_KEY} HAVING SUM(step) <> 0) AS wrong"
    ).fetchall()
    return int(count)


def count_again() -> int:
    """Count the rows again where a kept sum is wrong; how many were."""
    if not wrong_sums():
        return 0
    with transaction():
        if not is_sqlite():  # where the transaction is the only one that writes
            database.execute_sql("LOCK TABLE ledger IN SHARE MODE")
        wrong = wrong_sums()
        LedgerSum.delete().execute()
        database.execute_sql(f"INSERT INTO ledger_sums ({_KEY}, part, entities) {_COUNTED}")
    return wrong


def drop_stray() -> int:
    """Delete the rows of entities that do not exist; how many."""
    return sum(
        int(LedgerRow.delete().where(LedgerRow.id.in_(_stray(kind, entity_type))).execute())
        for kind in Kind
        for entity_type in EntityType
    )


def turns(need_: Need, rows: int) -> int:
    """How many get their row when their turn comes, given how many have one; right without strays.

    Unlike `in_turn` it reads no table row by row.
    """
    if need_.kind is not Kind.ENRICHMENT or not any_with_facts():
        return 0
    if need_.entity_type is EntityType.ALBUM:
        return max(0, int(Album.select().count()) - rows)
    query = in_turn(need_)
    return 0 if query is None else int(query.count())


def in_turn(need_: Need) -> "ModelSelect[Any] | None":
    """The albums, and tracks without an album, that are enriched when their turn comes.

    They get their row then. None for needs that know no turns.
    """
    if need_.kind is not Kind.ENRICHMENT or need_.entity_type is EntityType.ARTIST:
        return None
    entity = ENTITIES[need_.entity_type]
    query = _without_row(entity.select(entity.id), entity.id, need_)
    if entity is Track:
        query = query.where(Track.album.is_null(), Track.missing_since.is_null())
    return query


def _lacking(need_: Need) -> "ModelSelect[Any] | None":
    """The ids of the entities that need it and have no row; None where nobody need have one."""
    key = need_.kind, need_.entity_type
    if key == (Kind.PICTURE, EntityType.TRACK):
        return _carriers_never_asked(need_)
    entities = _NEEDING[key]()
    if entities is None:
        return None
    entity_id = entities.selected_columns[0]
    return _without_row(entities, entity_id, need_).distinct()


def _without_row(entities: "ModelSelect[Any]", entity_id: Any, need_: Need) -> "ModelSelect[Any]":
    rows = LedgerRow.alias()
    row = rows.select(SQL("1")).where(
        rows.kind == need_.kind,
        rows.entity_type == need_.entity_type,
        rows.entity_id == entity_id,
    )
    return entities.where(~fn.EXISTS(row))


def _strays(entity_type: EntityType) -> Iterator[tuple[tuple[str, str], int]]:
    """How many rows there are of entities of a type that do not exist, by kind and type."""
    entity = ENTITIES[entity_type]
    there = entity.select(SQL("1")).where(entity.id == LedgerRow.entity_id)
    query = LedgerRow.select(LedgerRow.kind, fn.COUNT(LedgerRow.id)).where(
        LedgerRow.entity_type == entity_type, ~fn.EXISTS(there)
    )
    for kind, count in tuples(query.group_by(LedgerRow.kind)):
        yield (kind, entity_type), int(count)


def _stray(kind: Kind, entity_type: EntityType) -> "ModelSelect[Any]":
    """The ids of rows of entities that do not exist."""
    entity = ENTITIES[entity_type]
    there = entity.select(SQL("1")).where(entity.id == LedgerRow.entity_id)
    return LedgerRow.select(LedgerRow.id).where(
        LedgerRow.kind == kind, LedgerRow.entity_type == entity_type, ~fn.EXISTS(there)
    )


def _tracks() -> "ModelSelect[Any]":
    return Track.select(Track.id).where(Track.missing_since.is_null())


def _with_nothing_on_disk(entity_type: EntityType, order: Callable[[], Sequence[str]]) -> Any:
    """Those of whom the web is asked, where the settings say so."""
    try:
        if not any_on() or EXTERNAL not in order():
            return None
    except SettingError:  # which is named elsewhere, and stops the searches
        return None
    return _settled(Kind.COVER, entity_type, State.NONE)


def _settled(kind: Kind, entity_type: EntityType, *states: State) -> "ModelSelect[Any]":
    return LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == kind, LedgerRow.entity_type == entity_type, LedgerRow.state.in_(states)
    )


def _credited(tracks: Any, albums: Any) -> "ModelSelect[Any]":
    """The artists of these tracks and of these albums."""
    of_tracks = TrackArtist.select(TrackArtist.artist).where(TrackArtist.track.in_(tracks))
    of_albums = AlbumArtist.select(AlbumArtist.artist).where(AlbumArtist.album.in_(albums))
    return Artist.select(Artist.id).where(Artist.id.in_(of_tracks) | Artist.id.in_(of_albums))


def _albums_of_vectors() -> "ModelSelect[Any]":
    made = _settled(Kind.VECTOR, EntityType.TRACK, State.DONE)
    return Track.select(Track.album).where(Track.album.is_null(False), Track.id.in_(made))


def _artists_of_vectors() -> "ModelSelect[Any]":
    made = _settled(Kind.VECTOR, EntityType.TRACK, State.DONE)
    return _credited(made, _albums_of_vectors())


_FOUND_OUT = (State.DONE, State.NONE)


def _tracks_of_enriched_albums() -> Any:
    albums = _settled(Kind.ENRICHMENT, EntityType.ALBUM, *_FOUND_OUT)
    return _tracks().where(Track.album.in_(albums)) if any_with_facts() else None


def _artists_of_enriched() -> Any:
    tracks = _settled(Kind.ENRICHMENT, EntityType.TRACK, *_FOUND_OUT)
    albums = _settled(Kind.ENRICHMENT, EntityType.ALBUM, *_FOUND_OUT)
    return _credited(tracks, albums) if any_with_facts() else None


_ENDED = (State.DONE, State.NONE, State.FAILED, State.QUARANTINED)
_NEEDING: dict[tuple[Kind, EntityType], Callable[[], Any]] = {
    (Kind.COVER, EntityType.TRACK): _tracks,
    (Kind.COVER, EntityType.ALBUM): lambda: Album.select(Album.id),
    (Kind.COVER, EntityType.ARTIST): lambda: Artist.select(Artist.id),
    (Kind.PICTURE, EntityType.ARTIST): lambda: Artist.select(Artist.id),
    (Kind.REMOTE, EntityType.ALBUM): lambda: _with_nothing_on_disk(EntityType.ALBUM, album_order),
    (Kind.REMOTE, EntityType.ARTIST): lambda: _with_nothing_on_disk(
        EntityType.ARTIST, artist_order
    ),
    (Kind.ANALYSIS, EntityType.TRACK): _tracks,
    (Kind.VECTOR, EntityType.TRACK): lambda: _settled(Kind.ANALYSIS, EntityType.TRACK, *_ENDED),
    (Kind.VECTOR, EntityType.ALBUM): _albums_of_vectors,
    (Kind.VECTOR, EntityType.ARTIST): _artists_of_vectors,
    (Kind.ENRICHMENT, EntityType.ALBUM): lambda: None,
    (Kind.ENRICHMENT, EntityType.TRACK): _tracks_of_enriched_albums,
    (Kind.ENRICHMENT, EntityType.ARTIST): _artists_of_enriched,
}
"""The entities that must have a row, by kind of work and type; None where nobody need have one.

Pictures of tracks are asked for by the picture, see `_carriers_never_asked`.
"""


def _carriers_never_asked(need_: Need) -> "ModelSelect[Any]":
    """A track for each embedded picture that is not known and that no track is to bring."""
    others, carrier = EmbeddedPicture.alias(), Track.alias()
    asked = (
        others.select(SQL("1"))
        .join(carrier, on=others.track == carrier.id)
        .join(
            LedgerRow,
            on=(LedgerRow.kind == need_.kind)
            & (LedgerRow.entity_type == need_.entity_type)
            & (LedgerRow.entity_id == carrier.id),
        )
        .where(others.digest == EmbeddedPicture.digest, carrier.missing_since.is_null())
    )
    known = Image.select(SQL("1")).where(Image.digest == EmbeddedPicture.digest)
    return (
        EmbeddedPicture.select(fn.MIN(EmbeddedPicture.track))
        .join(Track)
        .where(Track.missing_since.is_null(), ~fn.EXISTS(known), ~fn.EXISTS(asked))
        .group_by(EmbeddedPicture.digest)
    )
