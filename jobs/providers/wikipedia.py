"""Wikipedia: the beginning of the article on an artist, found by way of Wikidata.

    wikidata /api.php?action=wbgetentities&ids=Q2831&props=sitelinks&sitefilter=enwiki
    {"entities": {"Q2831": {"sitelinks": {"enwiki": {"title": "Somebody"}}}}}

    wikipedia /api.php?action=query&prop=extracts|info|pageprops&exintro=1&explaintext=1&titles=…
    {"query": {"pages": [{"title": …, "extract": "…", "fullurl": URL, "pageprops": {…}}]}}

(mediawiki.org/wiki/Extension:TextExtracts.) A page that lists several of a name has
"disambiguation" among its pageprops. Text is CC BY-SA 4.0, and shown with a link to the article,
which names its authors.
"""

from typing import Any

from db.enrichment.facts import FactValue
from jobs.providers.answers import CachedCaller
from jobs.providers.caller import Caller, Callers
from jobs.providers.provider import DatedFacts, FactProvider, KnownArtist, entries
from jobs.providers.wikidata import check

LICENCE = "CC BY-SA 4.0"
_WIKI = "enwiki"
_LONGEST = 1200
"""Characters of a biography; it ends with a sentence."""


def facts(callers: Callers) -> "Wikipedia":
    """The provider, as the registry opens it."""
    return Wikipedia(callers.of("wikidata"), callers.of("wikipedia"))


class Wikipedia(FactProvider):
    """A short biography, in English."""

    name = "wikipedia"

    def __init__(self, wikidata: Caller, wikipedia: Caller) -> None:
        self._wikidata = CachedCaller(wikidata, check=check)
        self._wikipedia = CachedCaller(wikipedia, check=check)

    def about_artist(self, artist: KnownArtist) -> DatedFacts | None:
        """By the entity of Wikidata that MusicBrainz names."""
        if artist.wikidata is None:
            return None
        asked = {
            "action": "wbgetentities",
            "ids": artist.wikidata,
            "props": "sitelinks",
            "sitefilter": _WIKI,
            "format": "json",
        }
        title = self._wikidata.get("/api.php", asked, _title)
        if title.body is None:
            return DatedFacts([], title.asked_at)
        asked = {
            "action": "query",
            "prop": "extracts|info|pageprops",
            "inprop": "url",
            "ppprop": "disambiguation",
            "exintro": "1",
            "explaintext": "1",
            "redirects": "1",
            "titles": title.body,
            "format": "json",
            "formatversion": "2",
        }
        page = self._wikipedia.get("/api.php", asked, _article)
        if page.body is None:
            return DatedFacts([], page.asked_at)
        fact = FactValue("biography", page.body["text"], page.body["url"], LICENCE)
        return DatedFacts([fact], page.asked_at)


def _title(body: Any) -> str | None:
    found = body.get("entities") if isinstance(body, dict) else None
    for entity in found.values() if isinstance(found, dict) else ():
        links = entity.get("sitelinks") if isinstance(entity, dict) else None
        link = links.get(_WIKI) if isinstance(links, dict) else None
        title = link.get("title") if isinstance(link, dict) else None
        if isinstance(title, str):
            return title
    return None


def _article(body: Any) -> dict[str, str] | None:
    for page in entries(body, "query", "pages"):
        text, url, props = page.get("extract"), page.get("fullurl"), page.get("pageprops")
        is_list = isinstance(props, dict) and "disambiguation" in props
        if isinstance(text, str) and text.strip() and isinstance(url, str) and not is_list:
            return {"text": shortened(text), "url": url}
    return None


def shortened(text: str) -> str:
    """The first paragraphs, as far as whole sentences fit."""
    text = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    if len(text) <= _LONGEST:
        return text
    ends = max(text.rfind(mark, 0, _LONGEST) for mark in (". ", ".\n", "! ", "? "))
    return text[: ends + 1] if ends > 0 else text[: _LONGEST - 1].rstrip() + "…"
