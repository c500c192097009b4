"""What a provider of facts is asked about an artist who was identified, and what it answers."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar, NamedTuple

from db.facts import Told


class KnownArtist(NamedTuple):
    """An artist who was identified."""

    id: str
    """The MusicBrainz id."""
    name: str
    wikidata: str | None
    """The entity of Wikidata: Q2831."""


class ToldAt(NamedTuple):
    """Facts, and when they were fetched."""

    facts: list[Told]
    fetched_at: datetime


class FactProvider(ABC):
    """Somebody who knows more of artists than their names."""

    name: ClassVar[str]
    """As FLEET_PROVIDERS has it, and `facts.source`."""

    @abstractmethod
    def about_artist(self, artist: KnownArtist) -> ToldAt | None:
        """What is known of the artist; None when there is nothing to ask by.

        Raises UnavailableError or RefusedError.
        """
