"""Who an artist is, and what is then known."""

from typing import Any

import pytest

from db.enrichment import facts
from db.models import EntityType, State
from jobs.providers.errors import UnavailableError
from tests.enrichment.conftest import Has
from tests.enrichment.library import (
    RELEASE,
    album,
    artist,
    enrich_album,
    enrich_artist,
    said,
    track,
)
from tests.providers.conftest import TurnOn
from tests.providers.server import WebServer, page, status
from tests.providers.shapes import (
    extract,
    lastfm_info,
    lastfm_similar,
    listeners,
    mb_artist,
    mb_found,
    mb_id,
    mb_recording,
    relations,
    similar,
    sitelinks,
)

SOMEBODY = mb_artist(1, "Somebody")
LINKED = mb_artist(
    1, "Somebody", relations=relations(wikidata="https://www.wikidata.org/wiki/Q42")["relations"]
)
LOOKUP = f"artist/{mb_id(1)}"

pytestmark = pytest.mark.usefixtures("tables")


def known() -> int:
    """An artist whose tags have an id."""
    return artist(musicbrainz_id=mb_id(1))


def test_an_id_in_the_tags_costs_one_request(server: WebServer, musicbrainz: Has) -> None:
    musicbrainz(LOOKUP, SOMEBODY)
    artist_id = known()
    assert enrich_artist(artist_id).state == State.DONE
    assert server.paths() == [f"/musicbrainz/{LOOKUP}"]
    assert said(EntityType.ARTIST, artist_id) == {
        "artist_id": mb_id(1),
        "type": "Group",
        "disambiguation": "a band",
        "begin": "1988",
        "country": "GB",
        "area": "United Kingdom",
        "aliases": ["Some Body"],
        "genres": ["dub"],
        "match": {"by": "artist id in the tags", "why": []},
    }


