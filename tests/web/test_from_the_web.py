"""What the web says stands beside the tags, with its source; and so in the JSON."""

from datetime import datetime

import pytest
from flask.testing import FlaskClient

from db import ledger
from db.enrichment import facts
from db.enrichment.facts import FactSource, FactValue
from db.models import Album, Artist, EntityType, Fact, Kind, LedgerRow, State, Track
from db.sql.connection import transaction
from tests.web.conftest import SCRIPT
from worker import dispatch

LINK = {"type": "official homepage", "url": "https://somebody.example/?a=1&b=2"}
SITE = "https://musicbrainz.org/artist/1"


@pytest.fixture
def told(page: FlaskClient) -> dict[str, tuple[EntityType, int]]:
    """Facts about an album, artist and track; the path of the page of each."""
    ids = {
        EntityType.ALBUM: Album.get(Album.title == SCRIPT).id,
        EntityType.ARTIST: Artist.get(Artist.name == SCRIPT).id,
        EntityType.TRACK: Track.get(Track.title == SCRIPT).id,
    }
    with transaction():
        for entity_type, entity_id in ids.items():
            facts.replace_facts(
                entity_type,
                entity_id,
                FactSource("musicbrainz", datetime(2026, 4, 5), 0.97),
                [
                    FactValue("genres", ["dub", SCRIPT], SITE, "CC BY-NC-SA 3.0"),
                    FactValue("links", [LINK], SITE),
                    FactValue("similar_artists", [{"name": SCRIPT, "id": None, "score": 1.0}]),
                    FactValue("listeners", 12345),
                    FactValue("match", {"by": "search", "why": ["title 1.00", SCRIPT]}),
                ],
            )
    return {f"/{kind}s/{entity_id}": (kind, entity_id) for kind, entity_id in ids.items()}


def test_a_page_shows_each_fact_with_source_date_licence_and_score(
    page: FlaskClient, told: dict[str, tuple[EntityType, int]]
) -> None:
    for path in told:
        html = page.get(path).get_data(as_text=True)
        assert "From the web" in html
        assert f'<a href="{SITE}" rel="noopener noreferrer">musicbrainz</a>, 2026-04-05' in html
        assert "CC BY-NC-SA 3.0, 97 % sure" in html
        assert 'href="https://somebody.example/?a=1&amp;b=2"' in html
        assert "12,345" in html
        assert "search; title 1.00" in html
        assert SCRIPT not in html


def test_the_json_has_the_tags_and_the_facts(
    page: FlaskClient, told: dict[str, tuple[EntityType, int]]
) -> None:
    for path, (kind, entity_id) in told.items():
        body = page.get(f"{path}.json").get_json()
        assert (body["id"], body["type"]) == (entity_id, kind.value)
        assert SCRIPT in {body["tags"].get("title"), body["tags"].get("name")}
        genres = next(each for each in body["web"] if each["field"] == "genres")
        assert genres == {
            "field": "genres",
            "value": ["dub", SCRIPT],
            "source": "musicbrainz",
            "fetched_at": "2026-04-05T00:00:00",
            "score": 0.97,
            "licence": "CC BY-NC-SA 3.0",
            "url": SITE,
        }
    assert page.get("/albums/999999.json").status_code == 404


def test_why_there_is_nothing_is_told(
    page: FlaskClient, told: dict[str, tuple[EntityType, int]]
) -> None:
    Fact.delete().execute()
    album = Album.get(Album.title == SCRIPT).id
    try:
        with transaction():
            ledger.need(Kind.ENRICHMENT, EntityType.ALBUM, [album])
            LedgerRow.update(state=State.NONE, reason="search: A and B fit equally well").where(
                LedgerRow.kind == Kind.ENRICHMENT
            ).execute()
        html = page.get(f"/albums/{album}").get_data(as_text=True)
        assert "Nothing was found: search: A and B fit equally well." in html
        body = page.get(f"/albums/{album}.json").get_json()
        assert body["enrichment"]["state"] == "none"
    finally:
        LedgerRow.delete().where(LedgerRow.kind == Kind.ENRICHMENT).execute()


def test_a_page_asks_the_web_again(
    page: FlaskClient, told: dict[str, tuple[EntityType, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, (kind, _) in told.items():
        monkeypatch.delenv("FLEET_PROVIDERS", raising=False)
        assert page.post(f"{path}/web").status_code == 409
        assert "Ask the web again" not in page.get(path).text
        monkeypatch.setenv("FLEET_PROVIDERS", "musicbrainz")
        assert f'action="{path}/web"' in page.get(path).text
        assert page.post(f"{path}/web").headers["Location"] == f"{path}#web"
        job = dispatch.queue("deferred_enrichment").jobs[-1]
        assert set(job.kwargs) == {f"{kind}_ids", "asked_since"}
        dispatch.queue("deferred_enrichment").empty()
        LedgerRow.delete().where(LedgerRow.kind == Kind.ENRICHMENT).execute()
        assert page.post(f"/{kind}s/999999/web").status_code == 404
