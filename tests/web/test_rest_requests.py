"""Which requests of players are taken at /rest, of whom, and how others are refused."""

from collections.abc import Callable
from hashlib import md5

import pytest
from flask.testing import FlaskClient

from db.models import Scan, User
from db.users import accounts
from tests.web.players import Player
from web.rest.door import MOST_IDS

BAD = [
    ("getAlbum", {}, 10),
    ("getAlbum", {"id": "al-999999"}, 70),
    ("getAlbum", {"id": "nonsense"}, 0),
    ("getAlbum", {"id": "tr-1"}, 70),
    ("getAlbum", {"id": "2f1c5a9e-5a45-4a0b-9f5c-0a3a1c9c2f11"}, 70),
    ("getAlbumList2", {}, 10),
    ("getAlbumList2", {"type": "kraken"}, 0),
    ("getAlbumList2", {"type": "random", "size": "huge"}, 0),
    ("getAlbumList2", {"type": "random", "size": 100_000}, 0),
    ("getAlbumList2", {"type": "random", "size": -1}, 0),
    ("getAlbumList2", {"type": "newest", "offset": "9" * 400}, 0),
    ("getAlbumList2", {"type": "byYear"}, 10),
    ("getAlbumList2", {"type": "byYear", "fromYear": "Epoch", "toYear": 1}, 0),
    ("getAlbumList2", {"type": "byGenre"}, 10),
    ("getAlbumList2", {"type": "newest", "musicFolderId": 12}, 70),
    ("getAlbumList2", {"type": "newest", "musicFolderId": "x"}, 0),
    ("getIndexes", {"musicFolderId": "2f1c5a9e-5a45-4a0b-9f5c-0a3a1c9c2f11"}, 70),
    ("getPlaylists", {"username": "nobody"}, 70),
    ("search", {}, 10),
    ("search", {"any": "x", "newerThan": "then"}, 0),
    ("search3", {}, 10),
    ("search3", {"query": "x" * 5_000}, 0),
    ("search3", {"query": "", "songCount": 10**6}, 0),
    ("star", {}, 10),
    ("star", {"id": "tr-999999"}, 70),
    ("setRating", {"id": "tr-1"}, 10),
    ("setRating", {"id": "tr-1", "rating": 6}, 0),
    ("scrobble", {"id": "tr-1", "time": 10**15}, 0),
    ("scrobble", {"id": "tr-1", "submission": "sometimes"}, 0),
    ("createPlaylist", {}, 10),
    ("updatePlaylist", {"playlistId": "pc-1", "name": "x"}, 50),
    ("deleteBookmark", {"id": "tr-1"}, 70),
    ("savePlayQueueByIndex", {"id": "tr-1", "currentIndex": 4}, 10),
    ("getPodcastEpisode", {"id": "1"}, 0),
]


def test_what_is_missing_wrong_or_huge_is_refused_by_its_code(anna: Player) -> None:
    codes = [(name, given, anna.error(name, **given)) for name, given, _ in BAD]
    assert codes == BAD
    unknown = anna.raw("notThere")
    assert (unknown.status_code, unknown.mimetype) == (404, "application/xml")


def test_more_ids_than_are_taken_and_texts_of_a_megabyte_are_refused(anna: Player) -> None:
    many = ["tr-1"] * (MOST_IDS + 1)
    asked: list[tuple[str, dict[str, object]]] = [
        ("star", {"id": many}),
        ("scrobble", {"id": many}),
        ("savePlayQueue", {"id": many}),
        ("createPlaylist", {"name": "x", "songId": many}),
        ("search3", {"query": "x" * 1_000_000}),
        ("createPlaylist", {"name": "x" * 1_000_000}),
    ]
    for name, given in asked:
        answer = anna.page.post(f"/rest/{name}", data={"apiKey": anna.key, "c": "x"} | given)
        assert b'code="0"' in answer.data, name
        assert len(answer.data) < 1_000
    assert anna.get("getPlaylists")["playlists"]["playlist"] == []


LOGINS: list[tuple[dict[str, str], int]] = [
    ({}, 10),
    ({"u": "anna"}, 10),
    ({"u": "anna", "p": "wrong"}, 40),
    ({"u": "anna", "t": "0" * 32, "s": "salt"}, 41),
    ({"u": "anna", "p": "x", "t": "0" * 32, "s": "salt"}, 43),
    ({"u": "anna", "apiKey": "mfwrong"}, 43),
    ({"apiKey": "mfwrong"}, 44),
]


