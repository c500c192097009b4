"""Checks of the entities that a job is to work on, for whoever enqueues it may name any."""

from db.library.search import entity_exists
from db.models import EntityType
from jobs.errors import NoSuchEntityError


def check_exists(entity_type: EntityType, entity_id: int) -> None:
    """Raises NoSuchEntityError when there is no such track, album or artist."""
    if not entity_exists(entity_type, entity_id):
        raise NoSuchEntityError(
            f"there is no {entity_type} {entity_id} — look it up in the database"
        )
