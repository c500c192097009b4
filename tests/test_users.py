"""Users: what is kept of passwords and keys, and that stars, plays and playlists stay theirs."""

import io
import json
from datetime import datetime
from hashlib import md5

import pytest

from db.artwork.images import hand_over
from db.errors import AccountError
from db.models import Album, Annotation, ApiKey, EntityType, Play, Track, User
from db.models import database as connection
from db.users import accounts, annotations, playlists
from tests.databases import ON_BOTH, ON_SQLITE
from worker.cli.fleet import run
from worker.errors import ExitCode

PASSWORD = "correct horse"
NOON = datetime(2026, 5, 1, 12)


@pytest.fixture
def user(database: str) -> int:
    """A user whose password nobody needs, for its hash takes a while."""
    return int(User.create(key="anna", name="Anna", password="none").id)


def track(number: int) -> int:
    """A track of an album of its own."""
    album = Album.create(key=f"album {number}", title=f"Album {number}")
    folder = f"/music/{number}"
    of_file = {"path": f"{folder}/1.mp3", "folder": folder, "group_folder": folder}
    made = Track.create(
        **of_file, album=album, codec="mp3", container="mp3", size=1, mtime_ns=1, content_id="x"
    )
    return int(made.id)


@ON_SQLITE
def test_a_password_and_a_key_log_in_and_neither_is_in_the_database(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nmore\n"))
    assert run(["user", "add", "Anna", "--admin"]) == ExitCode.OK
    assert run(["user", "key", "anna", "--name", "phone"]) == ExitCode.OK
    *_, key = capsys.readouterr().out.split()

    passwords = accounts.Passwords()
    found = passwords.user("ANNA", PASSWORD)
    assert found is not None
    assert (found.name, found.is_admin) == ("Anna", True)
    assert passwords.user("anna", PASSWORD) == found
    assert accounts.user_of_key(key) == found

    stored = str([list(table.select().dicts()) for table in (User, ApiKey)])
    assert PASSWORD not in stored
    assert key not in stored
    assert User.get().secret is None

    assert run(["user", "list", "--json"]) == ExitCode.OK
    listed = capsys.readouterr().out
    [shown] = json.loads(listed)["users"]
    assert (shown["name"], shown["keys"][0]["begins"]) == ("Anna", key[:8])
    assert key not in listed
    assert run(["user", "key", "anna", "--revoke", key[:8]]) == ExitCode.OK
    assert accounts.user_of_key(key) is None
    assert run(["user", "key", "anna", "--revoke", key[:8]]) == ExitCode.BAD_INPUT


@ON_SQLITE
def test_a_password_is_kept_for_tokens_only_when_the_owner_wants_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = md5(f"{PASSWORD}salt".encode(), usedforsecurity=False).hexdigest()
    accounts.add("anna", PASSWORD)
    assert accounts.user_of_token("anna", token, "salt") is None
    monkeypatch.setenv("FLEET_TOKEN_LOGIN", "on")
    accounts.set_password("anna", PASSWORD)
    assert accounts.user_of_token("anna", token, "salt") == accounts.account("anna")
    assert accounts.user_of_token("anna", token, "other") is None
    assert accounts.user_of_token("ben", token, "salt") is None
    assert PASSWORD.encode().hex() not in User.get().secret
    assert accounts.forget_secrets() == 1
    assert accounts.user_of_token("anna", token, "salt") is None


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("", "x", "1 to 64 characters"),
        ("a\nb", "x", "control characters"),
        ("a" * 65, "x", "1 to 64 characters"),
        ("ben", "", "0 bytes"),
        ("ben", "ü" * 65, "130 bytes"),
    ],
)
def test_a_name_or_password_that_cannot_be_taken_is_named(
    user: int, name: str, password: str, says: str
) -> None:
    with pytest.raises(AccountError, match=says):
        accounts.add(name, password)


@ON_BOTH
def test_a_play_that_is_sent_twice_counts_once(user: int) -> None:
    one, other = track(1), track(2)
    played = [annotations.Played(one, NOON), annotations.Played(other, NOON)]
    assert annotations.record_plays(user, played, "player") == 2
    again = [*played, annotations.Played(one, NOON.replace(hour=11))]
    assert annotations.record_plays(user, again, "player") == 1
    said = annotations.said(user, EntityType.TRACK, [one, other])
    assert [(said[each].plays, said[each].played_at) for each in (one, other)] == [
        (2, NOON),
        (1, NOON),
    ]
    album = Track.get_by_id(one).album_id
    assert annotations.said(user, EntityType.ALBUM, [album])[album].plays == 2
    assert annotations.most_played_albums(user)[0] == album


@ON_BOTH
def test_stars_ratings_and_plays_go_to_what_takes_the_place_of_an_entity(user: int) -> None:
    ben = User.create(key="ben", name="Ben", password="none").id
    one, other = track(1), track(2)
    annotations.star(user, EntityType.TRACK, [one])
    annotations.rate(user, EntityType.TRACK, other, 4)
    annotations.rate(ben, EntityType.TRACK, one, 2)
    hand_over(EntityType.TRACK, one, other)
    mine = annotations.said(user, EntityType.TRACK, [other])[other]
    assert (mine.starred_at is not None, mine.rating) == (True, 4)
    assert annotations.said(ben, EntityType.TRACK, [other])[other].rating == 2


@ON_SQLITE
def test_what_is_a_users_goes_with_the_user_and_with_the_track(user: int) -> None:
    one, other = track(1), track(2)
    made = playlists.create(user, "Both", [one, other, one])
    annotations.record_plays(user, [annotations.Played(one, NOON)], "")
    playlists.set_bookmark(user, one, 5, None)
    playlists.save_queue(user, [one, other], 1, 7, "player")
    Track.delete().where(Track.id == one).execute()
    assert playlists.tracks_in(made) == [other]
    assert playlists.queue(user) is not None
    assert playlists.queue(user)[:3] == ([other], 0, 7)  # type: ignore[index]
    assert not Play.select().exists()
    assert not playlists.bookmarks(user)
    accounts.remove("anna")
    for table in ("annotations", "playlists", "playlist_entries", "play_queues", "api_keys"):
        assert connection.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,)
    assert not Annotation.select().exists()


@ON_SQLITE
def test_places_of_a_playlist_are_those_that_are_there(user: int) -> None:
    tracks = [track(number) for number in range(4)]
    made = playlists.create(user, "All", tracks)
    Track.update(missing_since=NOON).where(Track.id == tracks[0]).execute()
    assert playlists.edit(made, {0, 2, 9}, [tracks[3]]) == 3
    assert playlists.tracks_in(made) == [tracks[2], tracks[3]]
    Track.update(missing_since=None).execute()
    assert playlists.tracks_in(made) == [tracks[0], tracks[2], tracks[3]]
    [listed] = playlists.listed(user)
    assert (listed.tracks, listed.first, listed.owner) == (3, tracks[0], "Anna")