def test_each_way_to_log_in_is_taken_and_a_wrong_one_has_its_code(
    page: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def code(**given: str) -> int:
        found = page.get("/rest/ping", query_string={"c": "x", "f": "json"} | given).get_json()
        return int(found["subsonic-response"].get("error", {}).get("code", -1))

    assert code(u="anna", p="pass word") == 40  # there is nobody yet
    monkeypatch.setenv("FLEET_TOKEN_LOGIN", "on")
    accounts.add("anna", "pass word")
    right = {"u": "Anna", "p": "pass word"}
    assert code(**right) == -1
    assert code(u="anna", p="enc:" + b"pass word".hex()) == -1
    token = md5(b"pass wordsalt", usedforsecurity=False).hexdigest()
    assert code(u="anna", t=token, s="salt") == -1
    assert page.get("/rest/ping?c=x", auth=("anna", "pass word")).data.count(b'status="ok"')
    monkeypatch.setenv("FLEET_TOKEN_LOGIN", "off")
    assert [(given, code(**given)) for given, _ in LOGINS] == LOGINS
    assert User.get().secret is None
    key = accounts.new_key("anna", "phone")
    assert code(apiKey=key) == -1
    asked = {"apiKey": key, "c": "x", "f": "json"}
    info = page.post("/rest/tokenInfo.view", data=asked).get_json()["subsonic-response"]
    assert info["tokenInfo"] == {"username": "anna"}
    assert code(apiKey=key, v="2.0.0") == 30
    assert code(apiKey=key, v="0.9.0") == 20
    accounts.revoke("anna", key[:8])
    assert code(apiKey=key) == 44
    assert page.get("/rest/getOpenSubsonicExtensions").status_code == 200
    for _ in range(6):
        page.get("/rest/ping?c=x&apiKey=guess")
    late = page.get("/rest/ping?c=x&apiKey=guess")
    assert b'code="40" message="Too many' in late.data
    assert code(**right) == -1
    assert "pass word" not in caplog.text
    assert key not in caplog.text


def test_a_password_of_the_page_and_another_site_do_not_get_in_the_way(
    new_page: Callable[..., FlaskClient],
) -> None:
    page = new_page(password="secret")
    anna = Player(page, "anna")
    elsewhere = {
        **{"Origin": "https://player.example", "Sec-Fetch-Site": "cross-site"},
        "Host": "music.example",
    }
    answer = page.post("/rest/ping.view", data={"apiKey": anna.key, "c": "x"}, headers=elsewhere)
    assert b'status="ok"' in answer.data
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    jsonp = {"apiKey": anna.key, "c": "x", "f": "jsonp"}
    called = page.get("/rest/ping", query_string=jsonp | {"callback": "player.done"})
    assert called.mimetype == "application/javascript"
    assert called.text.startswith("player.done({")
    refused = page.get("/rest/ping", query_string=jsonp | {"callback": "alert(1)//"})
    assert refused.get_json()["subsonic-response"]["error"]["code"] == 10
    assert page.get("/rest/getCoverArt?id=al-1").mimetype == "application/xml"


def test_users_are_managed_and_scans_begun_by_an_administrator_alone(
    anna: Player, page: FlaskClient
) -> None:
    ben = Player(page, "ben")
    assert ben.get("getUser", username="ben")["user"]["adminRole"] is False
    for name, given in (
        ("getUser", {"username": "anna"}),
        ("getUsers", {}),
        ("createUser", {"username": "x", "password": "y", "email": "z"}),
        ("deleteUser", {"username": "anna"}),
        ("changePassword", {"username": "anna", "password": "y"}),
        ("getPlaylists", {"username": "anna"}),
        ("startScan", {}),
    ):
        assert ben.error(name, **given) == 50, name
    assert anna.error("deleteUser", username="anna") == 50
    assert anna.error("createUser", username="x" * 65, password="y", email="z") == 0
    assert anna.error("updateUser", username="ben", password="") == 0
    assert anna.error("deleteUser", username="nobody") == 70
    anna.get("deleteUser", username="ben")
    assert ben.error("ping") == 44
    assert len(anna.get("getUsers")["users"]["user"]) == 1
    before = Scan.select().count()
    assert anna.get("getScanStatus")["scanStatus"]["scanning"] is False
    assert anna.get("startScan")["scanStatus"]["scanning"] is True
    assert Scan.select().count() == before + 1


def test_an_administrator_sees_what_another_user_made_public_alone(
    anna: Player, page: FlaskClient
) -> None:
    ben = Player(page, "ben")
    ben.get("createPlaylist", name="Mine")
    made = ben.get("createPlaylist", name="Ours")["playlist"]
    ben.get("updatePlaylist", playlistId=made["id"], public="true")
    listed = anna.get("getPlaylists", username="Ben")["playlists"]["playlist"]
    assert [each["name"] for each in listed] == ["Ours"]
