"""What stands whatever is on disk: what the user chose, and what a provider on the web gave."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from db import choices, covers
from db.choices import Choice
from db.cover_orders import EXTERNAL
from db.covers import CHOSEN, LOCAL, Shown
from db.models import EntityType
from jobs.covers.candidates import USERS_RANK, Candidate
from jobs.covers.choosing import Search


class Standing(NamedTuple):
    """What an entity shows by now, and what the user chose for it, by role."""

    shown: Mapping[str, Shown]
    chosen: Mapping[str, Choice]

    def search(
        self,
        entity_id: int,
        role: str,
        order: Sequence[str] = (),
        candidates: Sequence[Candidate] = (),
    ) -> Search:
        """The search for a role, with what stands among the candidates."""
        shown = self.shown.get(role)
        every = [*self._chosen(role), *candidates, *self._external(role, order)]
        return Search(entity_id, role, every, shown)

    def _chosen(self, role: str) -> list[Candidate]:
        choice = self.chosen.get(role)
        if choice is None:
            return []
        digest, path = choice
        return [Candidate(CHOSEN, "set by you", USERS_RANK, (USERS_RANK,), path, digest=digest)]

    def _external(self, role: str, order: Sequence[str]) -> list[Candidate]:
        """What a provider gave stays a candidate; it is shown until something on disk beats it."""
        shown = self.shown.get(role)
        if shown is None or shown.source in LOCAL:
            return []
        rank = order.index(EXTERNAL) if EXTERNAL in order else len(order)
        return [
            Candidate(
                shown.source,
                EXTERNAL,
                rank,
                (rank,),
                shown.source_path,
                digest=shown.digest,
                licence=shown.licence,
                author=shown.author,
            )
        ]


def standing(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, Standing]:
    """What stands for each of the entities."""
    shown = covers.shown(entity_type, entity_ids)
    chosen = choices.choices(entity_type, entity_ids)
    return {
        entity_id: Standing(shown.get(entity_id, {}), chosen.get(entity_id, {}))
        for entity_id in entity_ids
    }
