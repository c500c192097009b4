"""Playlists on a music server: made once, refreshed in place, and whose they are."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import redis
from werkzeug.serving import make_server

from db.models import (
    Annotation,
    EntityType,
    KnownServer,
    Playlist,
    PushedList,
    Scan,
    Track,
    User,
    utc_now,
)
from db.publishing import servers
from db.publishing.servers import ServerKind
from db.users import accounts, playlists
from tests.databases import ON_SQLITE
from tests.pipeline.in_process import work_off
from tests.providers.server import Handler, WebServer, status
from tests.test_imports import track
from tests.web.similar import give_clusters, give_vectors
from web.app import create_app
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.supervisor.web_address import WebAddress

SECRET = "a very secret word"
Push = Callable[..., KnownServer]


@pytest.fixture
def library(database: str, data_dir: object, queues: object) -> dict[str, int]:
    """Two users, of whom anna has a playlist of three tracks; the ids of the tracks."""
    for name in ("anna", "there"):
        User.create(key=name, name=name, password="none")
    ids = {}
    for number, title in enumerate(("One", "Two", "Three")):
        path = f"/srv/music/A/B/{number} {title}.flac"
        ids[title] = track(path, title, "Some", duration=100.0 + number)
    playlists.create(accounts.existing("anna").id, "Evening", list(ids.values()))
    return ids


@pytest.fixture
def rest(library: dict[str, int]) -> Iterator[str]:
    """The address of this program's own /rest, which has the same library."""
    app = create_app(WebAddress("127.0.0.1", 8310), "", threading.Event())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def push(queues: redis.Redis) -> Push:
    """Pushes as a worker does, and says what is known of the server then."""

    def do(*, again: bool = False) -> KnownServer:
        (row,) = servers.listed()
        servers.ask(row, again=again)
        dispatch.enqueue(servers.JOB, server_id=row.id)
        work_off(queues)
        (row,) = servers.listed()
        return row

    return do


def add(url: str, secret: str, **columns: Any) -> KnownServer:
    """A server that gets anna's playlists."""
    listener = accounts.existing("anna").id
    given = {"is_key": True, "lists": ["own"], "listener": listener} | columns
    return servers.add("there", ServerKind.SUBSONIC, url, secret, **given)


def theirs() -> dict[str, list[int]]:
    """The playlists of the user there, by name."""
    user = accounts.existing("there").id
    return {
        each.name: playlists.tracks_in(each.id)
        for each in playlists.listed(user)
        if each.user_id == user
    }


def own() -> Any:
    """Anna's playlist."""
    return Playlist.get(Playlist.user == accounts.existing("anna").id)


@ON_SQLITE
def test_a_playlist_is_made_refreshed_in_place_and_removed(
    library: dict[str, int], rest: str, push: Push
) -> None:
    add(rest, accounts.new_key("there", ""))
    row = push()
    assert (row.fault, row.outcome["lists"]["written"], row.outcome["missed"]) == (None, 1, 0)
    assert theirs() == {"Evening": list(library.values())}
    before = {each.id: each.changed_at for each in Playlist.select()}
    assert push().outcome["lists"]["unchanged"] == 1
    assert before == {each.id: each.changed_at for each in Playlist.select()}
    playlists.replace(own().id, [library["Three"], library["One"]], "Late evening")
    push()
    assert theirs() == {"Late evening": [library["Three"], library["One"]]}
    assert {each.id for each in Playlist.select()} == before.keys()
    playlists.delete(own().id)
    assert push().outcome["lists"]["removed"] == 1
    assert theirs() == {}


@ON_SQLITE
def test_what_its_user_changed_or_deleted_there_stays_so_until_it_is_asked_for_again(
    library: dict[str, int], rest: str, push: Push
) -> None:
    add(rest, accounts.new_key("there", ""))
    push()
    (their,) = Playlist.select().where(Playlist.user == accounts.existing("there").id)
    playlists.replace(their.id, [library["Two"], library["One"]])
    playlists.replace(own().id, [library["Three"]])
    assert "yours" in push().outcome["remarks"][0]
    assert theirs() == {"Evening": [library["Two"], library["One"]]}
    push(again=True)
    assert theirs() == {"Evening": [library["Three"]]}
    playlists.delete(their.id)
    assert "deleted there" in push().outcome["remarks"][0]
    assert theirs() == {}
    push(again=True)
    assert theirs() == {"Evening": [library["Three"]]}


