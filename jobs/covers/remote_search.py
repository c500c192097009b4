"""The search on the web for what one album or artist shows: what was found, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from db.covers import CHOSEN, FRONT, LOCAL, KnownImage, Shown
from db.ledger import Settled
from db.models import EntityType, State
from jobs.covers.sources import COVER_SHAPE, SHAPES


class RemotePicture(NamedTuple):
    """A picture that a provider gave, in the store."""

    role: str
    image: KnownImage
    provider: str
    url: str
    licence: str | None
    author: str | None


@dataclass
class RemoteSearch:
    """The search for one album or artist, and where it has come."""

    entity_type: EntityType
    entity_id: int
    ranks: Mapping[str, int]
    """The roles in which something may be looked for, and what rank that has there."""
    shown: Mapping[str, Shown]
    """What the entity shows by now, by role."""
    found: dict[str, RemotePicture] = field(default_factory=dict)
    """By role."""
    unfit: dict[str, RemotePicture] = field(default_factory=dict)
    """Pictures that are too small, or of the wrong shape: better than none."""
    images: dict[str, KnownImage] = field(default_factory=dict)
    """Every image that was looked at, by digest; their rows are to be written."""
    asked: list[str] = field(default_factory=list)
    """The providers that answered."""
    refusals: list[str] = field(default_factory=list)
    """Why there is nothing from each of them, or not what they offered."""
    faults: list[str] = field(default_factory=list)
    """Why others could not be asked."""

    def roles(self) -> set[str]:
        """The roles in which a picture is still looked for."""
        return {
            role
            for role, rank in self.ranks.items()
            if role not in self.found and may_be_beaten(self.shown.get(role), role, rank)
        }

    def best(self) -> dict[str, RemotePicture]:
        """What is to be shown in each role."""
        return {**self.unfit, **self.found}

    @property
    def is_local(self) -> bool:
        """Whether what is on disk is good enough."""
        return not may_be_beaten(self.shown.get(FRONT), FRONT, self.ranks[FRONT])

    @property
    def is_open(self) -> bool:
        """Whether somebody could not be asked who may have the front."""
        return bool(self.faults) and FRONT not in self.found and not self.is_local

    def settled(self) -> Settled:
        """How the search ended. `sources` are the providers that answered."""
        if self.is_local:
            reason = "there is a picture on disk"
            return Settled(self.entity_id, State.DONE, reason, self.asked)
        remarks = "; ".join([*self.refusals, *self.faults])
        shown = self.shown.get(FRONT)
        if FRONT in self.best() or (shown is not None and shown.source not in LOCAL):
            return Settled(self.entity_id, State.DONE, remarks or None, self.asked)
        nothing = remarks or "no provider is turned on (FLEET_PROVIDERS)"
        return Settled(self.entity_id, State.NONE, nothing, self.asked)


def is_fit(role: str, width: int | None, height: int | None) -> bool:
    """Whether a picture of this size is large enough, and of the right shape."""
    shape = SHAPES.get(role, COVER_SHAPE)
    shorter, longer = sorted((width or 0, height or 0))
    return shorter >= shape.shorter and longer <= shape.ratio * shorter


def may_be_beaten(shown: Shown | None, role: str, rank: int) -> bool:
    """Whether a picture from the web, of this rank, may take the place of what is shown.

    Never that of the user's own choice; of another picture on disk only when that is too small or
    of the wrong shape, or the owner's order has it after `external`.
    """
    if shown is None or shown.source not in LOCAL:
        return True
    return shown.source != CHOSEN and (
        rank < shown.rank or not is_fit(role, shown.width, shown.height)
    )


def is_beaten(shown: Shown | None, image: KnownImage, role: str, rank: int) -> bool:
    """Whether this picture from the web takes the place of what is shown: never of a larger one."""
    if shown is None:
        return True
    if not may_be_beaten(shown, role, rank):
        return False
    if shown.source in LOCAL and rank < shown.rank:
        return True
    fit, width, height = is_fit(role, image.width, image.height), image.width, image.height
    was_fit = is_fit(role, shown.width, shown.height)
    larger = (width or 0) * (height or 0) >= shown.width * shown.height
    return (fit and not was_fit) or (fit == was_fit and larger and shown.source not in LOCAL)
