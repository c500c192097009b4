"""Jellyfin: what is asked of it, and what is made of what it answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from db.models import EntityType, Role
from db.settings.providers import Service
from jobs.providers.caller import Caller, Patience
from jobs.providers.errors import RefusedError, UnavailableError
from jobs.providers.web import Timeouts, Web
from jobs.publishing.servers.jellyfin import connect
from jobs.publishing.servers.server import Login, MusicServer
from tests.publishing.jellyfin_server import JellyfinServer

AT_ONCE = Patience(attempts=2, wait=0.001, most=0.001)
QUICK = Timeouts(connect=2.0, read=0.3, total=1.0)
PASSWORD = "tea for two"
PNG = b"\x89PNG\r\n\x1a\n and what follows"
Opened = Callable[..., MusicServer]


@pytest.fixture
def opened(jellyfin: JellyfinServer, queues: redis.Redis) -> Iterator[Opened]:
    """Opens it for a user, or with a key."""
    webs = []

    def open_(user: str = "anna", secret: str = PASSWORD) -> MusicServer:
        web = Web(own_url=jellyfin.url, timeouts=QUICK)
        webs.append(web)
        service = Service("server jellyfin", jellyfin.url, 0.0)
        caller = Caller(service, web, queues, AT_ONCE)
        return connect(Login(user, secret, secret in jellyfin.keys), caller)

    yield open_
    for web in webs:
        web.__exit__(None, None, None)


@pytest.fixture
def songs(jellyfin: JellyfinServer) -> list[str]:
    """Five songs that it has."""
    return [jellyfin.add_song(f"Song {number}", "Ada", "Nine") for number in range(5)]


def test_songs_come_with_path_ids_and_length(jellyfin: JellyfinServer, opened: Opened) -> None:
    """As Jellyfin writes them: ids without dashes, ticks for seconds."""
    ids = {"MusicBrainzRecording": "B1A9C0E9-0000-4000-8000-000000000001"}
    song_id = jellyfin.add_song(
        "Lanterns", "Ada", "Nine", Path="/media/a.flac", ProviderIds=ids, RunTimeTicks=2_345_000_000
    )

    (song,) = opened().songs()

    assert song == (
        *(song_id, "Lanterns", "Ada", "Nine", "/media/a.flac"),
        *(("b1a9c0e9-0000-4000-8000-000000000001",), 234.5),
    )


def test_songs_are_read_page_by_page(jellyfin: JellyfinServer, opened: Opened) -> None:
    """A library of any size."""
    ids = [jellyfin.add_song(f"Song {number}") for number in range(1_001)]

    assert [song.id for song in opened().songs()] == ids
    assert jellyfin.asked.count(("GET", "/Items")) == 3


def test_odd_values_of_a_song_are_left_out(jellyfin: JellyfinServer, opened: Opened) -> None:
    """What is no text is none; a song without an id is not believed."""
    jellyfin.items["odd"] = {"Id": "../Users", "Type": "Audio", "Name": "no id"}
    song_id = jellyfin.add_song("x" * 5_000, Artists=7, Album=None, Path=["a"], RunTimeTicks="long")
    jellyfin.items[song_id]["ProviderIds"] = ["a"]

    (song,) = opened().songs()

    assert (song.id, len(song.title), song.artist, song.album) == (song_id, 1_000, "", "")
    assert (song.path, song.mbids, song.duration) == ("", (), None)


def test_a_playlist_is_made_for_the_user_alone(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """Jellyfin's own default is one that everybody sees."""
    server = opened()

    list_id = server.write_playlist(None, "Calm", "", songs[:3])

    assert server.songs_in(list_id) == songs[:3]
    assert server.playlists() == {list_id: ("Calm", 3)}
    assert opened("root", "all of it").songs_in(list_id) is None


@pytest.mark.parametrize(
    ("order", "writes"),
    [
        ([0, 1, 2], []),
        ([0, 1, 2, 3, 4], ["POST"]),
        ([1, 2], ["DELETE"]),
        ([0, 2, 4], ["DELETE", "POST"]),
        ([2, 1, 0], ["DELETE", "POST"]),
        ([4, 3], ["DELETE", "POST"]),
        ([], ["DELETE"]),
    ],
)
def test_a_playlist_is_refreshed_by_what_differs(
    jellyfin: JellyfinServer,
    opened: Opened,
    songs: list[str],
    order: list[int],
    writes: list[str],
) -> None:
    """It keeps its id; what stays in its place is not touched."""
    server = opened()
    list_id = server.write_playlist(None, "Calm", "", songs[:3])
    kept = dict(jellyfin.playlists[list_id].entries[:1])
    before = len(jellyfin.writes)
    wanted = [songs[number] for number in order]

    assert server.write_playlist(list_id, "Calm", "", wanted) == list_id

    assert jellyfin.songs_of(list_id) == wanted
    assert [method for method, _ in jellyfin.writes[before:]] == writes
    if order[:1] == [0]:
        assert dict(jellyfin.playlists[list_id].entries[:1]) == kept


