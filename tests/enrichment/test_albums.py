"""Which release an album is, and what is then known of it and of its tracks."""

from typing import Any

import pytest
import redis

from db.enrichment import facts
from db.models import Album, EntityType, Fact, State, Track, utc_now
from jobs import metadata
from jobs.providers.errors import UnavailableError
from tests.enrichment.conftest import Has
from tests.enrichment.library import (
    RECORDINGS,
    RELEASE,
    SONGS,
    album,
    enrich_album,
    need,
    said,
    standing,
    tracks_of,
)
from tests.providers.conftest import TurnOn
from tests.providers.server import Request, WebServer, page, status
from tests.providers.shapes import mb_found, mb_id, mb_recording, mb_release

SEARCH = "/musicbrainz/release"
LOOKUP = f"/musicbrainz/release/{mb_id(100)}"

pytestmark = pytest.mark.usefixtures("tables")


def by_id(**columns: Any) -> int:
    """An album whose tags have the release id."""
    return album(musicbrainz_release_id=mb_id(100), **columns)


def knows(musicbrainz: Has, *releases: dict[str, Any]) -> None:
    """Have MusicBrainz find these releases, and know their tracks."""
    musicbrainz("release", mb_found("releases", *releases))
    for each in releases:
        musicbrainz(f"release/{each['id']}", each)


