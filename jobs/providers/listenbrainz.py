"""ListenBrainz: who listens to an artist, and to whom else; no key.

    /stats/artist/MBID/listeners          (listenbrainz.readthedocs.io, "Statistics")
    {"payload": {"artist_mbid": MBID, "total_listen_count": 120, "total_user_count": 7,
                 "listeners": [{"user_name": …, "listen_count": 12}], …}}    204 when there is none

    labs: /similar-artists/json?artist_mbids=MBID&algorithm=…     (labs.api.listenbrainz.org)
    [{"artist_mbid": MBID, "name": …, "score": 2718, "reference_mbid": MBID}, …]

Names of listeners are not kept. Its data are CC0.
"""

from typing import Any

from db.enrichment.facts import FactValue
from jobs.providers.answers import CachedCaller
from jobs.providers.caller import Caller, Callers
from jobs.providers.provider import DatedFacts, FactProvider, KnownArtist, mbid

ALGORITHM = (
    "session_based_days_7500_session_300_contribution_5_threshold_10_limit_100_filter_True_skip_30"
)
"""The one that the site itself shows."""
_MOST_SIMILAR = 20
_LICENCE = "CC0 1.0"


def facts(callers: Callers) -> "ListenBrainz":
    """The provider, as the registry opens it."""
    return ListenBrainz(callers.of("listenbrainz"), callers.of("listenbrainz-labs"))


class ListenBrainz(FactProvider):
    """Listens, listeners and similar artists."""

    name = "listenbrainz"

    def __init__(self, listenbrainz: Caller, labs: Caller) -> None:
        self._stats = CachedCaller(listenbrainz)
        self._labs = CachedCaller(labs)

    def about_artist(self, artist: KnownArtist) -> DatedFacts:
        """By the MusicBrainz id."""
        stats = self._stats.get(f"/stats/artist/{artist.id}/listeners", {}, _counts)
        asked = {"artist_mbids": artist.id, "algorithm": ALGORITHM}
        similar = self._labs.get("/similar-artists/json", asked, _similar)
        url = f"https://listenbrainz.org/artist/{artist.id}/"
        values = {**(stats.body or {}), "similar_artists": similar.body}
        facts = [FactValue(field, value, url, _LICENCE) for field, value in values.items() if value]
        return DatedFacts(facts, min(stats.asked_at, similar.asked_at))


def _counts(body: Any) -> dict[str, int]:
    payload = body.get("payload") if isinstance(body, dict) else None
    found = payload if isinstance(payload, dict) else {}
    counts = {"listeners": found.get("total_user_count"), "plays": found.get("total_listen_count")}
    return {field: count for field, count in counts.items() if isinstance(count, int)}


def _similar(body: Any) -> list[dict[str, Any]]:
    found = [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []
    most = max((_score(each) for each in found), default=0)
    return [
        {
            "name": each["name"],
            "id": mbid(str(each.get("artist_mbid"))),
            "score": round(_score(each) / most, 3),
        }
        for each in found[:_MOST_SIMILAR]
        if isinstance(each.get("name"), str) and _score(each) > 0
    ]


def _score(entry: dict[str, Any]) -> float:
    score = entry.get("score")
    return score if isinstance(score, int | float) else 0
