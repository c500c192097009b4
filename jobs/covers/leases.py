"""Leasing what the ledger says is to be done for covers, and waking the workers for it."""

from collections.abc import Sequence

from db import ledger
from db.connection import transaction
from db.models import EntityType, Kind
from db.slices import slices
from worker.dispatch import enqueue

LEASE_SECONDS = 1800
"""Longer than a job of the queue may take."""
_NEEDS_PER_JOB = 50


def lease(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int], holder: str) -> list[int]:
    """Those of the entities that are to be done, leased to the job `holder` from now on."""
    with transaction():
        return ledger.lease(kind, entity_type, entity_ids, holder, LEASE_SECONDS)


def ring(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Wake the workers for what these entities need. Call it after the commit of the need."""
    for need in ledger.NEEDS:
        if (need.kind, need.entity_type) == (kind, entity_type):
            for ids in slices(entity_ids, _NEEDS_PER_JOB):
                enqueue(need.job, **{need.argument: list(ids)})
