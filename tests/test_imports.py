"""What a user has elsewhere is brought by path, id and names, once, and nothing here is lost."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from db.library.artists import ensure_artists
from db.library.names import Named
from db.models import (
    Album,
    Annotation,
    EntityType,
    Play,
    Playlist,
    Scan,
    Track,
    TrackArtist,
    User,
    utc_now,
)
from db.sql.connection import transaction
from db.users import annotations, playlists
from db.users.annotations import Said
from tests.databases import ON_BOTH, ON_SQLITE
from tests.providers.server import Handler, WebServer
from worker.cli.fleet import run
from worker.errors import ExitCode

MBID = "6a4a9d43-0e0c-4f7c-9c5e-9a4b8c1d2e3f"
SCHEMA = """
CREATE TABLE user (id TEXT, user_name TEXT);
CREATE TABLE media_file (id TEXT, path TEXT, title TEXT, artist TEXT, album TEXT,
                         mbz_recording_id TEXT);
CREATE TABLE album (id TEXT, name TEXT, album_artist TEXT, mbz_album_id TEXT);
CREATE TABLE artist (id TEXT, name TEXT);
CREATE TABLE annotation (user_id TEXT, item_id TEXT, item_type TEXT, play_count INTEGER,
                         play_date TEXT, rating INTEGER, starred BOOL, starred_at TEXT);
CREATE TABLE playlist (id TEXT, name TEXT, owner_id TEXT);
CREATE TABLE playlist_tracks (id INTEGER, playlist_id TEXT, media_file_id TEXT);
INSERT INTO user VALUES ('u1', 'Anna'), ('u2', 'Ben');
INSERT INTO artist VALUES ('r1', 'Björk');
INSERT INTO album VALUES ('l1', 'homogenic', 'BJÖRK', NULL);
INSERT INTO annotation VALUES
 ('u1', 'm1', 'media_file', 7, '2024-05-01 10:00:00.123456789+02:00', 5, 1, '2024-05-02T08:00:00Z'),
 ('u1', 'm2', 'media_file', 3, '2023-01-01T00:00:00Z', 0, 0, NULL),
 ('u1', 'm3', 'media_file', 2, 'not a date', 9, 0, NULL),
 ('u1', 'm4', 'media_file', 1, NULL, 0, 1, NULL),
 ('u1', 'm9', 'media_file', 1, NULL, 0, 1, NULL),
 ('u1', 'l1', 'album', 12, '2024-05-01T10:00:00Z', 4, 0, NULL),
 ('u1', 'r1', 'artist', 12, NULL, 0, 1, '2022-02-02T02:02:02Z'),
 ('u2', 'm1', 'media_file', 99, NULL, 1, 1, NULL);
INSERT INTO playlist VALUES ('p1', 'Evening', 'u1'), ('p2', 'Ben''s', 'u2');
INSERT INTO playlist_tracks VALUES
 (2, 'p1', 'm1'), (1, 'p1', 'm3'), (3, 'p1', 'm4'), (1, 'p2', 'm2');
"""
FILES = [
    ("m1", "Björk/Homogenic/02 Jóga.flac", "Jóga", "Björk", "Homogenic", None),
    ("m2", "elsewhere/x.mp3", "Anything", "Anybody", "", MBID),
    ("m3", "/other/y.mp3", "hyperballad", "BJORK", "Post", None),
    ("m4", "/other/z.mp3", "Nowhere", "Nobody", "None", None),
]


def track(path: str, title: str, artist: str, **columns: Any) -> int:
    """The id of a track."""
    file = {"path": path, "folder": path.rpartition("/")[0], "content_id": path}
    empty = {"codec": "flac", "container": "flac", "size": 0, "mtime_ns": 0}
    made = Track.create(**file, **empty, group_folder=file["folder"], title=title, **columns)
    with transaction():
        spelt = ensure_artists({Named(artist): [None]}).found[Named(artist)]
    TrackArtist.create(track=made.id, position=0, artist=spelt.id, spelling=spelt.spelling)
    return int(made.id)


@pytest.fixture
def ids(database: str, data_dir: Path, queues: object) -> dict[str, int]:
    """A library at /srv/music with a user, anna."""
    User.create(key="anna", name="anna", password="")
    Scan.create(root="/srv/music", finished_at=utc_now())
    album = Album.create(key="h", title="Homogenic", album_artist="Björk", present=1)
    joga = track("/srv/music/Björk/Homogenic/02 Jóga.flac", "Jóga", "Björk", album=album.id)
    return {
        "Jóga": joga,
        "Other": track("/srv/music/a/b.flac", "Other", "Some", musicbrainz_recording_id=MBID),
        "Hyperballad": track("/srv/music/c/d.flac", "Hyperballad", "Björk"),
        "album": int(album.id),
    }


@pytest.fixture
def navidrome(tmp_path: Path) -> Path:
    """The database of a Navidrome."""
    file = tmp_path / "navidrome.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO media_file VALUES (?, ?, ?, ?, ?, ?)", FILES)
    return file


def brought(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `fleet import` says."""
    assert run(["import", *arguments, "--user", "anna", "--json"]) == ExitCode.OK
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def rows() -> list[tuple[Any, ...]]:
    """All that users said, and all playlists."""
    of_users = Annotation.select().order_by(Annotation.entity_type, Annotation.entity_id).tuples()
    lists = Playlist.select(Playlist.name, Playlist.source).order_by(Playlist.id).tuples()
    return [*of_users, *lists]


