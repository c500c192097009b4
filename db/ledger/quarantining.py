"""What kills the processes that work on it, and is not tried again."""

from typing import NamedTuple

from db.ledger.asking import need
from db.ledger.needs import Need
from db.ledger.rows import these
from db.models import EntityType, Kind, LedgerRow, State


class Quarantine(NamedTuple):
    """What was worked on, by which job, and what ended the processes at work."""

    path: str
    stage: str
    signal: str


def quarantine(need_: Need, entity_id: int, where: Quarantine, reason: str) -> None:
    """Say that working on this entity kills processes, so that it is not tried again."""
    LedgerRow.update(
        state=State.QUARANTINED,
        reason=reason,
        lease=None,
        leased_until=None,
        look_again_at=None,
        **where._asdict(),
    ).where(these(need_.kind, need_.entity_type, [entity_id])).execute()


def quarantine_file(problem_id: int, where: Quarantine, reason: str) -> None:
    """Say that reading this file kills processes; `problem_id` is its row in `problems`."""
    need(Kind.TAGS, EntityType.FILE, [problem_id])
    LedgerRow.update(state=State.QUARANTINED, reason=reason, **where._asdict()).where(
        these(Kind.TAGS, EntityType.FILE, [problem_id])
    ).execute()


def quarantined() -> list[LedgerRow]:
    """Every row of what is not tried again, oldest first."""
    query = LedgerRow.select().where(LedgerRow.state == State.QUARANTINED)
    return list(query.order_by(LedgerRow.id))
