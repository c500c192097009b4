"""The search for the picture that an entity shows: candidates in order, and the one that wins.

A candidate's tier is its place: the user's own choice, then the order's entries, within an entry
the nearer folder, the unnumbered name, the better picture type. Of equal tiers the larger wins.
Whatever its tier, a picture that is too small or of the wrong shape comes after all that are not.

What is shown gives way to a smaller picture of the same source only when it is itself gone. For
files the same source is the same tier (`cover.jpg` and `cover.png` of one folder), for embedded
pictures the same picture type, for a provider the provider. What the user chose, and what a
provider gave, stay candidates whatever is on disk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from db.artwork import covers, images
from db.artwork.covers import CHOSEN, EMBEDDED, FOLDER, LOCAL, Chosen, Shown
from db.artwork.images import Choice, KnownImage
from db.ledger import Obstacle
from db.models import EntityType, Role
from db.settings.cover_orders import EXTERNAL
from db.sql.path_text import shown as as_shown
from jobs.covers import folder_images
from jobs.covers.candidates import COVER_SHAPE, SHAPES, USERS_RANK, Candidate, Tier
from jobs.covers.embedded import gather
from jobs.pictures import store
from jobs.pictures.errors import Fault
from jobs.pictures.stored_images import Gathered
from jobs.records import ProblemCode


class JudgedCandidate(NamedTuple):
    """A candidate that was examined."""

    candidate: Candidate
    fault: Fault | None = None
    """Why it cannot be shown."""
    width: int = 0
    height: int = 0
    unfit: str | None = None
    """Why it comes after all others, though it can be shown."""

    @property
    def pixels(self) -> int:
        """The size of the picture."""
        return self.width * self.height


@dataclass
class Search:
    """The search for the picture that one entity shows in one role."""

    entity_id: int
    role: str = Role.FRONT
    candidates: list[Candidate] = field(default_factory=list)
    shown: Shown | None = None
    """What the entity shows in this role by now."""
    judgements: list[JudgedCandidate] = field(default_factory=list)
    unavailable: bool = False
    """Whether a candidate could not be had this time that may be good."""
    blocked: Obstacle | None = None
    """What kept candidates from being found."""

    @property
    def winner(self) -> JudgedCandidate | None:
        """The best of the examined ones."""
        showable = [judgement for judgement in self.judgements if judgement.fault is None]
        if not showable:
            return None
        best = min(showable, key=preference)
        mine = next(
            (judgement for judgement in showable if self.is_shown(judgement.candidate)), best
        )
        return mine if _would_shrink(mine, best) else best

    @property
    def is_settled(self) -> bool:
        """Whether no candidate that is left could beat the winner."""
        return (winner := self.winner) is not None and winner.unfit is None

    @property
    def obstacle(self) -> Obstacle | None:
        """What in the surroundings kept a candidate from being found or had, if it was that."""
        return self.blocked or next(
            (each for each in self._obstacles() if not each.is_of_item), None
        )

    @property
    def gone(self) -> Obstacle | None:
        """Where the file of a candidate is gone, if it is, whose place is there."""
        return next((each for each in self._obstacles() if each.is_of_item), None)

    def _obstacles(self) -> Iterator[Obstacle]:
        for each in self.judgements:
            if each.fault is not None and each.fault.obstacle is not None:
                yield each.fault.obstacle

    def is_shown(self, candidate: Candidate) -> bool:
        """Whether this is what the entity shows by now."""
        return (
            self.shown is not None
            and self.shown.source == candidate.source
            and self.shown.digest == candidate.digest
        )

    def chosen(self) -> Chosen | None:
        """The winner as a row of `covers`; None too when what is shown stays.

        That is so while an obstacle is in the way: what is shown may be what cannot be read.
        """
        winner = self.winner
        if winner is None or (self.obstacle is not None and self.shown is not None):
            return None
        picture = winner.candidate
        return Chosen(
            self.entity_id,
            picture.digest or "",
            picture.source,
            picture.rank,
            picture.path,
            self.role,
            picture.licence,
            picture.author,
        )

    def refusals(self) -> list[str]:
        """Why each candidate that cannot be shown cannot."""
        return [
            f"{as_shown(judgement.candidate.path)}: {judgement.fault}"
            for judgement in self.judgements
            if judgement.fault
        ]


def search(searches: Sequence[Search], *, thorough: bool = False) -> dict[str, KnownImage]:
    """Examine candidates until each search has its winner; with `thorough` all of them.

    All searches try their best tier together, then those that need it their next one: so the
    pictures of many are decoded by one child, and no more than needed. Returns the images whose
    rows are to be written, by digest. Raises StoreError.
    """
    fresh: dict[str, KnownImage] = {}
    tiers = [(each, _tiers(each)) for each in searches]
    while offers := [
        (each, candidate)
        for each, left in tiers
        if left and (thorough or not each.is_settled)
        for candidate in left.pop(0)
    ]:
        fresh |= _judge_offers(offers)
    return fresh


def _tiers(search: Search) -> list[list[Candidate]]:
    """The candidates tier by tier; with the first of them the one that is shown by now."""
    ordered = sorted(search.candidates, key=lambda candidate: candidate.tier)
    current = [each for each in ordered if each.source == EMBEDDED and search.is_shown(each)]
    others = [each for each in ordered if each not in current]
    tiers = [list(tier) for _, tier in groupby(others, key=lambda candidate: candidate.tier)]
    if tiers:
        tiers[0] += current
    return tiers or ([current] if current else [])


def preference(judgement: JudgedCandidate) -> tuple[bool, Tier, int]:
    """What counts of a picture that can be shown: the smallest is the best."""
    return judgement.unfit is not None, judgement.candidate.tier, -judgement.pixels


def _would_shrink(mine: JudgedCandidate, best: JudgedCandidate) -> bool:
    """Whether the best is a smaller picture of the source that `mine`, which is shown, is from."""
    return (
        mine.candidate.source == best.candidate.source == EMBEDDED
        and mine.candidate.tier[:2] == best.candidate.tier[:2]
        and mine.pixels > best.pixels
        and (mine.unfit is None or best.unfit is not None)
    )


def _judge_offers(offers: Iterable[tuple[Search, Candidate]]) -> dict[str, KnownImage]:
    """Examine a candidate of each search, and return what is new of their images."""
    at_hand: list[tuple[Search, Candidate]] = []
    for search, candidate in offers:
        taken = _taken(candidate)
        if isinstance(taken, Fault):
            search.judgements.append(JudgedCandidate(candidate, taken))
        else:
            at_hand.append((search, taken))
    gathered = gather({each.digest: each.bytes for _, each in at_hand if each.digest})
    for search, candidate in at_hand:
        search.judgements.append(judged(search, candidate, gathered))
    return {image.digest: image for image in gathered.fresh}


def _taken(candidate: Candidate) -> Candidate | Fault:
    """The candidate with its picture's digest; a picture file is stored for that."""
    if candidate.source == CHOSEN:
        return _chosen_taken(candidate)
    if candidate.source != FOLDER:
        return candidate
    data = folder_images.read(candidate.path, candidate.root)
    if isinstance(data, Fault):
        return data
    return candidate._replace(digest=store.put(data), bytes=len(data))


