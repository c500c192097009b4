"""What players get at /rest: every answer is as the specification has it, in JSON and in XML."""

import json
from collections.abc import Callable
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from PIL import Image

from db.models import Album, Artist, Lyrics, Scan, Track, User
from db.users import accounts, playlists
from tests.web.similar import give_clusters, give_vectors
from web.rest.door import methods

SPECIFICATION = json.loads((Path(__file__).parent / "opensubsonic" / "schemas.json").read_bytes())
NAMESPACE = "{http://subsonic.org/restapi}"

Rest = Callable[..., Any]


class Player:
    """A user of a player, by an API key."""

    def __init__(self, page: FlaskClient, name: str, *, is_admin: bool = False) -> None:
        row = User.create(key=name, name=name, password="none", is_admin=is_admin)
        self.user = int(row.id)
        self.key = accounts.new_key(name, "")
        self.page = page

    def get(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """What is answered in JSON, which XML has too; checked by the specification."""
        given = {"apiKey": self.key, "c": "tests", "v": "1.16.1", **parameters}
        answer = self.page.get(f"/rest/{name}", query_string=given | {"f": "json"})
        schema = {"$defs": SPECIFICATION["$defs"], **SPECIFICATION["endpoints"][name]}
        document = answer.get_json()
        Draft202012Validator(schema).validate(document)
        found: dict[str, Any] = document["subsonic-response"]
        if not name.startswith(("getRandom", "create", "update", "delete")):
            xml = self.page.post(f"/rest/{name}.view", data=given)
            element = ElementTree.fromstring(xml.data)  # noqa: S314  # our own
            assert same(element, found), name
        return found

    def raw(self, name: str, /, **parameters: Any) -> Any:
        """The answer as it is."""
        given = {"apiKey": self.key, "c": "tests", **parameters}
        return self.page.get(f"/rest/{name}.view", query_string=given)

    def error(self, name: str, /, **parameters: Any) -> int:
        """The code of the error that is answered."""
        found = self.get(name, **parameters)
        assert found["status"] == "failed"
        return int(found["error"]["code"])


def same(element: ElementTree.Element, found: Any) -> bool:
    """Whether an element of XML says what JSON says."""
    if not isinstance(found, dict):
        return (element.text or "") == text(found)
    children: dict[str, list[ElementTree.Element]] = {}
    for each in element:
        children.setdefault(each.tag.removeprefix(NAMESPACE), []).append(each)
    for name, value in found.items():
        if isinstance(value, dict | list):
            listed = value if isinstance(value, list) else [value]
            of_it = children.pop(name, [])
            assert len(of_it) == len(listed), name
            assert all(same(one, item) for one, item in zip(of_it, listed, strict=True))
        else:
            shown = element.text or "" if name == "value" else element.get(name)
            assert shown == text(value), (name, shown, value)
    assert not children
    return len(element.attrib) == sum(
        not isinstance(value, dict | list) and name != "value" for name, value in found.items()
    )


def text(value: Any) -> str:
    """As XML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def anna(page: FlaskClient) -> Player:
    """An administrator."""
    return Player(page, "anna", is_admin=True)


def ids() -> dict[str, str]:
    """Ids of songs by title."""
    return {each.title: f"tr-{each.id}" for each in Track.select()}


def test_every_method_of_the_specification_is_answered(page: FlaskClient) -> None:
    binary = {"stream", "download", "getCoverArt", "hls", "hls.m3u8", "getAvatar", "getCaptions"}
    assert set(methods()) == set(SPECIFICATION["endpoints"]) | binary | {"getTranscodeStream"}


def test_a_library_is_browsed(anna: Player) -> None:
    [root] = anna.get("getMusicFolders")["musicFolders"]["musicFolder"]
    index = anna.get("getIndexes", musicFolderId=root["id"])["indexes"]
    names = [artist["name"] for each in index["index"] for artist in each["artist"]]
    assert {"Björk", "Nobody", "Wide"} <= set(names)
    later = anna.get("getIndexes", ifModifiedSince=index["lastModified"])
    assert later["indexes"]["index"] == []

    artists = [one for each in anna.get("getArtists")["artists"]["index"] for one in each["artist"]]
    bjork = next(each for each in artists if each["name"] == "Björk")
    assert bjork["albumCount"] == 1
    [listed] = anna.get("getArtist", id=bjork["id"])["artist"]["album"]
    album = anna.get("getAlbum", id=listed["id"])["album"]
    assert (album["name"], album["songCount"], album["year"]) == ("Homogenic", 2, 1997)
    assert [song["title"] for song in album["song"]] == ["Jóga", "Bachelorette"]
    song = anna.get("getSong", id=album["song"][0]["id"])["song"]
    assert (song["suffix"], song["contentType"], song["genre"]) == (
        *("flac", "audio/flac"),
        "Electronic",
    )
    assert song["path"] == "Björk/Homogenic/1.flac"
    assert song["albumArtists"] == [{"id": bjork["id"], "name": "Björk"}]
    folder = anna.get("getMusicDirectory", id=bjork["id"])["directory"]
    assert [each["isDir"] for each in folder["child"]] == [True]
    songs = anna.get("getMusicDirectory", id=album["id"])["directory"]["child"]
    assert [each["id"] for each in songs] == [each["id"] for each in album["song"]]
    assert anna.get("getMusicDirectory", id=root["id"])["directory"]["child"]
    genres = {each["value"]: each for each in anna.get("getGenres")["genres"]["genre"]}
    assert (genres["Jazz"]["songCount"], genres["Jazz"]["albumCount"]) == (2, 2)
    for name in ("getAlbumInfo", "getAlbumInfo2"):
        assert "largeImageUrl" in anna.get(name, id=album["id"])["albumInfo"]
    assert "artistInfo" in anna.get("getArtistInfo", id=bjork["id"])
    assert "artistInfo2" in anna.get("getArtistInfo2", id=bjork["id"])


TYPES = (
    *("newest", "highest", "frequent", "recent", "starred"),
    *("alphabeticalByName", "alphabeticalByArtist"),
)


def test_albums_and_songs_are_listed_in_every_way(anna: Player) -> None:
    wide = Album.get(Album.title == "Open")
    [root] = anna.get("getMusicFolders")["musicFolders"]["musicFolder"]
    anna.get("star", albumId=f"al-{wide.id}")
    anna.get("setRating", id=f"al-{wide.id}", rating=4)
    anna.get("scrobble", id=ids()["Horizon"], time=1_700_000_000_000)
    for each in TYPES:
        found = anna.get("getAlbumList2", type=each)["albumList2"]["album"]
        assert len(found) == (1 if each in TYPES[1:5] else Album.select().count()), each
        if each in TYPES[1:5]:
            assert (found[0]["id"], found[0]["userRating"]) == (f"al-{wide.id}", 4)
            assert (found[0]["playCount"], found[0]["played"]) == (1, "2023-11-14T22:13:20Z")
        in_folder = {"type": each, "musicFolderId": root["id"]}
        as_folders = anna.get("getAlbumList", **in_folder)["albumList"]["album"]
        assert [one["id"] for one in as_folders] == [one["id"] for one in found]
    years = {"type": "byYear", "fromYear": 1990, "toYear": 2000}
    [album] = anna.get("getAlbumList2", **years)["albumList2"]["album"]
    assert album["name"] == "Homogenic"
    back = {"type": "byYear", "fromYear": 2010, "toYear": 1990}
    years_back = [each["year"] for each in anna.get("getAlbumList2", **back)["albumList2"]["album"]]
    assert years_back == [2003, 2003, 1997]
    jazz = anna.get("getAlbumList2", type="byGenre", genre="jazz")["albumList2"]["album"]
    assert {each["name"] for each in jazz} == {"Bare", "Open"}
    drawn = anna.page.get(
        "/rest/getAlbumList2",
        query_string={"apiKey": anna.key, "c": "x", "f": "json", "type": "random", "size": 2},
    )
    assert len(drawn.get_json()["subsonic-response"]["albumList2"]["album"]) == 2

    songs = anna.get("getSongsByGenre", genre="Jazz")["songsByGenre"]["song"]
    assert {each["title"] for each in songs} == {"Song", "Horizon"}
    assert len(anna.get("getRandomSongs", size=3)["randomSongs"]["song"]) == 3
    [old] = anna.get("getRandomSongs", toYear=2000, genre="electronic", size=1)["randomSongs"][
        "song"
    ]
    assert old["year"] == 1997
    top = anna.get("getTopSongs", artist="Wide")["topSongs"]["song"]
    assert [each["title"] for each in top] == ["Horizon"]


def test_search_finds_and_an_empty_one_gives_everything_a_page_at_a_time(anna: Player) -> None:
    found = anna.get("search3", query="bjork")["searchResult3"]
    assert [each["name"] for each in found["artist"]] == ["Björk"]
    assert [each["name"] for each in found["album"]] == ["Homogenic"]
    found2 = anna.get("search2", query="bachelor")["searchResult2"]
    assert [each["title"] for each in found2["song"]] == ["Bachelorette"]
    pages = [
        anna.get("search3", query='""', songCount=2, songOffset=first)["searchResult3"]
        for first in range(0, 6, 2)
    ]
    listed = [song["id"] for page in pages for song in page["song"]]
    assert len(listed) == len(set(listed)) == Track.select().count()
    assert len(pages[0]["album"]) == Album.select().count()
    assert len(pages[0]["artist"]) == Artist.select().count()
    Track.update(missing_since=Track.added_at).where(Track.title == "Song").execute()
    gone = anna.get("search3", query="")["searchResult3"]
    assert len(gone["song"]) == len(listed) - 1


def test_a_file_is_streamed_bit_for_bit_and_in_parts(anna: Player) -> None:
    song = Track.get(Track.title == "Horizon")
    data = Path(song.path).read_bytes()
    whole = anna.raw("stream", id=f"tr-{song.id}", maxBitRate=320, format="mp3")
    assert (whole.status_code, whole.mimetype, whole.data) == (200, "audio/mpeg", data)
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = anna.page.get(
        f"/rest/stream?id=tr-{song.id}&apiKey={anna.key}&c=x", headers={"Range": "bytes=10-19"}
    )
    assert (part.status_code, part.data) == (206, data[10:20])
    saved = anna.raw("download", id=f"tr-{song.id}")
    assert "attachment" in saved.headers["Content-Disposition"]
    assert "playCount" not in anna.get("getSong", id=f"tr-{song.id}")["song"]


def test_what_is_no_whole_file_of_the_library_is_not_sent(anna: Player, tmp_path: Path) -> None:
    song = Track.get(Track.title == "Horizon")
    outside = tmp_path / "secret.mp3"
    outside.write_bytes(b"secret")
    for path in (str(outside), f"{Scan.get().root}/../../../etc/passwd", f"{song.path}.gone"):
        Track.update(path=path).where(Track.id == song.id).execute()
        answer = anna.raw("stream", id=f"tr-{song.id}")
        assert b'code="70"' in answer.data, path
    Track.update(path=song.path, part=2, start=5.0).where(Track.id == song.id).execute()
    answer = anna.raw("stream", id=f"tr-{song.id}")
    assert b"a part of a file" in answer.data
    for bad in ("../../etc/passwd", "/etc/passwd", "tr-1/../../x", "al-1", "tr-99999999999"):
        assert anna.raw("stream", id=bad).mimetype == "application/xml"


def test_pictures_come_in_the_fixed_sizes(anna: Player) -> None:
    song = anna.get("getSong", id=ids()["Horizon"])["song"]
    original = anna.raw("getCoverArt", id=song["coverArt"])
    assert Image.open(BytesIO(original.data)).size == (1200, 900)
    small = anna.raw("getCoverArt", id=song["coverArt"], size=200)
    assert (small.status_code, small.mimetype) == (200, "image/jpeg")
    assert max(Image.open(BytesIO(small.data)).size) in {150, 300}
    assert b'code="70"' in anna.raw("getCoverArt", id="al-9999").data
    assert b'code="0"' in anna.raw("getCoverArt", id=song["coverArt"], size=10**6).data
    url = anna.get("getAlbumInfo2", id=song["albumId"])["albumInfo"]["smallImageUrl"]
    assert anna.page.get(url).mimetype == "image/jpeg"
    assert b'code="10"' in anna.page.get(url.partition("&pass")[0]).data


def test_lyrics_have_lines_and_times(anna: Player) -> None:
    song = Track.get(Track.title == "Jóga")
    lrc = "[ar:Björk]\n[offset:120]\n[00:05.20]State of\n[00:03]All these"
    rows = ((0, "eng", True, lrc), (1, None, False, "All these\naccidents"))
    for position, language, synced, words in rows:
        Lyrics.create(
            **{"track": song, "position": position, "source": "tags", "language": language},
            is_synced=synced,
            text=words,
        )
    listed = anna.get("getLyricsBySongId", id=f"tr-{song.id}")["lyricsList"]["structuredLyrics"]
    assert [(each["lang"], each["synced"], each["offset"]) for each in listed] == [
        ("eng", True, 120),
        ("und", False, 0),
    ]
    assert listed[0]["line"] == [
        {"start": 3000, "value": "All these"},
        {"start": 5200, "value": "State of"},
    ]
    assert [each["value"] for each in listed[1]["line"]] == ["All these", "accidents"]
    plain = anna.get("getLyrics", artist="Björk", title="Jóga")["lyrics"]
    assert plain["value"] == "State of\nAll these"
    assert anna.get("getLyrics", artist="Nobody", title="Jóga")["lyrics"]["value"] == ""


def test_playlists_are_made_changed_and_deleted_by_their_owner_alone(
    anna: Player, page: FlaskClient
) -> None:
    ben, by_title = Player(page, "ben"), ids()
    one, other = by_title["Jóga"], by_title["Horizon"]
    made = anna.get("createPlaylist", name="Mine", songId=[one, other, one])["playlist"]
    assert [each["id"] for each in made["entry"]] == [one, other, one]
    assert not [
        each for each in ben.get("getPlaylists")["playlists"]["playlist"] if each["owner"] == "anna"
    ]
    for name, parameter in (
        ("getPlaylist", "id"),
        ("updatePlaylist", "playlistId"),
        ("deletePlaylist", "id"),
        ("createPlaylist", "playlistId"),
    ):
        assert ben.error(name, **{parameter: made["id"]}) == 70
    anna.get(
        "updatePlaylist",
        playlistId=made["id"],
        name="Ours",
        comment="both",
        public="true",
        songIndexToRemove=[0, 5],
        songIdToAdd=[one],
    )
    seen = ben.get("getPlaylist", id=made["id"])["playlist"]
    assert (seen["name"], seen["comment"], seen["readonly"]) == ("Ours", "both", True)
    assert [each["id"] for each in seen["entry"]] == [other, one, one]
    assert ben.error("deletePlaylist", id=made["id"]) == 50
    anna.get("createPlaylist", playlistId=made["id"], songId=[other])
    assert anna.get("getPlaylist", id=made["id"])["playlist"]["songCount"] == 1
    anna.get("deletePlaylist", id=made["id"])
    assert anna.error("getPlaylist", id=made["id"]) == 70
    assert anna.error("createPlaylist", name="x", songId="tr-999999") == 70
    assert playlists.listed(anna.user) == []


def test_similar_songs_paths_and_clusters_follow_from_the_vectors(anna: Player) -> None:
    by_title = ids()
    song = by_title["Jóga"]
    assert anna.get("getSonicSimilarTracks", id=song)["sonicMatch"] == []
    tracks = [int(each[3:]) for each in by_title.values()]
    give_vectors({each: [1.0, place / 9, 0.1] for place, each in enumerate(tracks)})
    clusters = give_clusters({"Calm": tracks[:2]})
    matches = anna.get("getSonicSimilarTracks", id=song, count=3)["sonicMatch"]
    assert len(matches) == 3
    assert matches == sorted(matches, key=lambda each: -each["similarity"])
    for name in ("getSimilarSongs", "getSimilarSongs2"):
        found = anna.get(name, id=song, count=2)[f"{name[3].lower()}{name[4:]}"]["song"]
        assert len(found) == 2
    way = anna.get("findSonicPath", startSongId=song, endSongId=by_title["Horizon"], count=4)
    path = [each["entry"]["id"] for each in way["sonicMatch"]]
    assert (path[0], path[-1], len(path)) == (song, by_title["Horizon"], 4)

    anna.get("star", id=[song, by_title["Horizon"]])
    listed = anna.get("getPlaylists")["playlists"]["playlist"]
    names = {each["id"]: each["name"] for each in listed}
    assert names[f"pc-{clusters['Calm']}"] == "Calm"
    assert names[f"ps-{song[3:]}"] == "Similar to Jóga"
    for each in names:
        found = anna.get("getPlaylist", id=each)["playlist"]
        assert found["readonly"]
        assert found["entry"]
        assert anna.error("deletePlaylist", id=each) == 50


def test_stars_ratings_plays_and_places_are_each_users_own(anna: Player, page: FlaskClient) -> None:
    ben, song = Player(page, "ben"), ids()["Jóga"]
    artist = anna.get("getSong", id=song)["song"]["artistId"]
    anna.get("star", id=song, artistId=artist)
    anna.get("setRating", id=song, rating=5)
    for _ in range(2):
        anna.get("scrobble", id=song, time=1_700_000_000_000)
    anna.get("scrobble", id=song, submission="false")
    anna.get("createBookmark", id=song, position=1234, comment="here")
    anna.get("savePlayQueue", id=[song, song], current=song, position=7)
    mine = anna.get("getSong", id=song)["song"]
    assert (mine["userRating"], mine["playCount"], mine["bookmarkPosition"]) == (5, 1, 1234)
    starred = anna.get("getStarred2")["starred2"]
    assert [each["id"] for each in starred["song"]] == [song]
    assert [each["id"] for each in starred["artist"]] == [artist]
    assert anna.get("getStarred")["starred"]["song"]
    [entry] = anna.get("getNowPlaying")["nowPlaying"]["entry"]
    assert (entry["id"], entry["username"]) == (song, "anna")
    queue = anna.get("getPlayQueue")["playQueue"]
    assert (queue["current"], queue["position"], len(queue["entry"])) == (song, 7, 2)
    anna.get("savePlayQueueByIndex", id=[song, song], currentIndex=1)
    assert anna.get("getPlayQueueByIndex")["playQueueByIndex"]["currentIndex"] == 1
    [mark] = anna.get("getBookmarks")["bookmarks"]["bookmark"]
    assert (mark["position"], mark["comment"], mark["entry"]["id"]) == (1234, "here", song)
    started = {"mediaId": song, "mediaType": "song", "positionMs": 400}
    anna.get("reportPlayback", state="playing", **started)
    anna.get("reportPlayback", state="stopped", **started)
    assert anna.get("getNowPlaying")["nowPlaying"]["entry"] == []

    theirs = ben.get("getSong", id=song)["song"]
    assert not {"starred", "userRating", "playCount", "bookmarkPosition"} & set(theirs)
    assert ben.get("getStarred2")["starred2"]["song"] == []
    assert ben.get("getBookmarks")["bookmarks"]["bookmark"] == []
    assert ben.get("getPlayQueue")["playQueue"]["entry"] == []
    anna.get("unstar", id=song, artistId=artist)
    anna.get("setRating", id=song, rating=0)
    assert anna.get("getStarred2")["starred2"]["song"] == []
    assert "userRating" not in anna.get("getSong", id=song)["song"]
    anna.page.get(f"/rest/deleteBookmark?id={song}&apiKey={anna.key}&c=x")
    assert anna.error("deleteBookmark", id=song) == 70


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
