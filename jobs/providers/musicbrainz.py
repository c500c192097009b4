"""MusicBrainz: lookups by id and ISRC, browsing, and search (musicbrainz.org/doc/MusicBrainz_API).

    /release/MBID?inc=…     /release-group/…     /recording/MBID?inc=…     /artist/MBID?inc=…
    /isrc/ISRC?inc=…        {"isrc": …, "recordings": […]}
    /release?release-group=MBID&inc=…                        {"releases": […]}
    /release?query=LUCENE   {"releases": [{"score": 100, …}]}   and so for recording and artist

What is kept of an answer are the keys of `KEYS`; `musicbrainz_answers` reads them. An id that was
merged into another is answered with that other one. A query is Lucene's (musicbrainz.org/doc/
MusicBrainz_API/Search).
"""

import re
from collections.abc import Iterable
from typing import Any

from jobs.providers.answers import Answered, CachedCaller
from jobs.providers.caller import Caller, Callers
from jobs.providers.musicbrainz_answers import (
    Artist,
    Candidate,
    Recording,
    Release,
    artists,
    candidates,
    recordings,
    releases,
)
from jobs.providers.provider import entries

RELEASE_PARTS = (
    "recordings artist-credits labels release-groups genres isrcs url-rels release-group-level-rels"
)
"""All that is wanted of an album and of each of its tracks, in one request."""
RECORDING_PARTS = "artist-credits isrcs genres url-rels"
ISRC_PARTS = f"{RECORDING_PARTS} releases release-groups media"
ARTIST_PARTS = "aliases genres url-rels"
MOST_FOUND = 50
"""Of the answers to a search."""
_KEYS = """
    releases release-groups release-group recordings recording artists artist tracks track media
    label-info label relations url resource aliases genres isrcs life-span begin end area
    begin-area iso-3166-1-codes artist-credit id name title disambiguation score date country
    barcode status position number length track-count catalog-number type ended primary-type
    secondary-types first-release-date locale primary count joinphrase gender
"""
KEYS = frozenset(_KEYS.split())
_SPECIAL = re.compile(r'([\\"])')
_WORD = re.compile(r"[^\W_]+")
_SHORTEST_FUZZY = 3
"""Letters: shorter words have too many neighbours."""
_MOST_WORDS = 8


def facts(callers: Callers) -> "MusicBrainz":
    """The provider, as the registry opens it."""
    return MusicBrainz(callers.of("musicbrainz"))


class MusicBrainz:
    """The web service, version 2."""

    def __init__(self, caller: Caller) -> None:
        self.name = caller.name
        self._service = CachedCaller(caller)

    def release(self, release_id: str) -> tuple[Release | None, Answered]:
        """A release with its tracks, or None. All of these raise UnavailableError, RefusedError."""
        found = self._lookup("release", release_id, RELEASE_PARTS)
        return next(iter(releases([found.body])), None), found

    def recording(self, recording_id: str) -> tuple[Recording | None, Answered]:
        """A recording, or None."""
        found = self._lookup("recording", recording_id, RECORDING_PARTS)
        return next(iter(recordings([found.body])), None), found

    def artist(self, artist_id: str) -> tuple[Artist | None, Answered]:
        """An artist, or None."""
        found = self._lookup("artist", artist_id, ARTIST_PARTS)
        return next(iter(artists([found.body])), None), found

    def artist_urls(self, artist_id: str) -> dict[str, list[str]]:
        """The URLs that an artist is related to, by type of relation."""
        artist, _ = self.artist(artist_id)
        return artist.links if artist else {}

    def by_isrc(self, isrc: str) -> tuple[list[Recording], Answered]:
        """The recordings that have this ISRC, and which releases they are on."""
        found = self._lookup("isrc", isrc, ISRC_PARTS)
        return recordings(entries(found.body, "recordings")), found

    def editions(self, release_group_id: str) -> list[Candidate]:
        """The releases of a release group."""
        params = {
            "release-group": release_group_id,
            "inc": "media labels artist-credits release-groups",
            "limit": "100",
        }
        found = self._get("/release", params)
        return candidates(entries(found.body, "releases"))

    def search_releases(self, query: str) -> list[Candidate]:
        """The releases that Lucene finds, the best first."""
        return candidates(self._found("release", query))

    def search_recordings(self, query: str) -> list[Recording]:
        """The recordings that Lucene finds, the best first."""
        return recordings(self._found("recording", query))

    def search_artists(self, query: str) -> list[Artist]:
        """The artists that Lucene finds, the best first."""
        return artists(self._found("artist", query))

    def _found(self, entity: str, query: str) -> list[dict[str, Any]]:
        found = self._get(f"/{entity}", {"query": query, "limit": str(MOST_FOUND)})
        return entries(found.body, f"{entity}s")

    def _lookup(self, entity: str, entity_id: str, parts: str) -> Answered:
        return self._get(f"/{entity}/{entity_id}", {"inc": parts})

    def _get(self, path: str, params: dict[str, str]) -> Answered:
        return self._service.get(path, {**params, "fmt": "json"}, pruned)


def pruned(body: Any) -> Any:
    """An answer with those of its keys that are of use; nothing when it found nothing."""
    if isinstance(body, dict) and body.get("count") == 0:
        return None
    return _pruned(body)


def _pruned(body: Any) -> Any:
    if isinstance(body, dict):
        kept = {key: _pruned(value) for key, value in body.items() if key in KEYS}
        return {key: value for key, value in kept.items() if value not in (None, "", [], {})}
    return list(map(_pruned, body)) if isinstance(body, list) else body


def phrase(field: str, text: str) -> str:
    """A term of a query: the words in this order."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return f'{field}:"{escaped}"'


def fuzzy(field: str, text: str) -> str:
    """A term of a query: the words, each of which may be misspelt by two letters."""
    words = list(dict.fromkeys(_WORD.findall(text.lower())))[:_MOST_WORDS]
    return f"{field}:({' '.join(w + '~' if len(w) >= _SHORTEST_FUZZY else w for w in words)})"


def either(terms: Iterable[str]) -> str:
    """A query for any of these."""
    return "(" + " OR ".join(terms) + ")"
