"""The rows of some entities."""

from collections.abc import Sequence

from peewee import Expression

from db.models import EntityType, Kind, LedgerRow


def these(kind: Kind, entity_type: EntityType, ids: Sequence[int]) -> Expression:
    """Whether a row is of this kind and of one of these entities."""
    return (
        (LedgerRow.kind == kind)
        & (LedgerRow.entity_type == entity_type)
        & (LedgerRow.entity_id.in_(list(ids)))
    )