def test_the_credits_of_an_album_say_who_it_is(server: WebServer, musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    musicbrainz(LOOKUP, SOMEBODY)
    enrich_album(album(musicbrainz_release_id=mb_id(100)))
    assert enrich_artist(artist()).state == State.DONE
    assert server.paths()[-1] == f"/musicbrainz/{LOOKUP}"
    assert len(server.asked) == 2
    match = said(EntityType.ARTIST, artist())["match"]
    assert match == {
        "by": "credits",
        "why": ["credited with 4 of the albums and tracks that were identified"],
    }


def test_namesakes_are_told_apart_by_their_titles(server: WebServer, musicbrainz: Has) -> None:
    track("First Light", 200.0)
    track("Intro", 20.0)
    musicbrainz("artist", mb_found("artists", SOMEBODY, mb_artist(2, "SOMEBODY")))
    theirs = mb_recording(11, "First Light", 200.0, artist_number=2)
    musicbrainz("recording", mb_found("recordings", theirs))
    musicbrainz(f"artist/{mb_id(2)}", mb_artist(2, "Somebody"))
    assert enrich_artist(artist()).state == State.DONE
    assert said(EntityType.ARTIST, artist())["artist_id"] == mb_id(2)
    assert server.asked[1][1]["query"] == (
        f'(arid:{mb_id(1)} OR arid:{mb_id(2)}) AND (recording:"First Light")'
    )


@pytest.mark.parametrize(
    ("numbers", "why"),
    [((1, 2), "2 of this name fit equally well"), ((), "none of 2 of this name has a track")],
)
def test_namesakes_that_the_titles_do_not_tell_apart_are_not_taken(
    musicbrainz: Has, numbers: tuple[int, ...], why: str
) -> None:
    track("First Light", 200.0)
    musicbrainz("artist", mb_found("artists", SOMEBODY, mb_artist(2, "Somebody")))
    found = [mb_recording(10 + n, "First Light", 200.0, artist_number=n) for n in numbers]
    musicbrainz("recording", mb_found("recordings", *found))
    row = enrich_artist(artist())
    assert row.state == State.NONE
    assert why in row.reason


def test_the_only_one_of_a_name_is_not_taken_without_a_title(musicbrainz: Has) -> None:
    track("First Light", 200.0)
    musicbrainz("artist", mb_found("artists", SOMEBODY))
    musicbrainz("recording", mb_found("recordings"))
    assert enrich_artist(artist()).state == State.NONE


def test_nobody_in_particular_is_not_asked_for(server: WebServer, musicbrainz: Has) -> None:
    row = enrich_artist(artist("Various Artists"))
    assert (row.state, row.reason) == (State.NONE, "the name stands for no particular artist")
    assert server.connections == 0


def test_listenbrainz_knows_listeners_and_similar_artists(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn
) -> None:
    turn_on("musicbrainz", "listenbrainz")
    musicbrainz(LOOKUP, SOMEBODY)
    server.routes[f"/listenbrainz/stats/artist/{mb_id(1)}/listeners"] = page(listeners(900, 70))
    server.routes["/listenbrainz-labs/similar-artists/json"] = page(similar("Ann", "Bob"))
    row = enrich_artist(known())
    assert (row.state, row.sources) == (State.DONE, ["musicbrainz", "listenbrainz"])
    assert said(EntityType.ARTIST, 1, "listenbrainz") == {
        "plays": 900,
        "listeners": 70,
        "similar_artists": [
            {"name": "Ann", "id": mb_id(500), "score": 1.0},
            {"name": "Bob", "id": mb_id(501), "score": 0.5},
        ],
    }
    told = facts.known_facts(EntityType.ARTIST, 1)
    assert {each.licence for each in told if each.source == "listenbrainz"} == {"CC0 1.0"}


def test_an_artist_whom_nobody_hears_is_no_fault(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn
) -> None:
    turn_on("musicbrainz", "listenbrainz")
    musicbrainz(LOOKUP, SOMEBODY)
    server.routes[f"/listenbrainz/stats/artist/{mb_id(1)}/listeners"] = status(204)
    server.routes["/listenbrainz-labs/similar-artists/json"] = page([])
    assert enrich_artist(known()).state == State.DONE
    assert said(EntityType.ARTIST, 1, "listenbrainz") == {}


def test_the_ids_in_the_tags_do_without_musicbrainz(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("listenbrainz")
    server.routes[f"/listenbrainz/stats/artist/{mb_id(1)}/listeners"] = page(listeners(900, 70))
    server.routes["/listenbrainz-labs/similar-artists/json"] = page([])
    row = enrich_artist(known())
    assert (row.state, row.sources) == (State.DONE, ["listenbrainz"])


def lastfm(server: WebServer, info: Any) -> None:
    """Have Last.fm answer."""

    def answer(request: Any) -> None:
        wanted = request.query["method"] == "artist.getinfo"
        page(info if wanted else lastfm_similar("Ann"))(request)

    server.routes["/lastfm/"] = answer


@pytest.mark.parametrize("mbid", ["", mb_id(1)])
def test_lastfm_knows_listeners_tags_and_similar_artists(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn, mbid: str
) -> None:
    turn_on("musicbrainz", "lastfm")
    musicbrainz(LOOKUP, SOMEBODY)
    lastfm(server, lastfm_info("Somebody", mbid))
    enrich_artist(known())
    assert said(EntityType.ARTIST, 1, "lastfm") == {
        "listeners": 12345,
        "plays": 678901,
        "tags": ["dub"],
        "similar_artists": [{"name": "Ann", "id": None, "score": 0.5}],
    }


@pytest.mark.parametrize(
    "info", [lastfm_info("Somebody", mb_id(2)), lastfm_info("Some One", ""), {"artist": "x"}]
)
def test_what_lastfm_says_of_somebody_else_is_not_taken(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn, info: Any
) -> None:
    turn_on("musicbrainz", "lastfm")
    musicbrainz(LOOKUP, SOMEBODY)
    lastfm(server, info)
    assert enrich_artist(known()).state == State.DONE
    assert said(EntityType.ARTIST, 1, "lastfm") == {}


def test_a_biography_comes_with_its_licence_and_article(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn
) -> None:
    turn_on("musicbrainz", "wikipedia")
    musicbrainz(LOOKUP, LINKED)
    server.routes["/wikidata/api.php"] = page(sitelinks("Q42", "Somebody (band)"))
    text = "Somebody are a band. " + "They play. " * 200
    server.routes["/wikipedia/api.php"] = page(extract("Somebody", text))
    assert enrich_artist(known()).state == State.DONE
    (told,) = (
        each for each in facts.known_facts(EntityType.ARTIST, 1) if each.field == "biography"
    )
    assert (told.source, told.licence) == ("wikipedia", "CC BY-SA 4.0")
    assert told.url == "https://en.wikipedia.org/wiki/Somebody"
    assert told.value.startswith("Somebody are a band. They play.")
    assert told.value.endswith("They play.")
    assert len(told.value) <= 1200
    assert server.asked[-1][1]["titles"] == "Somebody (band)"


def test_a_page_that_lists_namesakes_is_no_biography(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn
) -> None:
    turn_on("musicbrainz", "wikipedia")
    musicbrainz(LOOKUP, LINKED)
    server.routes["/wikidata/api.php"] = page(sitelinks("Q42", "Somebody"))
    listing = extract("Somebody", "Somebody may refer to:", disambiguation="")
    server.routes["/wikipedia/api.php"] = page(listing)
    enrich_artist(known())
    assert said(EntityType.ARTIST, 1, "wikipedia") == {}


def test_what_the_others_say_is_kept_while_one_of_them_is_down(
    server: WebServer, musicbrainz: Has, turn_on: TurnOn
) -> None:
    turn_on("musicbrainz", "lastfm", "wikipedia")
    musicbrainz(LOOKUP, LINKED)
    lastfm(server, {"error": 10, "message": "Invalid API key"})
    server.routes["/wikidata/api.php"] = page(sitelinks("Q42", "Somebody"))
    server.routes["/wikipedia/api.php"] = page(extract("Somebody", "A band."))
    with pytest.raises(UnavailableError, match=r"Invalid API key.*check FLEET_LASTFM_KEY"):
        enrich_artist(known())
    assert said(EntityType.ARTIST, 1, "wikipedia")["biography"] == "A band."
    assert said(EntityType.ARTIST, 1)["type"] == "Group"
