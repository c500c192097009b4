"""The jobs that fetch pictures from the web: what is shown, and how each need ends."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from db import ledger as needs
from db.artwork.image_files import thumbnail
from db.errors import SettingError
from db.models import EntityType, Image, Kind, LedgerRow, ProviderAnswer, State, utc_now
from db.sql.connection import transaction
from jobs import covers, maintenance
from jobs.covers import remote
from jobs.pictures.errors import StoreError
from jobs.providers.errors import UnavailableError
from tests.providers.conftest import TurnOn
from tests.providers.library import (
    album,
    album_shows,
    artist,
    fetch_album,
    fetch_artist,
    ledger,
    paint,
    show,
    shown,
    want,
)
from tests.providers.server import Request, WebServer, page, picture, redirect, status, unstoppable
from tests.providers.shapes import (
    GROUP,
    MBID,
    RELEASE,
    archive,
    archive_image,
    claim,
    claims,
    data,
    deezer_album,
    deezer_artist,
    imageinfo,
    lastfm,
    relations,
)
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode

ARCHIVE = f"/coverartarchive/release/{RELEASE}"
ARCHIVE_GROUP = f"/coverartarchive/release-group/{GROUP}"
DEEZER = "/deezer/search/album"

pytestmark = pytest.mark.usefixtures("tables")


def archive_has(server: WebServer, path: str = "/blue.jpg") -> str:
    """Have the archive name this picture as the front of the release; the picture's URL."""
    url = f"{server.url}{path}"
    server.routes[ARCHIVE] = page(archive(archive_image(url)))
    return url


def deezer_has(server: WebServer, path: str = "/blue.jpg") -> str:
    """Have Deezer know the album; the URL of its cover."""
    url = f"{server.url}{path}"
    server.routes[DEEZER] = page(data(deezer_album("Blue Record", "Somebody", url, tracks=0)))
    return url


