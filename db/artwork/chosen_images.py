"""What the user chose: an image for an entity in a role, which beats whatever else is found."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from db.models import ChosenImage, EntityType, Image, utc_now
from db.sql.queries import among, slices, tuples


class Choice(NamedTuple):
    """An image that the user chose."""

    digest: str
    source_path: str
    """The file that the user named."""


def chosen_images(
    entity_type: EntityType, entity_ids: Sequence[int]
) -> dict[int, dict[str, Choice]]:
    """What the user chose for each of the entities for which there is a choice, by role."""
    found: dict[int, dict[str, Choice]] = defaultdict(dict)
    for ids in slices(entity_ids):
        query = (
            ChosenImage.select(
                ChosenImage.entity_id, ChosenImage.role, Image.digest, ChosenImage.source_path
            )
            .join(Image)
            .where(ChosenImage.entity_type == entity_type, among(ChosenImage.entity_id, ids))
        )
        for entity_id, role, digest, source_path in tuples(query):
            found[entity_id][role] = Choice(digest, source_path)
    return dict(found)


def choose_image(entity_type: EntityType, entity_id: int, role: str, choice: Choice) -> None:
    """Write the user's choice, in place of an earlier one. The image has its row already."""
    image = Image.get(Image.digest == choice.digest)
    ChosenImage.insert(
        entity_type=entity_type,
        entity_id=entity_id,
        role=role,
        image=image.id,
        source_path=choice.source_path,
    ).on_conflict(
        conflict_target=[ChosenImage.entity_type, ChosenImage.entity_id, ChosenImage.role],
        update={
            ChosenImage.image: image.id,
            ChosenImage.source_path: choice.source_path,
            ChosenImage.chosen_at: utc_now(),
        },
    ).execute()


def withdraw_choice(entity_type: EntityType, entity_id: int, role: str) -> bool:
    """Drop the user's choice; whether there was one."""
    query = ChosenImage.delete().where(
        ChosenImage.entity_type == entity_type,
        ChosenImage.entity_id == entity_id,
        ChosenImage.role == role,
    )
    return bool(query.execute())
