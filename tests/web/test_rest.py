"""What players get at /rest: every answer is as the specification has it, in JSON and in XML."""

import time
from io import BytesIO
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image

from db.models import Album, Artist, Lyrics, Scan, Track
from db.users import playlists
from tests.web.players import SPECIFICATION, Player, ids
from tests.web.similar import give_clusters, give_vectors
from web.rest.door import methods


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


def test_the_search_of_the_first_players_is_by_the_field_that_is_named(anna: Player) -> None:
    def found(**given: object) -> list[str]:
        result = anna.get("search", **given)["searchResult"]
        return [each["title"] for each in result["match"]]

    assert found(artist="jork") == ["Björk"]
    assert found(artist="Jóga") == []
    assert found(album="homo") == ["Homogenic"]
    assert found(title="Bjork") == []
    assert found(any=" ") == found(artist="") == []
    assert found(any="bjork") == ["Björk", "Homogenic"]
    second = anna.get("search", title="o", count=1, offset=1)["searchResult"]
    assert (second["totalHits"], second["offset"], len(second["match"])) == (4, 1, 1)
    tomorrow = int((time.time() + 86_400) * 1000)
    for field in ("artist", "album", "title", "any"):
        assert found(**{field: "o", "newerThan": 1})
        assert found(**{field: "o", "newerThan": tomorrow}) == []


def test_albums_are_listed_by_what_was_played_since(anna: Player) -> None:
    by_title, named = ids(), {"Horizon": "Open", "Jóga": "Homogenic"}
    for title in ("Horizon", "Jóga", "Horizon"):
        anna.page.get(f"/rest/scrobble?id={by_title[title]}&apiKey={anna.key}&c=x")
        listed = {
            each: [
                one["name"] for one in anna.get("getAlbumList2", type=each)["albumList2"]["album"]
            ]
            for each in ("recent", "frequent")
        }
        assert listed["recent"][0] == named[title]
    assert listed["frequent"] == ["Open", "Homogenic"]


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
    assert ben.get("getNowPlaying")["nowPlaying"]["entry"] == []
    assert ben.get("getTopSongs", id=artist)["topSongs"]["song"] == []
    for kind in ("recent", "frequent", "starred", "highest"):
        assert ben.get("getAlbumList2", type=kind)["albumList2"]["album"] == []
    anna.get("unstar", id=song, artistId=artist)
    anna.get("setRating", id=song, rating=0)
    assert anna.get("getStarred2")["starred2"]["song"] == []
    assert "userRating" not in anna.get("getSong", id=song)["song"]
    anna.page.get(f"/rest/deleteBookmark?id={song}&apiKey={anna.key}&c=x")
    assert anna.error("deleteBookmark", id=song) == 70
