"""Taking in what the user chose for an album or artist."""

from db import ledger
from db.artwork import chosen_images, images
from db.artwork.chosen_images import Choice
from db.library import search
from db.models import EntityType, Kind, Role
from db.sql.connection import transaction
from jobs.covers import folder_images, store
from jobs.covers.embedded import gather
from jobs.covers.errors import Fault, NoSuchRoleError
from jobs.covers.sources import ARTIST_ROLES

_MOST_DISCS = 999
_ROLES = {
    EntityType.ALBUM: {Role.FRONT, *(Role.of_disc(disc + 1) for disc in range(_MOST_DISCS))},
    EntityType.ARTIST: {Role.FRONT, *ARTIST_ROLES},
}


def check(entity_type: EntityType, entity_id: int, role: str) -> None:
    """Raise NoSuchRoleError unless there is such an album or artist, and it can show this."""
    if not search.entity_exists(entity_type, entity_id):
        raise NoSuchRoleError(f"there is no {entity_type} {entity_id} — look it up in the database")
    if role not in _ROLES[entity_type]:
        of_artists = ", ".join(ARTIST_ROLES)
        known = "disc-1, disc-2 …" if entity_type is EntityType.ALBUM else of_artists
        raise NoSuchRoleError(f"an {entity_type} shows nothing as {role!r} — write front, {known}")


def take(entity_type: EntityType, entity_id: int, role: str, path: str) -> str | None:
    """Store the picture in a file as the user's choice; why it is refused, if it is.

    What the entity shows is to be chosen again from then on. Raises NoSuchRoleError and StoreError.
    """
    check(entity_type, entity_id, role)
    data = folder_images.read(path, "/")
    if isinstance(data, Fault):
        return str(data)
    digest = store.put(data)
    gathered = gather({digest: len(data)}, look_again=True)
    fault = gathered.fault(digest)
    if fault is not None:
        return str(fault)
    with transaction():
        images.record(list(gathered.fresh))
        chosen_images.choose_image(entity_type, entity_id, role, Choice(digest, path))
        ledger.need(Kind.COVER, entity_type, [entity_id])
    return None


def withdraw(entity_type: EntityType, entity_id: int, role: str) -> bool:
    """Forget the user's choice, so that the cover is chosen again; whether there was one.

    Raises NoSuchRoleError.
    """
    check(entity_type, entity_id, role)
    with transaction():
        if not chosen_images.withdraw_choice(entity_type, entity_id, role):
            return False
        ledger.need(Kind.COVER, entity_type, [entity_id])
        return True
