"""Last.fm: listeners, tags and similar artists; needs a key.

    /?method=artist.getinfo&artist=NAME&autocorrect=0&api_key=…&format=json (last.fm/api)
    {"artist": {"name": …, "mbid": MBID or "", "url": URL,
                "stats": {"listeners": "12345", "playcount": "678901"},
                "tags": {"tag": [{"name": "shoegaze", "url": …}]}}}

    /?method=artist.getsimilar&artist=NAME&limit=20&…
    {"similarartists": {"artist": [{"name": …, "mbid": …, "match": "0.87"}]}}

All of one name share a page there, so what it says of another MusicBrainz id is not taken. Its
biographies are left to Wikipedia, for their licence differs from page to page.
"""

from typing import Any

from db.facts import Told
from jobs.providers.asking import Answered, Remembering
from jobs.providers.caller import Caller
from jobs.providers.facts import FactProvider, KnownArtist, ToldAt
from jobs.providers.lastfm import check
from jobs.providers.names import normal
from jobs.providers.provider import LONGEST_NAME, entries, mbid

_MOST_SIMILAR, _MOST_TAGS = 20, 10


class LastFmFacts(FactProvider):
    """What its users hear."""

    name = "lastfm"

    def __init__(self, lastfm: Caller, key: str) -> None:
        self._service = Remembering(lastfm, {"api_key": key}, check)

    def about_artist(self, artist: KnownArtist) -> ToldAt | None:
        """By the name that MusicBrainz has."""
        if len(artist.name) > LONGEST_NAME:
            return None
        info = self._get("artist.getinfo", artist.name, _info)
        if info.body is None or not _is_meant(info.body, artist):
            return ToldAt([], info.asked_at)
        similar = self._get("artist.getsimilar", artist.name, _similar)
        told = {
            "listeners": info.body["listeners"],
            "plays": info.body["plays"],
            "tags": info.body["tags"],
            "similar_artists": similar.body,
        }
        url = info.body["url"]
        facts = [Told(field, value, url) for field, value in told.items() if value]
        return ToldAt(facts, min(info.asked_at, similar.asked_at))

    def _get(self, method: str, name: str, keep: Any) -> Answered:
        asked = {"method": method, "artist": name, "autocorrect": "0", "format": "json"}
        if keep is _similar:
            asked["limit"] = str(_MOST_SIMILAR)
        return self._service.get("/", asked, keep)


def _is_meant(info: dict[str, Any], artist: KnownArtist) -> bool:
    is_called = normal(info["name"]) == normal(artist.name)
    return is_called and info["mbid"] in {None, artist.id}


def _info(body: Any) -> dict[str, Any] | None:
    entry = body.get("artist") if isinstance(body, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None
    stats, tags, url = entry.get("stats"), entry.get("tags"), entry.get("url")
    names = (each.get("name") for each in entries(tags, "tag"))
    return {
        "name": entry["name"],
        "mbid": mbid(str(entry.get("mbid"))),
        "url": url if isinstance(url, str) and url.startswith("http") else None,
        "listeners": _count(stats, "listeners"),
        "plays": _count(stats, "playcount"),
        "tags": [name for name in names if isinstance(name, str)][:_MOST_TAGS],
    }


def _similar(body: Any) -> list[dict[str, Any]]:
    found = entries(body, "similarartists", "artist")
    return [
        {"name": each["name"], "id": mbid(str(each.get("mbid"))), "score": _match(each)}
        for each in found[:_MOST_SIMILAR]
        if isinstance(each.get("name"), str)
    ]


def _match(entry: dict[str, Any]) -> float:
    try:
        return round(float(entry.get("match") or 0), 3)
    except (TypeError, ValueError):
        return 0.0


def _count(stats: Any, name: str) -> int | None:
    count = str(stats.get(name)) if isinstance(stats, dict) else ""
    return int(count) if count.isdecimal() else None
