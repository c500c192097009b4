"""Tracks whose file is gone: for how long, and forgetting them."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from db import settings
from db.below import below
from db.errors import SettingError
from db.models import Track
from db.rows import tuples

NEVER = "never"
MOST = 2_000
"""Tracks that one look finds."""


def forget_after() -> int | None:
    """After how many days they are forgotten: FLEET_FORGET_MISSING_DAYS; None: never.

    Raises SettingError.
    """
    text = settings.value("FLEET_FORGET_MISSING_DAYS")
    if text.lower() == NEVER:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingError(
            f"FLEET_FORGET_MISSING_DAYS is {text!r} — write a number of days from 1 on, or never"
        )
    return int(text)


def missing_before(moment: datetime, roots: Sequence[str]) -> list[int]:
    """MOST tracks at most below these roots that have been missing since before a moment."""
    if not roots:
        return []
    there = reduce(or_, (below(Track.path, root) for root in roots))
    query = Track.select(Track.id).where(Track.missing_since < moment, there)
    return [track_id for (track_id,) in tuples(query.order_by(Track.id).limit(MOST))]


def delete(track_ids: Sequence[int]) -> None:
    """Delete their rows. Call it in the transaction that sees to what hangs on them."""
    Track.delete().where(Track.id.in_(list(track_ids))).execute()
