"""What providers on the web have answered, so that none is asked the same again too soon."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from db.connection import transaction
from db.models import ProviderAnswer, utc_now

KEEP_FOUND = timedelta(days=30)
KEEP_NOT_FOUND = timedelta(days=7)


class Remembered(NamedTuple):
    """An answer that still holds."""

    found: bool
    answer: dict[str, Any]
    asked_at: datetime


def remembered(provider: str, question: str) -> Remembered | None:
    """What this provider answered to the question; None when it is to be asked (again)."""
    row = ProviderAnswer.get_or_none(
        ProviderAnswer.provider == provider,
        ProviderAnswer.question == question,
        ProviderAnswer.ask_again_at > utc_now(),
    )
    return Remembered(row.found, row.answer, row.asked_at) if row else None


def remember(provider: str, question: str, answer: dict[str, Any], *, found: bool) -> datetime:
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


def drop_overdue() -> int:
    """Forget the answers that no longer hold, and return how many."""
    with transaction():
        return int(
            ProviderAnswer.delete().where(ProviderAnswer.ask_again_at <= utc_now()).execute()
        )