def test_an_album_shows_what_the_first_provider_has(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("coverartarchive", "deezer")
    url = archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    row = fetch_album(album_id)
    assert (row.state, row.sources, row.reason) == (State.DONE, ["coverartarchive"], None)
    cover = shown(EntityType.ALBUM, album_id)["front"]
    assert (cover.source, cover.source_path, cover.role) == ("coverartarchive", url, "front")
    assert (cover.image.width, cover.image.mime) == (400, "image/jpeg")
    assert album_shows(album_id) == paint("blue")
    assert thumbnail(cover.image.digest).exists()
    assert DEEZER not in server.paths()


def test_the_rank_is_that_of_external_in_the_owners_order(
    server: WebServer, turn_on: TurnOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ALBUM_COVERS", "cover.*, external, embedded")
    turn_on("coverartarchive")
    archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    fetch_album(album_id)
    assert shown(EntityType.ALBUM, album_id)["front"].rank == 1


def test_the_next_provider_is_asked_for_what_the_first_has_not(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive", "deezer")
    deezer_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    row = fetch_album(album_id)
    assert (row.state, row.sources) == (State.DONE, ["coverartarchive", "deezer"])
    assert shown(EntityType.ALBUM, album_id)["front"].source == "deezer"


def test_what_is_nowhere_says_who_was_asked_and_when_to_ask_again(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive", "deezer", "lastfm")
    server.routes[DEEZER] = page(data())
    server.routes["/lastfm/"] = page({"error": 6, "message": "Album not found"})
    album_id = album()
    row = fetch_album(album_id)
    assert (row.state, row.sources) == (State.NONE, ["coverartarchive", "deezer", "lastfm"])
    assert row.reason == "coverartarchive: nothing; deezer: nothing; lastfm: nothing"
    assert row.look_again_at > utc_now()
    assert album_shows(album_id) is None


def test_why_tells_what_the_providers_answered(
    server: WebServer, turn_on: TurnOn, capsys: pytest.CaptureFixture[str]
) -> None:
    turn_on("deezer")
    server.routes[DEEZER] = page(data())
    album_id = album()
    row = fetch_album(album_id)
    assert covers.explain("album", album_id)[0]["web"] == {
        "state": "none",
        "reason": "deezer: nothing",
        "asked": ["deezer"],
        "again": row.look_again_at.date().isoformat(),
    }
    assert run(["cover", "why", f"album:{album_id}"]) == ExitCode.OK
    again = row.look_again_at.date()
    assert f"On the web: deezer: nothing; asked again from {again} on\n" in capsys.readouterr().out


def test_a_provider_that_the_tags_say_nothing_for_was_not_asked(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive")
    row = fetch_album(album(musicbrainz_release_id="?"))
    assert (row.state, row.sources) == (State.NONE, [])
    assert "nothing to ask it by" in row.reason
    assert server.connections == 0


def test_an_answer_is_kept_and_not_asked_for_again(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("coverartarchive", "deezer")
    deezer_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    fetch_album(album_id)
    asked = server.paths()
    want(EntityType.ALBUM, album_id)
    assert fetch_album(album_id).state == State.DONE
    assert server.paths() == asked
    assert {row.question: row.found for row in ProviderAnswer.select()} == {
        f"/release/{RELEASE}": False,
        f"/release-group/{GROUP}": False,
        'album artist:"Somebody" album:"Blue Record" of 0 tracks': True,
    }


def test_an_answer_that_is_too_old_is_asked_for_again(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("deezer")
    server.routes[DEEZER] = page(data())
    album_id = album()
    fetch_album(album_id)
    ProviderAnswer.update(ask_again_at=utc_now()).execute()
    want(EntityType.ALBUM, album_id)
    fetch_album(album_id)
    assert server.paths() == [DEEZER, DEEZER]


@pytest.mark.parametrize("source", ["folder", "embedded", "chosen"])
def test_a_picture_on_disk_is_not_replaced(server: WebServer, turn_on: TurnOn, source: str) -> None:
    """navidrome#2479: nobody is even asked."""
    turn_on("coverartarchive")
    album_id = album()
    show(album_id, paint("green", 200), source)
    row = fetch_album(album_id)
    assert (row.state, row.reason) == (State.DONE, "there is a picture on disk")
    assert album_shows(album_id) == paint("green", 200)
    assert server.connections == 0


def test_a_picture_on_disk_that_turns_up_meanwhile_is_not_replaced(
    server: WebServer, turn_on: TurnOn
) -> None:
    """navidrome#2479: it comes while the one from the web is being sent."""
    turn_on("coverartarchive")
    archive_has(server)
    album_id = album()

    def answer(request: Request) -> None:
        show(album_id, paint("green", 200), "folder")
        picture(paint("blue", 1200))(request)

    server.routes["/blue.jpg"] = answer
    assert fetch_album(album_id).state == State.DONE
    assert album_shows(album_id) == paint("green", 200)


def test_a_picture_on_disk_that_is_far_too_small_gives_way(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive")
    archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    show(album_id, paint("green", 40), "embedded", rank=4)
    fetch_album(album_id)
    assert album_shows(album_id) == paint("blue")


def test_a_picture_that_the_owner_chose_never_gives_way(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("coverartarchive")
    archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album()
    show(album_id, paint("green", 40), "chosen", rank=-1)
    fetch_album(album_id)
    assert album_shows(album_id) == paint("green", 40)


@pytest.mark.parametrize(("pixels", "expected"), [(300, 600), (900, 900)])
def test_good_art_is_not_replaced_by_smaller(
    server: WebServer, turn_on: TurnOn, pixels: int, expected: int
) -> None:
    """picard#462."""
    turn_on("deezer")
    deezer_has(server, "/new.jpg")
    server.routes["/new.jpg"] = picture(paint("blue", pixels))
    album_id = album()
    show(album_id, paint("blue", 600), "lastfm", path="https://lastfm.example/1.png")
    assert fetch_album(album_id).state == State.DONE
    assert album_shows(album_id) == paint("blue", expected)


def test_a_need_that_came_anew_is_left_to_the_next_job(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("coverartarchive")
    archive_has(server)
    album_id = album()

    def answer(request: Request) -> None:
        want(EntityType.ALBUM, album_id)
        picture(paint("blue"))(request)

    server.routes["/blue.jpg"] = answer
    assert fetch_album(album_id).state == State.TODO
    assert album_shows(album_id) is None


BAD_PICTURES: dict[str, Callable[[WebServer], Any]] = {
    "a page": lambda _: status(200, b"<!DOCTYPE html><p>Welcome", Content_Type="image/jpeg"),
    "a PDF": lambda _: status(200, b"%PDF-1.4", Content_Type="image/jpeg"),
    "SVG": lambda _: status(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "nothing": lambda _: picture(b""),
    "a truncated picture": lambda _: picture(paint("blue")[:500]),
    "one pixel": lambda _: picture(paint("blue", 1)),
    "gone": lambda _: status(404),
    "a body without end": lambda _: unstoppable(b"\xff\xd8\xff" + bytes(2**20), lambda: None),
    "a way to the router": lambda _: redirect("http://192.168.1.1/"),
    "a way to the metadata of a cloud": lambda _: redirect("http://169.254.169.254/latest"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_what_is_no_picture_loses_to_the_next(
    server: WebServer, turn_on: TurnOn, name: str
) -> None:
    turn_on("coverartarchive", "deezer")
    url = archive_has(server, "/bad.jpg")
    server.routes["/bad.jpg"] = BAD_PICTURES[name](server)
    deezer_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    album_id = album(musicbrainz_release_id=RELEASE)
    row = fetch_album(album_id)
    assert album_shows(album_id) == paint("blue")
    assert (row.state, row.sources) == (State.DONE, ["coverartarchive", "deezer"])
    assert row.reason.startswith("coverartarchive: ")
    assert url in row.reason or "127.0.0.1" in row.reason or "no public host" in row.reason


def test_a_picture_that_leads_into_the_owners_network_is_not_fetched(
    server: WebServer, turn_on: TurnOn, inner: WebServer
) -> None:
    turn_on("coverartarchive")
    server.routes[ARCHIVE] = page(archive(archive_image(f"{inner.url}/front.jpg")))
    row = fetch_album(album(musicbrainz_release_id=RELEASE))
    assert row.state == State.NONE
    assert "named with port" in row.reason


def test_a_picture_that_does_not_decode_is_known_by_its_fault(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive")
    archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue")[:500])
    row = fetch_album(album(musicbrainz_release_id=RELEASE))
    assert row.state == State.NONE
    assert "bad-picture" in row.reason
    assert "bad-picture" in Image.get().fault


def test_a_small_picture_is_taken_when_nobody_has_a_larger_one(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("coverartarchive", "deezer")
    archive_has(server, "/small.jpg")
    server.routes["/small.jpg"] = picture(paint("blue", 64))
    server.routes[DEEZER] = page(data())
    album_id = album(musicbrainz_release_id=RELEASE)
    assert fetch_album(album_id).state == State.DONE
    assert album_shows(album_id) == paint("blue", 64)
    assert DEEZER in server.paths()


def test_a_provider_that_is_down_costs_only_what_it_alone_may_have(
    server: WebServer, turn_on: TurnOn
) -> None:
    """beets#5454: the job fails at its end, so that the queue tries what is left again."""
    turn_on("coverartarchive", "deezer")
    server.routes[ARCHIVE] = status(503, Retry_After="600")
    deezer_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    found, waiting = album(), album("Unheard Of", musicbrainz_release_id=RELEASE)
    with pytest.raises(UnavailableError, match=r"albums .* coverartarchive allows no request"):
        covers.fetch_album_covers([found, waiting])
    assert album_shows(found) == paint("blue")
    assert ledger(EntityType.ALBUM, found).state == State.DONE
    assert ledger(EntityType.ALBUM, waiting).state == State.LEASED
    assert server.paths().count(ARCHIVE) == 1


def test_a_failure_is_no_answer_to_keep(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("coverartarchive")
    server.routes[ARCHIVE] = status(401)
    with pytest.raises(UnavailableError, match="check its key"):
        fetch_album(album())
    assert ProviderAnswer.select().count() == 0


def test_an_artist_shows_a_free_picture_with_licence_and_author(
    server: WebServer, turn_on: TurnOn
) -> None:
    turn_on("wikidata")
    server.routes[f"/musicbrainz/artist/{MBID}"] = page(
        relations(wikidata="https://www.wikidata.org/wiki/Q42")
    )
    server.routes["/wikidata/api.php"] = page(claims(claim("A.jpg")))
    thumb = f"{server.url}/thumb/A.jpg/1280px-A.jpg"
    server.routes["/commons/api.php"] = page(imageinfo(thumb, thumb))
    server.routes["/thumb/A.jpg/1280px-A.jpg"] = picture(paint("red"))
    artist_id = artist()
    assert fetch_artist(artist_id).state == State.DONE
    row = shown(EntityType.ARTIST, artist_id)["front"]
    assert (row.source, row.source_path) == ("wikidata", thumb)
    assert (row.licence, row.author) == ("CC BY-SA 4.0", "Ann & Bob")


def test_fan_art_and_a_logo_come_from_whoever_has_them(server: WebServer, turn_on: TurnOn) -> None:
    turn_on("deezer", "theaudiodb", "fanarttv")
    face, fanart, logo = (f"{server.url}/{name}.png" for name in ("face", "fanart", "logo"))
    server.routes["/deezer/search/artist"] = page(data(deezer_artist("Somebody", face)))
    entry = {"strArtistThumb": logo, "strArtistFanart": fanart, "strArtistLogo": None}
    server.routes["/theaudiodb/123/artist-mb.php"] = page({"artists": [entry]})
    server.routes[f"/fanarttv/music/{MBID}"] = page({"hdmusiclogo": [{"url": logo, "likes": "1"}]})
    for name in ("face", "fanart", "logo"):
        server.routes[f"/{name}.png"] = picture(paint("red", 400 + len(name), "PNG"))
    artist_id = artist()
    fetch_artist(artist_id)
    rows = shown(EntityType.ARTIST, artist_id)
    assert {role: (row.source, row.source_path) for role, row in rows.items()} == {
        "front": ("deezer", face),
        "fanart": ("theaudiodb", fanart),
        "logo": ("fanarttv", logo),
    }


def test_a_namesake_s_picture_and_the_star_leave_an_artist_without(
    server: WebServer, turn_on: TurnOn
) -> None:
    """gonic#153, pylast#304."""
    turn_on("deezer", "lastfm")
    server.routes["/deezer/search/artist"] = page(data(deezer_artist("Somebody Else", "http://x/")))
    star = f"{server.url}/i/u/300x300/2a96cbd8b46e442fc41c2b86b821562f.png"
    server.routes["/lastfm/"] = page(lastfm("artist", "Somebody", star))
    artist_id = artist()
    row = fetch_artist(artist_id)
    assert (row.state, row.sources) == (State.NONE, ["deezer", "lastfm"])
    assert shown(EntityType.ARTIST, artist_id) == {}


def test_nobody_is_asked_while_no_provider_is_on(
    server: WebServer, turn_on: TurnOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX, f"a connection to {address}"
        _connect(self, address)

    _connect = socket.socket.connect
    turn_on()
    album_id = album()
    with transaction():
        needs.need(Kind.REMOTE, EntityType.ALBUM, [album_id])
        needs.need(Kind.REMOTE, EntityType.ARTIST, [1])
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    rows = (fetch_album(album_id), fetch_artist(1))
    assert {(row.state, row.reason) for row in rows} == {
        (State.NONE, "no provider is turned on (FLEET_PROVIDERS)")
    }
    assert server.connections == 0


def test_nothing_is_wanted_while_no_provider_is_on() -> None:
    with transaction():
        assert remote.need_searches(EntityType.ALBUM, [1, 2]) == []
    assert LedgerRow.select().count() == 0


def test_what_is_wanted_is_rung_for_in_the_queue_of_the_web(
    turn_on: TurnOn, queues: redis.Redis
) -> None:
    turn_on("deezer")
    with transaction():
        wanted = remote.need_searches(EntityType.ARTIST, [3, 1, 2])
    dispatch.enqueue_need(needs.need_for(Kind.REMOTE, EntityType.ARTIST), wanted)
    (job,) = dispatch.queue("remote_covers").jobs
    assert (job.func_name, job.kwargs) == (
        "jobs.covers.fetch_artist_images",
        {"artist_ids": [1, 2, 3]},
    )
    assert ledger(EntityType.ARTIST, 2).state == State.TODO


def test_what_showed_nothing_before_providers_were_turned_on_is_looked_for_by_the_next_sweep(
    turn_on: TurnOn, queues: redis.Redis
) -> None:
    album_id = album()
    with transaction():
        needs.need(Kind.COVER, EntityType.ALBUM, [album_id])
        attempt = needs.lease(Kind.COVER, EntityType.ALBUM, [album_id], "job:1")
        nothing = needs.Settled(album_id, State.NONE, "no cover in the folder", ["cover.*"])
        attempt.settle([nothing])
    assert maintenance.reconcile() == {}
    turn_on("deezer")
    assert maintenance.reconcile() == {"covers.fetch_album_covers": 1}
    assert maintenance.reconcile() == {}


def test_tracks_have_no_covers_on_the_web(turn_on: TurnOn) -> None:
    turn_on("deezer")
    with transaction():
        assert remote.need_searches(EntityType.TRACK, [1]) == []


def test_a_misspelt_provider_fails_the_job_and_says_what_is_meant(turn_on: TurnOn) -> None:
    turn_on("deezr")
    with pytest.raises(SettingError, match="did you mean deezer"):
        fetch_album(album())


def test_what_stands_in_the_way_of_the_store_is_told(
    server: WebServer, turn_on: TurnOn, data_dir: Path
) -> None:
    turn_on("coverartarchive")
    archive_has(server)
    server.routes["/blue.jpg"] = picture(paint("blue"))
    (data_dir / "images").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be stored"):
        fetch_album(album())