@ON_SQLITE
def test_a_playlist_of_others_of_the_same_name_is_left_alone(
    library: dict[str, int], rest: str, push: Push
) -> None:
    mine = playlists.create(accounts.existing("there").id, "evening", [library["Two"]])
    add(rest, accounts.new_key("there", ""))
    push()
    assert theirs() == {
        "evening": [library["Two"]],
        "Evening (musicfleet)": list(library.values()),
    }
    KnownServer.update(lists=[]).execute()
    push()
    assert [*theirs()] == ["evening"]
    assert playlists.tracks_in(mine) == [library["Two"]]


@ON_SQLITE
def test_clusters_and_what_is_similar_to_starred_tracks_and_between_them_are_pushed(
    library: dict[str, int], rest: str, push: Push
) -> None:
    one, two, three = library.values()
    give_vectors({one: [1, 0, 0], two: [1, 1, 0], three: [0, 1, 0]})
    give_clusters({"Dusk": [one, three]})
    for each in (one, three):
        of_track = {"entity_type": EntityType.TRACK, "entity_id": each}
        Annotation.create(user=accounts.existing("anna").id, starred_at=utc_now(), **of_track)
    add(rest, accounts.new_key("there", ""), lists=["clusters", "similar", "paths"])
    assert push().outcome["lists"]["written"] == 4
    found = theirs()
    assert set(found["Dusk"]) == {one, three}
    assert found["Similar to One"] == [one, two, three]
    assert found["Similar to Three"] == [three, two, one]
    (between,) = (ids for name, ids in found.items() if name.startswith("From "))
    assert {between[0], between[-1]} == {one, three}
    assert push().outcome["lists"]["unchanged"] == 4


@ON_SQLITE
def test_a_playlist_of_five_thousand_songs_goes_through(
    library: dict[str, int], rest: str, push: Push
) -> None:
    ids = list(library.values()) * 1_667
    playlists.replace(own().id, ids)
    add(rest, accounts.new_key("there", ""))
    push()
    assert theirs() == {"Evening": ids}


def answers(**body: Any) -> Handler:
    """An answer as Navidrome gives it."""
    head = {"status": "ok", "version": "1.16.1", "type": "navidrome", "openSubsonic": True}
    said = json.dumps({"subsonic-response": {**head, **body}}).encode()
    return lambda request: request.answer(200, said, {"Content-Type": "application/json"})


def refusal(code: int, message: str) -> Handler:
    """An error in Navidrome's format."""
    return answers(status="failed", error={"code": code, "message": message})


SONGS = [
    # A path that Navidrome makes up, and an id.
    {"id": "x1", "title": "Uno", "path": "S/T/01.flac", "musicBrainzId": "m-1", "duration": 100},
    {"id": "x2", "title": "Two", "artist": "some", "album": "Live", "duration": 250},
    {"id": "x3", "title": "TWO", "artist": "Some", "duration": 102},
    {"id": "x4", "title": "Other", "artist": "Some", "path": "/music/A/B/2 Three.flac"},
]


@pytest.fixture
def navidrome(library: dict[str, int]) -> Iterator[WebServer]:
    """A server with these songs, and no playlist."""
    server = WebServer()
    server.routes |= {
        "/rest/search3.view": answers(searchResult3={"song": SONGS}),
        "/rest/getPlaylists.view": answers(playlists={}),
        "/rest/createPlaylist.view": answers(playlist={"id": "p1", "name": "Evening"}),
        "/rest/updatePlaylist.view": answers(),
        "/rest/startScan.view": answers(scanStatus={"scanning": True}),
    }
    yield server
    server.stop()


