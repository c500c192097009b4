"""Pictures as a page shows them: what it needs to make room for them before they are there."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from db.covers import FRONT
from db.models import Cover, EntityType, Image
from db.rows import tuples
from db.slices import slices

DISC = "disc-"
"""What the role of a disc's picture begins with; its number follows."""
FANART, LOGO = "fanart", "logo"


class Picture(NamedTuple):
    """A picture that an entity shows, and where it comes from."""

    digest: str
    width: int
    height: int
    bytes: int
    mime: str
    animated: bool
    colour: str | None
    """The dominant colour, "#rrggbb"."""
    placeholder: str | None
    """A ThumbHash, in base64."""
    source: str
    source_path: str
    licence: str | None
    author: str | None


def pictures(
    entity_type: EntityType, entity_ids: Sequence[int], roles: Sequence[str] = (FRONT,)
) -> dict[int, dict[str, Picture]]:
    """What each of the entities shows, by role; only pictures that can be shown.

    Without `roles` every role.
    """
    found: dict[int, dict[str, Picture]] = defaultdict(dict)
    for ids in slices(entity_ids):
        query = (
            Cover.select(
                Cover.entity_id,
                Cover.role,
                Image.digest,
                Image.width,
                Image.height,
                Image.bytes,
                Image.mime,
                Image.animated,
                Image.colour,
                Image.placeholder,
                Cover.source,
                Cover.source_path,
                Cover.licence,
                Cover.author,
            )
            .join(Image)
            .where(
                Cover.entity_type == entity_type,
                Cover.entity_id.in_(list(ids)),
                Image.fault.is_null(),
                Image.width.is_null(False),
            )
        )
        if roles:
            query = query.where(Cover.role.in_(list(roles)))
        for entity_id, role, *columns in tuples(query):
            found[entity_id][role] = Picture._make(columns)
    return dict(found)


def fronts(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, Picture]:
    """The front of each of the entities that shows one."""
    found = pictures(entity_type, entity_ids)
    return {entity_id: roles[FRONT] for entity_id, roles in found.items()}