def _chosen_taken(candidate: Candidate) -> Candidate | Fault:
    """What the user chose is in the store; the file that it came from may be there still."""
    digest = candidate.digest or ""
    if not store.holds(store.original(digest)):
        data = folder_images.read(candidate.path, "/")
        if isinstance(data, Fault) and data.obstacle is not None:
            return data
        if isinstance(data, Fault) or store.digest_of(data) != digest:
            return Fault(
                ProblemCode.VANISHED,
                "the picture that was set is no longer in the store — "
                "set another by `fleet cover set`",
            )
        store.put(data)
    return candidate


def judged(search: Search, candidate: Candidate, gathered: Gathered) -> JudgedCandidate:
    """What a candidate is, now that its picture is at hand or cannot be had."""
    digest = candidate.digest or ""
    fault = gathered.fault(digest)
    if fault is not None:
        # What else is lost does not come back by waiting.
        search.unavailable |= candidate.source == EMBEDDED and gathered.unavailable(digest)
        return JudgedCandidate(candidate, fault)
    image = gathered.images[digest]
    width, height = image.width or 0, image.height or 0
    unfit = None if candidate.source == CHOSEN else _unfit(search.role, width, height)
    return JudgedCandidate(candidate._replace(bytes=image.bytes), None, width, height, unfit)


def _unfit(role: str, width: int, height: int) -> str | None:
    """Why a picture of this size comes after all others in this role."""
    shape = SHAPES.get(role, COVER_SHAPE)
    shorter, longer = sorted((width, height))
    if shorter < shape.shorter:
        return f"smaller than {shape.shorter} pixels"
    if longer > shape.ratio * shorter:
        return "far from square" if shape is COVER_SHAPE else "far too long"
    return None


class CurrentCovers(NamedTuple):
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


def current_covers(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, CurrentCovers]:
    """What stands for each of the entities."""
    shown = covers.shown(entity_type, entity_ids)
    chosen = images.chosen_images(entity_type, entity_ids)
    return {
        entity_id: CurrentCovers(shown.get(entity_id, {}), chosen.get(entity_id, {}))
        for entity_id in entity_ids
    }