@ON_SQLITE
def test_songs_are_found_by_path_id_and_names_and_no_other_recording_is_taken(
    library: dict[str, int], navidrome: WebServer, push: Push
) -> None:
    Track.update(musicbrainz_recording_id="M-1").where(Track.id == library["One"]).execute()
    missing = track("/srv/music/C/d.flac", "Nowhere", "Nobody")
    playlists.replace(own().id, [*library.values(), missing])
    add(navidrome.url, SECRET, folders=[["/music", "/srv/music"]])
    row = push()
    assert row.outcome["found"] == {"path": 1, "id": 1, "names": 1}
    assert (row.outcome["missed"], row.outcome["examples"]) == (1, ["/srv/music/C/d.flac"])
    (pushed,) = servers.pushed(row).values()
    assert (pushed.songs, pushed.missed) == (["x1", "x3", "x4"], 1)
    assert parse_qs(navidrome.bodies[-2].decode())["songId"] == ["x1", "x3", "x4"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (refusal(40, "Wrong username or password"), "the name or password is wrong"),
        (refusal(0, "the database is locked"), "the database is locked"),
        (status(500), "answers 500"),
        (status(200, b"<html>Log in</html>"), "is no server of Subsonic's API"),
        (status(200, b'{"subsonic-response": {"sta'), "off"),
        (status(200, b"x", Content_Length=str(10**9)), "sends more than"),
        (answers(searchResult3={}), "has no songs"),
    ],
)
def test_a_server_that_does_not_answer_as_it_should_is_told_with_its_reason(
    handler: Handler,
    says: str,
    navidrome: WebServer,
    push: Push,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    navidrome.routes["/rest/search3.view"] = handler
    navidrome.routes["/rest/getAlbumList2.view"] = answers(albumList2={})
    add(navidrome.url, SECRET, login="there", is_key=False)
    row = push()
    assert says in (row.fault or "")
    assert row.pushed_at is None
    assert row.due_at is not None
    assert row.due_at > utc_now()
    assert not servers.due()
    assert run(["server", "list"]) == ExitCode.OK
    assert says in capsys.readouterr().err
    assert not any(SECRET in str(each) for each in (navidrome.asked, navidrome.bodies, row.fault))


@ON_SQLITE
def test_a_playlist_whose_making_was_not_answered_is_not_made_twice(
    navidrome: WebServer, push: Push
) -> None:
    add(navidrome.url, SECRET)
    navidrome.routes["/rest/createPlaylist.view"] = status(503)
    assert "503" in (push().fault or "")
    made = [{"id": "p7", "name": "Evening"}, {"id": "p8", "name": "Another"}]
    navidrome.routes["/rest/getPlaylists.view"] = answers(playlists={"playlist": made})
    navidrome.routes["/rest/createPlaylist.view"] = answers(playlist={"id": "p7"})
    row = push()
    assert row.fault is None
    (pushed,) = PushedList.select()
    assert pushed.their_id == "p7"
    (last,) = [each for each in navidrome.bodies if b"playlistId=p7&songId" in each]
    assert b"name=" not in last


@ON_SQLITE
def test_a_server_is_asked_for_a_scan_once_after_one_that_found_something(
    navidrome: WebServer, push: Push
) -> None:
    add(navidrome.url, SECRET)
    push()
    Scan.create(root="/srv/music", finished_at=utc_now())
    assert not servers.due()
    Scan.create(root="/srv/music", finished_at=utc_now(), new=3)
    assert servers.due()
    push()
    assert not servers.due()
    push()
    asked = [path for path, _ in navidrome.asked if path == "/rest/startScan.view"]
    assert len(asked) == 1


@ON_SQLITE
def test_a_server_is_added_shown_and_forgotten_without_its_password(
    navidrome: WebServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    options = ["--user", "there", "--lists", "own", "--of", "anna"]
    assert run(["server", "add", "home", navidrome.url, *options]) == ExitCode.OK
    assert run(["server", "push", "home", "--dry-run", "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [each["end"] for each in said["servers"][0]["playlists"]] == ["written"]
    assert not PushedList.select().exists()
    for command in (["list", "--json"], ["show", "home"], ["set", "home", "--lists", "none"]):
        assert run(["server", *command]) == ExitCode.OK
    assert run(["server", "remove", "home", "--yes"]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert not servers.listed()