def test_an_album_with_its_tracks_costs_one_request(server: WebServer, musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = by_id()
    row = enrich_album(album_id)
    assert (row.state, row.sources) == (State.DONE, ["musicbrainz"])
    assert server.paths() == [LOOKUP]
    states = {standing(EntityType.TRACK, each).state for each in tracks_of(album_id)}
    assert states == {State.DONE}
    recordings = [said(EntityType.TRACK, each)["recording_id"] for each in tracks_of(album_id)]
    assert recordings == [each["id"] for each in RECORDINGS]


def test_what_the_tags_lack_is_told_with_source_score_and_licence(musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = by_id()
    before = utc_now()
    enrich_album(album_id)
    told = said(EntityType.ALBUM, album_id)
    assert told.pop("match") == {"by": "release id in the tags", "why": []}
    assert told == {
        "release_group_id": mb_id(900),
        "release_id": mb_id(100),
        "type": "Album",
        "original_date": "1999-05-01",
        "date": "2001-02-03",
        "country": "GB",
        "label": "Small Label",
        "catalogue_number": "SL 42",
        "barcode": "0123456789012",
        "track_count": 3,
        "genres": ["electronic", "ambient"],
        "artists": [{"name": "Somebody", "id": mb_id(1)}],
        "links": [{"type": "discogs", "url": "https://www.discogs.com/release/1"}],
    }
    genres = next(e for e in facts.known_facts(EntityType.ALBUM, album_id) if e.field == "genres")
    assert (genres.source, genres.score) == ("musicbrainz", 1.0)
    assert (genres.licence, genres.url) == (
        "CC BY-NC-SA 3.0",
        f"https://musicbrainz.org/release-group/{mb_id(900)}",
    )
    assert before <= genres.fetched_at <= utc_now()


def test_nothing_that_a_tag_says_is_overwritten(musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = by_id(label="Other Label")
    rows = [list(table.select().order_by(table.id).dicts()) for table in (Album, Track)]
    enrich_album(album_id)
    assert [list(table.select().order_by(table.id).dicts()) for table in (Album, Track)] == rows


def test_enriching_again_asks_nobody_and_changes_nothing(
    server: WebServer, musicbrainz: Has
) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = by_id()
    enrich_album(album_id)
    rows = list(Fact.select().order_by(Fact.id).dicts())
    enrich_album(album_id)
    assert list(Fact.select().order_by(Fact.id).dicts()) == rows
    assert server.paths() == [LOOKUP]


def test_an_album_without_ids_is_searched_for_and_the_match_explained(
    server: WebServer, musicbrainz: Has
) -> None:
    knows(musicbrainz, RELEASE)
    album_id = album("The Blue Record (Remastered)")
    assert enrich_album(album_id).state == State.DONE
    assert server.asked[0][1]["query"] == 'release:"The Blue Record" AND artist:"Somebody"'
    match = said(EntityType.ALBUM, album_id)["match"]
    assert match["by"] == "search"
    assert f"Somebody - Blue Record ({mb_id(900)})" in match["why"]
    assert "3 of 3 tracks are among its 3" in match["why"]
    assert {each.score for each in facts.known_facts(EntityType.ALBUM, album_id)} == {0.969}


def test_misspelt_names_are_searched_for_in_another_way(
    server: WebServer, musicbrainz: Has
) -> None:
    def find(request: Request) -> None:
        found = [RELEASE] if "~" in request.query["query"] else []
        page(mb_found("releases", *found))(request)

    server.routes[SEARCH] = find
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = album("Blue Recrod", "Sombody")
    assert enrich_album(album_id).state == State.DONE
    assert server.asked[1][1]["query"] == "release:(blue~ recrod~) AND artist:(sombody~)"


@pytest.mark.parametrize(
    ("release", "why"),
    [
        (mb_release(100, *RECORDINGS, title="Blue Record II"), "nothing of that title"),
        (mb_release(100, *RECORDINGS, title="Blue Record (Live)"), "nothing of that title"),
        (mb_release(100, *RECORDINGS[:2]), "nothing of that title, artist and number of tracks"),
        (
            mb_release(100, *(mb_recording(n, f"Song {n}", 200) for n in range(3))),
            "is not it: tracks 0.00",
        ),
        (
            mb_release(100, *(each | {"length": each["length"] + 30_000} for each in RECORDINGS)),
            "is not it: lengths 0.00",
        ),
    ],
)
def test_a_near_match_is_refused_and_it_is_told_why(
    musicbrainz: Has, release: dict[str, Any], why: str
) -> None:
    knows(musicbrainz, release)
    album_id = album()
    row = enrich_album(album_id)
    assert (row.state, row.sources) == (State.NONE, ["musicbrainz"])
    assert why in row.reason
    assert row.look_again_at > utc_now()
    assert said(EntityType.ALBUM, album_id) == {}


def test_of_homonyms_the_one_with_the_same_tracks_is_meant(musicbrainz: Has) -> None:
    others = [mb_recording(20 + n, f"Song {n}", 200, artist_number=2) for n in range(3)]
    knows(musicbrainz, mb_release(101, *others, group=901), RELEASE)
    album_id = album()
    enrich_album(album_id)
    assert said(EntityType.ALBUM, album_id)["release_group_id"] == mb_id(900)


def test_of_homonyms_that_fit_equally_well_none_is_taken(musicbrainz: Has) -> None:
    knows(musicbrainz, RELEASE, mb_release(101, *RECORDINGS, group=901))
    row = enrich_album(album())
    assert row.state == State.NONE
    assert "fit equally well" in row.reason
    assert mb_id(900) in row.reason
    assert mb_id(901) in row.reason


def test_of_several_editions_only_what_they_share_is_told(musicbrainz: Has) -> None:
    knows(musicbrainz, RELEASE, mb_release(101, *RECORDINGS))
    album_id = album()
    enrich_album(album_id)
    told = said(EntityType.ALBUM, album_id)
    assert told["release_group_id"] == mb_id(900)
    assert not {"release_id", "label", "catalogue_number", "country", "date"} & told.keys()
    assert said(EntityType.TRACK, tracks_of(album_id)[0])["recording_id"] == mb_id(10)


def test_of_an_incomplete_album_it_is_not_guessed_which_edition_it_is(musicbrainz: Has) -> None:
    more = mb_release(101, *RECORDINGS, mb_recording(20, "A Bonus", 100.0))
    knows(musicbrainz, RELEASE, more)
    album_id = album(songs=SONGS[:2])
    enrich_album(album_id)
    told = said(EntityType.ALBUM, album_id)
    assert told["release_group_id"] == mb_id(900)
    assert "label" not in told


def test_the_release_group_in_the_tags_says_which_album_it_is(
    server: WebServer, musicbrainz: Has
) -> None:
    musicbrainz("release", mb_found("releases", RELEASE))
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = album("Bleu Disque", musicbrainz_release_group_id=mb_id(900))
    enrich_album(album_id)
    assert server.asked[0][1]["release-group"] == mb_id(900)
    told = said(EntityType.ALBUM, album_id)
    assert (told["match"]["by"], told["release_group_id"]) == (
        "release group id in the tags",
        mb_id(900),
    )


def test_an_id_that_musicbrainz_does_not_know_is_no_end(musicbrainz: Has) -> None:
    knows(musicbrainz, RELEASE)
    album_id = album(musicbrainz_release_id=mb_id(404))
    assert enrich_album(album_id).state == State.DONE
    assert said(EntityType.ALBUM, album_id)["match"]["by"] == "search"


def test_an_isrc_finds_an_album_whose_artist_is_written_otherwise(musicbrainz: Has) -> None:
    on = mb_found("releases", RELEASE)["releases"]
    body = {"isrc": "GBAAA9900010", "recordings": [RECORDINGS[0] | {"releases": on}]}
    musicbrainz("isrc/GBAAA9900010", body)
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = album("Blue Recrod", "Sombody")
    Track.update(isrcs=["GB-AAA-99-00010"]).execute()
    assert enrich_album(album_id).state == State.DONE
    assert said(EntityType.ALBUM, album_id)["match"]["by"] == "ISRC GBAAA9900010"


def test_a_track_that_is_not_on_the_release_is_looked_for_by_itself(musicbrainz: Has) -> None:
    knows(musicbrainz, RELEASE)
    album_id = album(songs=[*SONGS, ("A Bonus", 100.0)])
    enrich_album(album_id)
    states = [standing(EntityType.TRACK, each).state for each in tracks_of(album_id)]
    assert states == [State.DONE, State.DONE, State.DONE, State.TODO]


def test_its_artists_are_asked_for_after_it(musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    enrich_album(by_id())
    assert standing(EntityType.ARTIST, 1).state == State.TODO


def test_what_was_said_goes_when_the_album_turns_out_to_be_another(
    server: WebServer, musicbrainz: Has
) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = by_id()
    enrich_album(album_id)
    Album.update(musicbrainz_release_id=None).execute()
    musicbrainz("release", mb_found("releases"))
    assert enrich_album(album_id).state == State.NONE
    assert said(EntityType.ALBUM, album_id) == {}


def test_a_need_that_came_anew_is_left_to_the_next_job(server: WebServer, musicbrainz: Has) -> None:
    album_id = by_id()

    def answer(request: Request) -> None:
        need(EntityType.ALBUM, album_id)
        page(RELEASE)(request)

    server.routes[LOOKUP] = answer
    assert enrich_album(album_id).state == State.TODO
    assert Fact.select().count() == 0


def test_an_album_waits_for_a_service_that_is_down_and_costs_no_other(
    server: WebServer, musicbrainz: Has
) -> None:
    known, waiting = by_id(), album(musicbrainz_release_id=mb_id(101))
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    server.routes[f"/musicbrainz/release/{mb_id(101)}"] = status(503, Retry_After="600")
    need(EntityType.ALBUM, known, waiting)
    with pytest.raises(UnavailableError, match=r"1 of 2 albums wait .* allows no request"):
        metadata.enrich_batch(album_ids=[known, waiting])
    assert standing(EntityType.ALBUM, known).state == State.DONE
    assert standing(EntityType.ALBUM, waiting).state == State.LEASED


def test_nobody_is_asked_while_no_provider_of_facts_is_on(
    server: WebServer, turn_on: TurnOn, queues: redis.Redis
) -> None:
    turn_on("coverartarchive", "deezer")
    assert enrich_album(by_id()).state == State.TODO
    assert server.connections == 0


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"id": 7},
        {"id": mb_id(100), "release-group": "x"},
        RELEASE
        | {"media": [{"tracks": [None, 3, {"recording": []}]}], "artist-credit": "Somebody"},
    ],
)
def test_an_answer_of_another_shape_is_no_end_of_the_job(musicbrainz: Has, body: Any) -> None:
    musicbrainz(f"release/{mb_id(100)}", body)
    musicbrainz("release", mb_found("releases"))
    assert enrich_album(by_id()).state in {State.NONE, State.DONE}
