"""Leases of the ledger that nobody honours any more."""

from datetime import datetime, timedelta
from typing import NamedTuple

from peewee import fn

from db.models import LedgerRow, State, utc_now
from db.rows import tuples


class Overdue(NamedTuple):
    """Needs whose lease has run out."""

    leases: int
    since: datetime | None
    """When the first of these leases ran out; None when there is none."""


def overdue(grace: timedelta) -> Overdue:
    """The needs whose lease ran out longer than `grace` ago, and which nobody took up since."""
    query = LedgerRow.select(fn.COUNT(LedgerRow.id), fn.MIN(LedgerRow.leased_until)).where(
        LedgerRow.state == State.LEASED, LedgerRow.leased_until < utc_now() - grace
    )
    ((leases, since),) = tuples(query)
    return Overdue(leases, since)
