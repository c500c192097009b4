"""What providers on the web say: facts with source, time and score, and stored answers.

Facts stand apart from the tags: nothing that a file says is ever overwritten by one. Answers are
kept so that no provider is asked the same again too soon.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from peewee import fn

from db.models import EntityType, Fact, ProviderAnswer, utc_now
from db.sql.connection import transaction
from db.sql.queries import slices, tuples

IDENTITY = {
    EntityType.ALBUM: "release_group_id",
    EntityType.TRACK: "recording_id",
    EntityType.ARTIST: "artist_id",
}
"""The field that says which entity of MusicBrainz is meant."""
CREDITS = "artists"
"""The field with who is credited: a list of {"name": …, "id": MBID}."""
MATCH = "match"
"""The field that says how it was found: {"by": …, "why": [text, …]}."""


class FactValue(NamedTuple):
    """A field as a source has it."""

    field: str
    value: Any
    url: str | None = None
    licence: str | None = None


class KnownFact(NamedTuple):
    """A row of `facts`."""

    field: str
    value: Any
    source: str
    fetched_at: datetime
    score: float
    licence: str | None
    url: str | None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {**self._asdict(), "fetched_at": self.fetched_at.isoformat()}


class FactSource(NamedTuple):
    """Who said something, when, and how sure it is that this very entity was meant."""

    name: str
    fetched_at: datetime
    score: float


def replace_facts(
    entity_type: EntityType, entity_id: int, source: FactSource, values: Iterable[FactValue]
) -> None:
    """Write what a source says of an entity, in place of all that it said before.

    Call it in the transaction that settles the need.
    """
    rows = {
        each.field: {
            "entity_type": entity_type,
            "entity_id": entity_id,
            "source": source.name,
            "fetched_at": source.fetched_at,
            "score": source.score,
            **each._asdict(),
        }
        for each in values
    }
    this = (
        (Fact.entity_type == entity_type)
        & (Fact.entity_id == entity_id)
        & (Fact.source == source.name)
    )
    Fact.delete().where(this, Fact.field.not_in(sorted(rows))).execute()
    if rows:
        Fact.insert_many(list(rows.values())).on_conflict(
            conflict_target=[Fact.entity_type, Fact.entity_id, Fact.source, Fact.field],
            preserve=[Fact.value, Fact.fetched_at, Fact.score, Fact.licence, Fact.url],
        ).execute()


def known_facts(entity_type: EntityType, entity_id: int) -> list[KnownFact]:
    """All that is said of an entity, by field, the surest first."""
    columns = (getattr(Fact, name) for name in KnownFact._fields)
    query = Fact.select(*columns).where(
        Fact.entity_type == entity_type, Fact.entity_id == entity_id
    )
    ordered = query.order_by(Fact.field, Fact.score.desc(), Fact.source)
    return [KnownFact._make(row) for row in tuples(ordered)]


def fact_values(
    entity_type: EntityType, entity_ids: Sequence[int], field: str
) -> dict[int, list[Any]]:
    """What is said of these entities under one field, by entity."""
    found: dict[int, list[Any]] = defaultdict(list)
    for ids in slices(entity_ids):
        query = Fact.select(Fact.entity_id, Fact.value).where(
            Fact.entity_type == entity_type, Fact.entity_id.in_(list(ids)), Fact.field == field
        )
        for entity_id, value in tuples(query):
            found[entity_id].append(value)
    return found


def entities_by_source() -> dict[str, dict[EntityType, int]]:
    """Of how many entities of each type each source says something."""
    found: dict[str, dict[EntityType, int]] = defaultdict(dict)
    query = Fact.select(
        Fact.source, Fact.entity_type, fn.COUNT(fn.DISTINCT(Fact.entity_id))
    ).group_by(Fact.source, Fact.entity_type)
    for source, entity_type, count in tuples(query):
        found[source][EntityType(entity_type)] = count
    return found


KEEP_FOUND = timedelta(days=30)
KEEP_NOT_FOUND = timedelta(days=7)


class StoredAnswer(NamedTuple):
    """An answer that still holds."""

    found: bool
    answer: dict[str, Any]
    asked_at: datetime


def stored_answer(provider: str, question: str) -> StoredAnswer | None:
    """What this provider answered to the question; None when it is to be asked (again)."""
    row = ProviderAnswer.get_or_none(
        ProviderAnswer.provider == provider,
        ProviderAnswer.question == question,
        ProviderAnswer.ask_again_at > utc_now(),
    )
    return StoredAnswer(row.found, row.answer, row.asked_at) if row else None


def store_answer(provider: str, question: str, answer: dict[str, Any], *, found: bool) -> datetime:
    """Keep an answer, in place of an older one, and return when it came.

    For KEEP_FOUND, or KEEP_NOT_FOUND.
    """
    now = utc_now()
    with transaction():
        ProviderAnswer.insert(
            provider=provider,
            question=question,
            found=found,
            answer=answer,
            asked_at=now,
            ask_again_at=now + (KEEP_FOUND if found else KEEP_NOT_FOUND),
        ).on_conflict(
            conflict_target=[ProviderAnswer.provider, ProviderAnswer.question],
            preserve=[
                ProviderAnswer.found,
                ProviderAnswer.answer,
                ProviderAnswer.asked_at,
                ProviderAnswer.ask_again_at,
            ],
        ).execute()
    return now


def drop_overdue_answers() -> int:
    """Forget the answers that no longer hold, and return how many."""
    with transaction():
        return int(
            ProviderAnswer.delete().where(ProviderAnswer.ask_again_at <= utc_now()).execute()
        )
