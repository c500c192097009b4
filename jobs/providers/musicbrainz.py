"""MusicBrainz: where else on the web an artist is to be found.

`/artist/MBID?inc=url-rels&fmt=json` (musicbrainz.org/doc/MusicBrainz_API):

    {"id": MBID, "relations": [{"type": "wikidata", "ended": false,
                                "url": {"resource": "https://www.wikidata.org/wiki/Q2831"}}]}
"""

from jobs.providers.caller import Caller
from jobs.providers.provider import entries


class MusicBrainz:
    """The web service, version 2."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def artist_urls(self, artist_id: str) -> dict[str, list[str]]:
        """The URLs that the artist of this MBID is related to, by type of relation.

        Raises UnavailableError or RefusedError.
        """
        body = self._caller.json(f"/artist/{artist_id}", {"inc": "url-rels", "fmt": "json"})
        urls: dict[str, list[str]] = {}
        for relation in entries(body, "relations"):
            url = relation.get("url")
            resource = url.get("resource") if isinstance(url, dict) else None
            if isinstance(resource, str) and relation.get("ended") is not True:
                urls.setdefault(str(relation.get("type")), []).append(resource)
        return urls