def test_long_playlists_fit_into_requests(jellyfin: JellyfinServer, opened: Opened) -> None:
    """A server takes a line of some KiB."""
    songs = [jellyfin.add_song(f"Song {number}") for number in range(1_200)]
    server = opened()
    list_id = server.write_playlist(None, "Long", "", songs)

    server.write_playlist(list_id, "Long", "", songs[::-1])

    assert server.songs_in(list_id) == songs[::-1]


def test_a_playlist_is_renamed(jellyfin: JellyfinServer, opened: Opened, songs: list[str]) -> None:
    """In place as well."""
    server = opened()
    list_id = server.write_playlist(None, "Calm", "", songs)

    assert server.write_playlist(list_id, "Calmer", "", songs) == list_id
    assert jellyfin.playlists[list_id].name == "Calmer"


def test_a_playlist_that_is_gone_is_made_again(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """By another id."""
    server = opened()
    gone = server.write_playlist(None, "Calm", "", songs)
    del jellyfin.playlists[gone]

    made = server.write_playlist(gone, "Calm", "", songs)

    assert made != gone
    assert (server.songs_in(gone), server.songs_in(made)) == (None, songs)


def test_a_song_that_is_gone_is_left_out(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """Also one that is listed twice: Jellyfin keeps no repetitions."""
    server = opened()
    list_id = server.write_playlist(None, "Calm", "", songs[:2])
    del jellyfin.items[songs[1]]

    server.write_playlist(list_id, "Calm", "", [songs[0], songs[1], songs[2], songs[0]])

    assert server.songs_in(list_id) == [songs[0], songs[2]]


def test_with_a_key_a_playlist_is_made_again_where_songs_are_to_go(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """A key may add songs, and mostly not remove them; the name says whose the list is."""
    server = opened("Anna", jellyfin.key)
    list_id = server.write_playlist(None, "Calm", "", songs[:2])

    longer = server.write_playlist(list_id, "Calm", "", songs[:3])
    other = server.write_playlist(longer, "Calm", "", songs[1:])

    assert longer == list_id
    assert (other != list_id, server.songs_in(other)) == (True, songs[1:])
    assert list(jellyfin.playlists) == [other]
    assert jellyfin.playlists[other].owner == jellyfin.users[0].id


def test_deleting_a_playlist_deletes_no_song(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """By the same request Jellyfin deletes the files of what it is asked for."""
    server = opened("root", "all of it")
    list_id = server.write_playlist(None, "Calm", "", songs)

    server.delete_playlist(songs[0])
    server.delete_playlist(list_id)
    server.delete_playlist(list_id)

    assert (jellyfin.playlists, jellyfin.deleted_files) == ({}, [])


def test_a_playlist_of_somebody_else_is_refused(
    jellyfin: JellyfinServer, opened: Opened, songs: list[str]
) -> None:
    """Also one that everybody sees."""
    theirs = opened("root", "all of it").write_playlist(None, "Theirs", "", songs[:1])
    jellyfin.playlists[theirs].is_public = True
    server = opened()

    assert theirs not in server.playlists()
    with pytest.raises(RefusedError, match="403"):
        server.write_playlist(theirs, "Theirs", "", songs)
    assert jellyfin.songs_of(theirs) == songs[:1]


def test_a_scan_takes_an_administrator(jellyfin: JellyfinServer, opened: Opened) -> None:
    """Or a key."""
    opened("root", "all of it").start_scan()
    opened("root", jellyfin.key).start_scan()
    with pytest.raises(RefusedError, match="403"):
        opened().start_scan()

    assert jellyfin.scans == 2


def test_albums_and_artists_come_with_the_marks_of_their_pictures(
    jellyfin: JellyfinServer, opened: Opened
) -> None:
    """By role, so that what lacks is known."""
    album = jellyfin.add("MusicAlbum", "Nine", AlbumArtist="Ada")
    artist = jellyfin.add("MusicArtist", "Ada", ProviderIds={"MusicBrainzArtist": "A" * 36})
    front = jellyfin.add_picture(album, "Primary", PNG)
    backdrops = [jellyfin.add_picture(artist, "Backdrop", PNG) for _ in range(2)]
    server = opened()

    assert list(server.entities(EntityType.ALBUM)) == [
        (album, "Nine", "Ada", (), {Role.FRONT: front})
    ]
    assert list(server.entities(EntityType.ARTIST)) == [
        (artist, "Ada", "", ("a" * 36,), {Role.FANART: ",".join(backdrops)})
    ]


@pytest.mark.parametrize("role", list(Role))
def test_a_picture_is_sent_whole_and_replaced(
    jellyfin: JellyfinServer, opened: Opened, role: Role
) -> None:
    """Its mark changes with it; there is one backdrop, not two."""
    artist = jellyfin.add("MusicArtist", "Ada")
    server = opened("root", "all of it")

    first = server.write_picture(artist, role, PNG, "image/png", None)
    second = server.write_picture(artist, role, b"\xff\xd8\xff", "image/jpeg", first)

    ((_, pictures),) = jellyfin.images.items()
    assert [each[1:] for each in pictures] == [(b"\xff\xd8\xff", "image/jpeg")]
    assert first != second
    (entity,) = server.entities(EntityType.ARTIST)
    assert entity.pictures == {role: second}


def test_a_picture_of_what_is_gone_is_none(jellyfin: JellyfinServer, opened: Opened) -> None:
    """No error either."""
    assert (
        opened("root", "all of it").write_picture("0" * 32, Role.FRONT, PNG, "image/png", None)
        is None
    )
    assert jellyfin.images == {}


def test_a_wrong_password_is_refused(opened: Opened) -> None:
    """It stands in no message."""
    with pytest.raises(RefusedError, match="check the user and the password") as caught:
        opened("anna", "wrong secret").playlists()

    assert "wrong secret" not in str(caught.value)


def test_a_user_that_a_key_finds_not_is_refused(jellyfin: JellyfinServer, opened: Opened) -> None:
    """Named, with what to do."""
    with pytest.raises(RefusedError, match="has no user 'berta'"):
        opened("berta", jellyfin.key).playlists()


def test_what_cannot_be_a_key_is_sent_nowhere(
    jellyfin: JellyfinServer, queues: redis.Redis
) -> None:
    """It would stand in a header."""
    with Web(own_url=jellyfin.url) as web:
        caller = Caller(Service("server jellyfin", jellyfin.url, 0.0), web, queues, AT_ONCE)
        server = connect(Login("anna", "two\r\nlines", is_key=True), caller)
        with pytest.raises(RefusedError, match="Dashboard, API Keys"):
            server.playlists()

    assert jellyfin.asked == []


def _status(code: int, body: bytes = b"", kind: str = "text/html") -> Callable[[Any], None]:
    return lambda request: request.reply(code, body, kind)


def _cut_off(request: Any) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"Items": [')
    request.close_connection = True


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_status(500), UnavailableError),
        (_status(503), UnavailableError),
        (_cut_off, UnavailableError),
        (_status(401), RefusedError),
        (_status(404), RefusedError),
        (_status(200, b"<html>a proxy's page"), RefusedError),
        (_status(200, b'{"Items": {}}'), RefusedError),
        (_status(200, b"[]"), RefusedError),
        (_status(200, b"[" * 100_000), RefusedError),
        (_status(200, b" " * (17 * 1024 * 1024)), RefusedError),
        (_status(302), RefusedError),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_an_answer_that_is_none_is_an_error_with_a_reason(
    jellyfin: JellyfinServer, opened: Opened, fault: Callable[[Any], None], error: type[Exception]
) -> None:
    """Never an empty library, of which every playlist would become empty."""
    jellyfin.faults["GET", "/Items"] = fault

    with pytest.raises(error):
        list(opened().songs())


def test_a_login_that_answers_nothing_of_use_is_refused(
    jellyfin: JellyfinServer, opened: Opened
) -> None:
    """Another program at that URL, say."""
    for body in (b"", b"[]", b'{"User": 1, "AccessToken": "a\\r\\nb"}'):
        jellyfin.faults["POST", "/Users/AuthenticateByName"] = _status(200, body)
        with pytest.raises(RefusedError, match="check its URL and version"):
            opened().playlists()


def test_one_login_serves_all_requests(jellyfin: JellyfinServer, opened: Opened) -> None:
    """And its device stays the same, so that none piles up there."""
    server = opened()
    server.playlists()
    server.playlists()

    assert jellyfin.asked.count(("POST", "/Users/AuthenticateByName")) == 1
