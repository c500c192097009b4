"""Waking the workers for what the ledger says is to be done for covers."""

from collections.abc import Sequence

from db import ledger
from db.models import EntityType, Kind
from db.slices import slices
from worker.dispatch import enqueue

_NEEDS_PER_JOB = 50


def ring(kind: Kind, entity_type: EntityType, entity_ids: Sequence[int]) -> None:
    """Wake the workers for what these entities need. Call it after the commit of the need."""
    for need in ledger.NEEDS:
        if (need.kind, need.entity_type) == (kind, entity_type):
            for ids in slices(entity_ids, _NEEDS_PER_JOB):
                enqueue(need.job, **{need.argument: list(ids)})
