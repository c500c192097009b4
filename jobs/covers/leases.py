"""Leasing what the ledger says is to be done for covers."""

from collections.abc import Sequence

from db import ledger
from db.connection import transaction
from db.models import EntityType, Kind

LEASE_SECONDS = 1800
"""Longer than a job of the queue may take."""


def lease(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str) -> list[int]:
    """Those of the entities that are to be done, leased to the job `holder` from now on."""
    with transaction():
        return ledger.lease(kind, entity_type, entity_ids, holder, LEASE_SECONDS)