@ON_BOTH
def test_a_navidrome_is_brought_by_path_id_and_names_and_twice_is_once(
    ids: dict[str, int], navidrome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["navidrome", str(navidrome), "--from", "ANNA"]
    dry = brought(capsys, *asked, "--dry-run")
    assert rows() == []
    said = brought(capsys, *asked)
    assert said == dry
    assert said["found"] == {"path": 2, "id": 1, "names": 4}
    nobody = "/other/z.mp3"
    assert said["missed"] == [f"track: {nobody}", f"Evening: {nobody}"]
    assert said["changed"] == {"albums": 1, "artists": 1, "tracks": 3, "playlists": 1}
    tracks = annotations.said(1, EntityType.TRACK, list(ids.values()))
    joga = tracks[ids["Jóga"]]
    assert (str(joga.starred_at), joga.rating, joga.plays) == ("2024-05-02 08:00:00", 5, 7)
    assert str(joga.played_at) == "2024-05-01 08:00:00.123456"
    assert tracks[ids["Other"]].plays == 3
    assert tracks[ids["Hyperballad"]] == Said(None, None, 2, None)
    (album,) = Annotation.select().where(Annotation.entity_type == "album")
    assert (album.entity_id, album.rating, album.plays) == (ids["album"], 4, 0)
    (mine,) = playlists.listed(1)
    assert playlists.tracks_in(mine.id) == [ids["Hyperballad"], ids["Jóga"]]
    before = rows()
    again = brought(capsys, *asked)
    assert set(again["changed"].values()) == {0}
    assert rows() == before


@ON_SQLITE
def test_what_the_user_has_here_stays(
    ids: dict[str, int], navidrome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations.rate(1, EntityType.TRACK, ids["Jóga"], 2)
    played = [annotations.Played(ids["Other"], utc_now().replace(second=n)) for n in range(5)]
    annotations.record_plays(1, played, "a player")
    brought(capsys, "navidrome", str(navidrome), "--from", "Anna")
    tracks = annotations.said(1, EntityType.TRACK, list(ids.values()))
    assert (tracks[ids["Jóga"]].rating, tracks[ids["Other"]].plays) == (2, 5)
    assert Play.select().count() == 5


@ON_SQLITE
def test_what_is_no_navidrome_is_refused_with_what_to_name(
    ids: dict[str, int], navidrome: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.db"
    text.write_text("This is no database." * 100)
    for arguments, says in (
        ([str(text)], "is no database of Navidrome"),
        ([str(tmp_path / "none.db")], "is no file — name Navidrome's navidrome.db"),
        ([str(navidrome)], "there are 2 users in it — name one by --from: Anna, Ben"),
        ([str(navidrome), "--from", "Eve"], "there are no user 'Eve' in it"),
    ):
        code = run(["import", "navidrome", *arguments, "--user", "anna"])
        assert (code, says in capsys.readouterr().err) == (ExitCode.BAD_INPUT, True), says
    assert run(["import", "navidrome", str(navidrome), "--user", "eve"]) == ExitCode.BAD_INPUT
    assert rows() == []


@ON_SQLITE
def test_playlists_of_files_are_brought_however_they_name_the_music(
    ids: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        "\ufeff#EXTM3U",
        "#PLAYLIST:Night",
        "/srv/music/Björk/Homogenic/02 Jóga.flac",
        "Z:\\Music\\Björk\\Homogenic\\02 Jóga.flac",
        "/mnt/nas/a/b.flac",
        "file:///srv/music/c/d.flac",
        "#EXTINF:123,Björk - Hyperballad",
        "gone/away.mp3",
        "#EXTINF:99,Nobody - Nothing",
        "gone/nothing.mp3",
    ]
    file = tmp_path / "night.m3u8"
    file.write_text("\r\n".join(lines))
    asked = ["m3u", str(file), "--map", "/mnt/nas=/srv/music"]
    said = brought(capsys, *asked)
    assert said["found"] == {"path": 4, "names": 1}
    assert said["missed"] == [f"Night: {tmp_path}/gone/nothing.mp3"]
    (mine,) = playlists.listed(1)
    joga, other, hyper = ids["Jóga"], ids["Other"], ids["Hyperballad"]
    assert (mine.name, playlists.tracks_in(mine.id)) == ("Night", [joga, joga, other, hyper, hyper])
    file.write_text("/srv/music/c/d.flac\n")
    assert brought(capsys, *asked)["changed"] == {"playlists": 1}
    (mine,) = playlists.listed(1)
    assert (mine.name, playlists.tracks_in(mine.id)) == ("night", [hyper])
    assert set(brought(capsys, *asked)["changed"].values()) == {0}


SONGS: list[dict[str, Any]] = [
    {"id": "s1", "title": "Jóga", "artist": "Björk", "album": "Homogenic", "path": "x/y.mp3",
     "playCount": 4, "played": "2024-01-01T00:00:00Z", "userRating": 3},
    {"id": "s2", "title": "?", "musicBrainzId": MBID, "starred": "2024-02-02T00:00:00Z"},
    {"id": "s3", "title": "Nowhere", "artist": "Nobody", "playCount": 1},
    {"id": "s4", "title": ["odd"], "playCount": "many", "userRating": True},
]  # fmt: skip
PLAYLISTS = [{"id": "1", "name": "Mine", "owner": "Anna"}, {"id": "2", "name": "B", "owner": "Ben"}]


def answers(**body: Any) -> Handler:
    """An answer of Subsonic's API."""
    said = json.dumps({"subsonic-response": {"status": "ok", **body}}).encode()
    return lambda request: request.answer(200, said, {})


@ON_SQLITE
def test_a_server_of_subsonics_api_is_brought_without_its_password_in_any_url(
    ids: dict[str, int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = WebServer()
    server.routes |= {
        "/rest/search3.view": answers(searchResult3={"song": SONGS[:1] + SONGS[2:]}),
        "/rest/getStarred2.view": answers(starred2={"song": [SONGS[1]]}),
        "/rest/getPlaylists.view": answers(playlists={"playlist": PLAYLISTS}),
        "/rest/getPlaylist.view": answers(playlist={"entry": [SONGS[1], SONGS[0]]}),
    }
    asked = ["subsonic", server.url, "--from", "anna"]
    for changed in (1, 0):
        monkeypatch.setattr("sys.stdin", io.StringIO("very secret\n"))
        said = brought(capsys, *asked)
        assert said["missed"] == ["track: Nobody - Nowhere"]
        assert said["changed"]["playlists"] == changed
    tracks = annotations.said(1, EntityType.TRACK, list(ids.values()))
    assert (tracks[ids["Jóga"]].plays, tracks[ids["Jóga"]].rating) == (4, 3)
    assert str(tracks[ids["Other"]].starred_at) == "2024-02-02 00:00:00"
    (mine,) = playlists.listed(1)
    assert (mine.name, playlists.tracks_in(mine.id)) == ("Mine", [ids["Other"], ids["Jóga"]])
    assert not any("very secret" in str(query) for _, query in server.asked)
    refused = {"subsonic-response": {"status": "failed", "error": {"code": 40, "message": "no"}}}
    body = json.dumps(refused).encode()
    bad = {body: "the name or password is wrong", b"[" * 9999: "is no server of Subsonic"}
    for answer, says in bad.items():
        server.routes["/rest/search3.view"] = lambda request, a=answer: request.answer(200, a, {})
        monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
        assert run(["import", *asked, "--user", "anna"]) != ExitCode.OK
        assert says in capsys.readouterr().err
    server.stop()
