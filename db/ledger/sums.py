"""The sum of each need: every entity that needs something has a row, and no other row exists.

What reads all entities does so in windows of their ids, in statements that take the same in a
library of any size.
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
    State,
    Track,
    TrackArtist,
)
from db.settings.cover_orders import EXTERNAL, album_order, artist_order
from db.settings.provider_settings import any_on, any_with_facts
from db.sql.connection import transaction
from db.sql.queries import tuples, windows, windows_of


def never_asked(need_: Need, in_turn: int | None = None) -> list[int]:
    """The entities that need it and have no row; none of what is missing.

    With `in_turn` of about so many entities, by their ids, the next minute of others.
    """
    if in_turn is None:
        return sorted(_all_lacking(need_))
    last = ENTITIES[need_.entity_type].select(fn.MAX(ENTITIES[need_.entity_type].id)).scalar()
    turns_ = list(windows(last, in_turn)) or [(1, in_turn)]
    return sorted(_lacking_within(need_, *turns_[int(time.time() // 60) % len(turns_)]))


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
        lacking = len(_all_lacking(each))
        stray = strays.get((each.kind, each.entity_type), 0)
        in_turn_ = _count_in_turn(each) if any_with_facts() else 0
        needed = states.total() - stray + lacking + in_turn_
        found.append(Sum(each, states, needed, lacking, stray, in_turn_))
    return found


def drop_stray() -> int:
    """Delete the rows of entities that do not exist; how many."""
    return sum(
        int(LedgerRow.delete().where(stray).execute())
        for entity_type in EntityType
        for stray in _strays_of(entity_type)
    )


def turns(need_: Need, rows: int) -> int:
    """How many get their row when their turn comes, given how many have one; right without strays.

    Unlike `in_turn` it reads no table row by row.
    """
    if need_.kind is not Kind.ENRICHMENT or not any_with_facts():
        return 0
    if need_.entity_type is EntityType.ALBUM:
        return max(0, int(Album.select().count()) - rows)
    return _count_in_turn(need_)


def _count_in_turn(need_: Need) -> int:
    query, entity = in_turn(need_), ENTITIES[need_.entity_type]
    if query is None:
        return 0
    return sum(int(query.where(part).count()) for part in windows_of(entity.id, _AT_ONCE))


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


_AT_ONCE = 20_000
"""Entities that one statement reads."""


def _all_lacking(need_: Need) -> set[int]:
    """The entities that need it and have no row."""
    entity = ENTITIES[need_.entity_type]
    last = entity.select(fn.MAX(entity.id)).scalar()
    if (need_.kind, need_.entity_type) == (Kind.PICTURE, EntityType.TRACK):
        carriers: dict[str, int] = {}  # one of each picture, whatever window it is in
        for window in windows(last, _AT_ONCE):
            for digest, track_id in tuples(_carriers_never_asked(need_, *window)):
                carriers.setdefault(digest, track_id)
        return set(carriers.values())
    return {each for window in windows(last, _AT_ONCE) for each in _lacking_within(need_, *window)}


def _lacking_within(need_: Need, first: int, last: int) -> Iterator[int]:
    """Those of them whose id is from `first` to `last`."""
    key = need_.kind, need_.entity_type
    if key == (Kind.PICTURE, EntityType.TRACK):
        return (track_id for _, track_id in tuples(_carriers_never_asked(need_, first, last)))
    entities = _NEEDING[key]()
    if entities is None:
        return iter(())
    entity_id = entities.selected_columns[0]
    query = _without_row(entities.where(entity_id.between(first, last)), entity_id, need_)
    return (each for (each,) in tuples(query.distinct()))


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
    counted: Counter[str] = Counter()
    for stray in _strays_of(entity_type):
        query = LedgerRow.select(LedgerRow.kind, fn.COUNT(LedgerRow.id)).where(stray)
        counted.update({kind: int(count) for kind, count in tuples(query.group_by(LedgerRow.kind))})
    return (((kind, entity_type), count) for kind, count in counted.items())


def _strays_of(entity_type: EntityType) -> Iterator[Expression]:
    """Whether a row is of an entity of a type that does not exist, for each window of ids."""
    entity = ENTITIES[entity_type]
    of_any = LedgerRow.kind.in_(list(Kind)) & (LedgerRow.entity_type == entity_type)
    last = entity.select(fn.MAX(entity.id)).scalar() or 0
    beyond = last + 1, 2**63 - 1
    for first, end in [(-(2**31), 0), *windows(last, _AT_ONCE), beyond]:
        there = entity.select(SQL("1")).where(
            entity.id == LedgerRow.entity_id, entity.id.between(first, end)
        )
        yield of_any & LedgerRow.entity_id.between(first, end) & ~fn.EXISTS(there)


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


def _is_settled(kind: Kind, entity_type: EntityType, entity_id: Any, *states: State) -> Any:
    rows = LedgerRow.alias()
    row = rows.select(SQL("1")).where(
        rows.kind == kind,
        rows.entity_type == entity_type,
        rows.entity_id == entity_id,
        rows.state.in_(states),
    )
    return fn.EXISTS(row)


def _albums_of_vectors() -> "ModelSelect[Any]":
    made = _is_settled(Kind.VECTOR, EntityType.TRACK, Track.id, State.DONE)
    return Track.select(Track.album).where(Track.album.is_null(False), made)


def _artists_of_vectors() -> "ModelSelect[Any]":
    of_tracks = TrackArtist.select(SQL("1")).where(
        TrackArtist.artist == Artist.id,
        _is_settled(Kind.VECTOR, EntityType.TRACK, TrackArtist.track, State.DONE),
    )
    of_albums = AlbumArtist.select(SQL("1")).join(Track, on=Track.album == AlbumArtist.album)
    of_albums = of_albums.where(
        AlbumArtist.artist == Artist.id,
        _is_settled(Kind.VECTOR, EntityType.TRACK, Track.id, State.DONE),
    )
    return Artist.select(Artist.id).where(fn.EXISTS(of_tracks) | fn.EXISTS(of_albums))


_FOUND_OUT = (State.DONE, State.NONE)


def _tracks_of_enriched_albums() -> Any:
    enriched = _is_settled(Kind.ENRICHMENT, EntityType.ALBUM, Track.album, *_FOUND_OUT)
    return _tracks().where(enriched) if any_with_facts() else None


def _artists_of_enriched() -> Any:
    of_tracks = TrackArtist.select(SQL("1")).where(
        TrackArtist.artist == Artist.id,
        _is_settled(Kind.ENRICHMENT, EntityType.TRACK, TrackArtist.track, *_FOUND_OUT),
    )
    of_albums = AlbumArtist.select(SQL("1")).where(
        AlbumArtist.artist == Artist.id,
        _is_settled(Kind.ENRICHMENT, EntityType.ALBUM, AlbumArtist.album, *_FOUND_OUT),
    )
    if not any_with_facts():
        return None
    return Artist.select(Artist.id).where(fn.EXISTS(of_tracks) | fn.EXISTS(of_albums))


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


def _carriers_never_asked(need_: Need, first: int, last: int) -> "ModelSelect[Any]":
    """Embedded pictures that are not known and that no track is to bring, each with a track.

    Those of the tracks from `first` to `last`.
    """
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
        EmbeddedPicture.select(EmbeddedPicture.digest, fn.MIN(EmbeddedPicture.track))
        .join(Track)
        .where(EmbeddedPicture.track.between(first, last))
        .where(Track.missing_since.is_null(), ~fn.EXISTS(known), ~fn.EXISTS(asked))
        .group_by(EmbeddedPicture.digest)
    )
