"""What providers are asked, and what they answer: of pictures, and of facts."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from db.enrichment.facts import FactValue
from jobs.providers.caller import Caller

LONGEST_NAME = 200
"""Characters. What is longer is no name, and no server takes it."""
_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Offer(NamedTuple):
    """A picture that a provider has."""

    role: str
    urls: list[str]
    """The same picture in several sizes or places, the best first."""
    licence: str | None = None
    author: str | None = None


class Question(NamedTuple):
    """Something to ask a provider, once: its answer is kept."""

    text: str
    """Says what is asked, the same each time; holds no key."""
    ask: Callable[[], list[Offer]]
    """Raises UnavailableError or RefusedError."""


class PictureProvider(ABC):
    """A provider of pictures. It need not know of both albums and artists."""

    name: ClassVar[str]
    """As FLEET_PROVIDERS has it, and `covers.source`."""
    album_roles: ClassVar[frozenset[str]] = frozenset()
    """Which pictures of albums it may have."""
    artist_roles: ClassVar[frozenset[str]] = frozenset()
    """Which pictures of artists it may have."""

    def __init__(self, pictures: Caller) -> None:
        """`pictures` is the service whose URLs are offered."""
        self._pictures = pictures

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """What to ask for an album's cover, in order, until there is an answer."""
        return []

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """What to ask for an artist's pictures, in order, until there is an answer."""
        return []

    def download(self, url: str, most: int) -> bytes:
        """The bytes of a picture that was offered, at most so many.

        Raises UnavailableError or BadDownloadError.
        """
        return self._pictures.download(url, most)


class KnownArtist(NamedTuple):
    """An artist who was identified."""

    id: str
    """The MusicBrainz id."""
    name: str
    wikidata: str | None
    """The entity of Wikidata: Q2831."""


class DatedFacts(NamedTuple):
    """Facts, and when they were fetched."""

    facts: list[FactValue]
    fetched_at: datetime


class FactProvider(ABC):
    """A provider of facts on artists."""

    name: ClassVar[str]
    """As FLEET_PROVIDERS has it, and `facts.source`."""

    @abstractmethod
    def about_artist(self, artist: KnownArtist) -> DatedFacts | None:
        """What is known of the artist; None when there is nothing to ask by.

        Raises UnavailableError or RefusedError.
        """


def mbid(text: str | None) -> str | None:
    """A MusicBrainz id from a tag; None when it is none, so that nothing else gets into a URL."""
    found = (text or "").strip().lower()
    return found if _MBID.fullmatch(found) else None


def entries(body: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of a list that lies in a JSON answer under these keys; none where it does not."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def urls_of(entry: dict[str, Any], *keys: str) -> list[str]:
    """The URLs under these keys, in this order, each once."""
    values = (entry.get(key) for key in keys)
    return list(dict.fromkeys(v for v in values if isinstance(v, str) and v.startswith("http")))


_ACCENTS = re.compile("[\u0300-\u036f]")
"""Combining marks of Latin, Greek and Cyrillic; those of other scripts make other letters."""
_NOT_A_WORD = re.compile(r"[\W_]+")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_EDITION = re.compile(
    r"[(\[][^()\[\]]*\b(?:deluxe|remaster(?:ed)?|expanded|anniversary|edition|reissue|explicit|"
    r"bonus tracks?|special|limited|mono|stereo)\b[^()\[\]]*[)\]]",
    re.IGNORECASE,
)
"""What a shop adds to the title of the same record. A live or remix album is another record."""
_VARIOUS = {"various artists", "various", "va", "v a", "unknown artist", "unknown", "no artist"}


def normal(name: str) -> str:
    """A name without what spellings differ in: case, accents, punctuation, "&" for "and".

    One that consists of nothing else, such as "!!!", stays as it is.
    """
    folded = unicodedata.normalize("NFKD", name).casefold()
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", folded))
    words = _APOSTROPHES.sub("", plain).replace("&", " and ")
    return _NOT_A_WORD.sub(" ", words).strip() or plain.strip()


def without_edition(title: str) -> str:
    """A title without "(Deluxe Edition)" and the like."""
    return _EDITION.sub(" ", title)


def is_somebody(name: str) -> bool:
    """Whether a name stands for one artist, of whom there can be a picture."""
    return normal(name) not in _VARIOUS
