"""Facts of providers on tracks, albums and artists, and the needs for more of them."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from peewee import ModelSelect

from db import ledger
from db.ledger.sums import in_turn
from db.models import (
    EntityType,
    Kind,
    LedgerRow,
    State,
)
from db.sql.queries import slices, tuples


class EnrichmentProgress(NamedTuple):
    """How far one kind of entity is."""

    states: Counter[State]
    never_asked: int


def unidentified(artist_ids: Sequence[int]) -> set[int]:
    """Those of the artists of whom it was not found out who they are."""
    return {
        entity_id
        for ids in slices(artist_ids)
        for (entity_id,) in tuples(
            LedgerRow.select(LedgerRow.entity_id).where(
                LedgerRow.kind == Kind.ENRICHMENT,
                LedgerRow.entity_type == EntityType.ARTIST,
                LedgerRow.state == State.NONE,
                LedgerRow.entity_id.in_(list(ids)),
            )
        )
    }


def to_do(entity_type: EntityType, most: int, but: Collection[int]) -> list[int]:
    """What is to be done, the newest first: needs of the ledger, and entities without a row.

    Albums and tracks without an album get their rows here, all others when their album is done.
    """
    asked = LedgerRow.select(LedgerRow.entity_id).where(
        LedgerRow.kind == Kind.ENRICHMENT,
        LedgerRow.entity_type == entity_type,
        LedgerRow.state == State.TODO,
    )
    asked = asked.order_by(LedgerRow.entity_id.desc()).limit(most + len(but))
    ids = {entity_id for (entity_id,) in tuples(asked)}
    fresh = _never_asked(entity_type)
    if fresh is not None and _are_some_left(entity_type):
        # The sum keeps SQLite from walking all tracks by id: few of them have no album.
        newest = fresh.order_by((fresh.model.id + 0).desc()).limit(most + len(but))
        ids.update(entity_id for (entity_id,) in tuples(newest))
    return sorted(ids - set(but), reverse=True)[:most]


def _are_some_left(entity_type: EntityType) -> bool:
    """Whether some may have no row: so that not all that have one are gone through for nothing."""
    need = ledger.need_for(Kind.ENRICHMENT, entity_type)
    is_counted = entity_type is EntityType.ALBUM
    return not is_counted or ledger.turns(need, ledger.counts()[need].total()) > 0


def enrichment_progress() -> dict[EntityType, EnrichmentProgress]:
    """How far each kind of entity is."""
    counts = {
        need.entity_type: states
        for need, states in ledger.counts().items()
        if need.kind is Kind.ENRICHMENT
    }
    return {
        entity_type: EnrichmentProgress(states, fresh.count() if fresh is not None else 0)
        for entity_type, states in counts.items()
        for fresh in (_never_asked(entity_type),)
    }


def _never_asked(entity_type: EntityType) -> "ModelSelect[Any] | None":
    """The albums, or tracks without an album, that have no row; None for artists."""
    return in_turn(ledger.need_for(Kind.ENRICHMENT, entity_type))
