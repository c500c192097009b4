"""What Jellyfin gets of a library: playlists of the songs that it has, and pictures it lacks."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import redis
from PIL import Image as Pictures

from db.artwork.image_files import SIZES, thumbnail
from db.models import (
    Album,
    Artist,
    Cover,
    EntityType,
    Image,
    KnownServer,
    Playlist,
    PushedPicture,
    Role,
)
from db.publishing import servers
from db.publishing.servers import ServerKind
from db.users import accounts, playlists
from jobs.pictures import store
from jobs.publishing.servers import given_pictures
from tests.databases import ON_BOTH
from tests.pipeline.in_process import work_off
from tests.publishing.jellyfin_server import JellyfinServer
from tests.test_imports import track
from worker import dispatch

PASSWORD = "all of it"
MBID = "b1a9c0e9-0000-4000-8000-00000000000"
Push = Callable[..., KnownServer]


@pytest.fixture
def library(database: str, data_dir: object, queues: object) -> dict[str, int]:
    """Anna's playlist of four tracks; their ids."""
    accounts.add("anna", PASSWORD)
    ids = {
        title: track(
            f"/srv/music/A/B/{title}.flac",
            title,
            "Some",
            duration=180.0,
            musicbrainz_recording_id=f"{MBID}{number}",
        )
        for number, title in enumerate(("One", "Two", "Three", "Four"))
    }
    playlists.create(accounts.existing("anna").id, "Evening", list(ids.values()))
    return ids


@pytest.fixture
def push(library: dict[str, int], jellyfin: JellyfinServer, queues: redis.Redis) -> Push:
    """Pushes as a worker does, and says what is known of the server then."""
    servers.add(
        *("den", ServerKind.JELLYFIN, jellyfin.url, PASSWORD),
        login="root",
        lists=["own"],
        listener=accounts.existing("anna").id,
        folders=[["/media/music", "/srv/music"]],
        pictures=True,
    )

    def do(*, again: bool = False) -> KnownServer:
        (row,) = servers.listed()
        servers.ask(row, again=again)
        dispatch.enqueue(servers.JOB, server_id=row.id)
        work_off(queues)
        (row,) = servers.listed()
        return row

    return do


def picture(colour: str, size: int = 40, kind: str = "PNG") -> bytes:
    """A picture of one colour."""
    data = io.BytesIO()
    Pictures.new("RGB", (size, size), colour).save(data, kind)
    return data.getvalue()


def show(kind: EntityType, entity_id: int, data: bytes, role: Role = Role.FRONT) -> None:
    """Have an album or artist show a picture."""
    row = {"digest": store.put(data), "bytes": len(data), "width": 40, "height": 40}
    image = Image.create(mime=f"image/{'png' if data[1:4] == b'PNG' else 'jpeg'}", **row)
    which = {"entity_type": kind, "entity_id": entity_id, "role": role}
    Cover.delete().where(
        *(getattr(Cover, name) == value for name, value in which.items())
    ).execute()
    Cover.create(image=image, source="folder", rank=0, source_path="/x.jpg", **which)


@pytest.fixture
def album(library: dict[str, int], jellyfin: JellyfinServer) -> str:
    """The id of an album there which is one of ours."""
    ours = Album.create(
        key="nine", title="Nine", album_artist="Some", musicbrainz_release_id=MBID + "9"
    )
    show(EntityType.ALBUM, ours.id, picture("red"))
    ids = {"MusicBrainzAlbum": MBID + "9"}
    jellyfin.add_song("One")
    return jellyfin.add("MusicAlbum", "Neuf", ProviderIds=ids)


def seen(jellyfin: JellyfinServer, item: str, image: str = "Primary") -> list[bytes]:
    """The pictures of an item there."""
    return [data for _, data, _ in jellyfin.images.get((item, image), [])]


@ON_BOTH
def test_songs_are_found_by_path_by_id_and_by_names(
    library: dict[str, int], jellyfin: JellyfinServer, push: Push
) -> None:
    """And what was not found is said."""
    by_path = jellyfin.add_song("1", Path="/media/music/A/B/One.flac")
    by_id = jellyfin.add_song("2", ProviderIds={"MusicBrainzRecording": MBID + "1"}, Path="/else")
    by_names = jellyfin.add_song("Three", "Some", Path="/elsewhere")
    jellyfin.add_song("Four", "Some", Path="/other", RunTimeTicks=10_000_000)

    row = push()

    assert (row.fault, row.outcome["found"]) == (None, {"path": 1, "id": 1, "names": 1})
    assert (row.outcome["missed"], row.outcome["examples"]) == (1, ["/srv/music/A/B/Four.flac"])
    (listed,) = jellyfin.playlists.values()
    assert (listed.name, listed.is_public) == ("Evening", False)
    assert jellyfin.songs_of(listed.id) == [by_path, by_id, by_names]


@pytest.fixture
def all_there(library: dict[str, int], jellyfin: JellyfinServer) -> dict[int, str]:
    """The songs there of our tracks."""
    return {
        ours: jellyfin.add_song(title, "Some", Path=f"/media/music/A/B/{title}.flac")
        for title, ours in library.items()
    }


def test_a_second_push_writes_nothing_and_a_change_writes_the_difference(
    library: dict[str, int], jellyfin: JellyfinServer, all_there: dict[int, str], push: Push
) -> None:
    """The playlist keeps its id."""
    push()
    before = list(jellyfin.writes)
    assert push().outcome["lists"]["unchanged"] == 1
    assert jellyfin.writes == before
    (list_id,) = jellyfin.playlists
    own = Playlist.get()
    order = [library["One"], library["Four"], library["Two"]]
    playlists.replace(own.id, order)

    push()

    assert jellyfin.songs_of(list_id) == [all_there[each] for each in order]
    written = jellyfin.writes[len(before) :]
    place = f"/Playlists/{list_id}/Items"
    assert written == [("DELETE", place), ("POST", place)]


def test_a_playlist_that_its_user_deleted_or_changed_there_stays_so(
    library: dict[str, int], jellyfin: JellyfinServer, all_there: dict[int, str], push: Push
) -> None:
    """Until it is asked for again."""
    push()
    (list_id,) = jellyfin.playlists
    jellyfin.playlists[list_id].entries.reverse()
    playlists.replace(Playlist.get().id, [library["One"]])
    assert "yours" in push().outcome["remarks"][0]
    assert len(jellyfin.songs_of(list_id)) == 4
    del jellyfin.playlists[list_id]
    push()
    assert jellyfin.playlists == {}

    push(again=True)

    (listed,) = jellyfin.playlists
    assert jellyfin.songs_of(listed) == [all_there[library["One"]]]


def test_a_playlist_of_the_same_name_is_not_touched(
    jellyfin: JellyfinServer, all_there: dict[int, str], push: Push
) -> None:
    """Whoever made it."""
    theirs = jellyfin.make_playlist("evening", "root", list(all_there.values())[:1])

    push()

    assert jellyfin.songs_of(theirs) == list(all_there.values())[:1]
    assert {each.name for each in jellyfin.playlists.values()} == {
        "evening",
        "Evening (musicfleet)",
    }


def test_songs_that_are_gone_there_are_no_change_of_its_user(
    library: dict[str, int], jellyfin: JellyfinServer, all_there: dict[int, str], push: Push
) -> None:
    """The playlist goes on being refreshed, with what is left."""
    push()
    del jellyfin.items[all_there[library["Two"]]]
    row = push()
    assert (row.outcome["missed"], row.outcome["lists"]["written"]) == (1, 1)
    (list_id,) = jellyfin.playlists
    assert all_there[library["Two"]] not in jellyfin.songs_of(list_id)
    assert len(jellyfin.songs_of(list_id)) == 3


def test_a_server_that_fails_says_so_and_is_tried_again(
    jellyfin: JellyfinServer, all_there: dict[int, str], push: Push
) -> None:
    """A wrong password waits for the user; no playlist becomes empty in the meantime."""
    push()
    before = list(jellyfin.writes)
    jellyfin.users[1].password = "another"
    row = push()
    assert "check the user and the password" in row.fault
    assert PASSWORD not in row.fault
    assert jellyfin.writes == before
    jellyfin.users[1].password = PASSWORD
    assert push().fault is None


@ON_BOTH
def test_what_lacks_a_picture_gets_ours_once(
    jellyfin: JellyfinServer, album: str, push: Push
) -> None:
    """Albums by their MusicBrainz id, artists by name, in each role."""
    ours = Artist.get(Artist.name == "Some").id
    colours = {Role.FRONT: "blue", Role.FANART: "green", Role.LOGO: "white"}
    for role, colour in colours.items():
        show(EntityType.ARTIST, ours, picture(colour), role)
    artist = jellyfin.add("MusicArtist", "some")
    jellyfin.add("MusicArtist", "Nobody of ours")

    row = push()

    assert row.outcome["pictures"] == {"given": 4, "unchanged": 0, "kept": 0, "missed": 1}
    assert seen(jellyfin, album) == [picture("red")]
    images = ("Primary", "Backdrop", "Logo")
    assert [seen(jellyfin, artist, image) for image in images] == [
        [picture(colour)] for colour in colours.values()
    ]
    before = list(jellyfin.writes)
    assert push().outcome["pictures"] == {"given": 0, "unchanged": 4, "kept": 0, "missed": 1}
    assert jellyfin.writes == before


def test_a_picture_that_was_there_is_not_replaced(
    jellyfin: JellyfinServer, album: str, push: Push
) -> None:
    """Ours or not, better or worse."""
    jellyfin.add_picture(album, "Primary", b"theirs")
    assert push().outcome["pictures"]["kept"] == 1
    assert push(again=True).outcome["pictures"]["kept"] == 1
    assert seen(jellyfin, album) == [b"theirs"]


def test_a_picture_of_ours_follows_ours(jellyfin: JellyfinServer, album: str, push: Push) -> None:
    """Also when the server gave it another mark in the meantime."""
    push()
    show(EntityType.ALBUM, 1, picture("blue"))
    assert push().outcome["pictures"]["given"] == 1
    assert seen(jellyfin, album) == [picture("blue")]
    jellyfin.add_picture(album, "Primary", picture("blue"))
    assert push().outcome["pictures"]["unchanged"] == 1
    jellyfin.add_picture(album, "Primary", picture("blue"))
    show(EntityType.ALBUM, 1, picture("green"))
    push()
    assert seen(jellyfin, album) == [picture("green")]


def test_a_picture_that_its_user_replaced_or_deleted_there_is_theirs(
    jellyfin: JellyfinServer, album: str, push: Push
) -> None:
    """A deleted one comes again when it is asked for, a chosen one is never replaced."""
    push()
    jellyfin.images.clear()
    assert push().outcome["pictures"]["kept"] == 1
    assert push().outcome["pictures"]["kept"] == 1
    assert push(again=True).outcome["pictures"]["given"] == 1
    jellyfin.add_picture(album, "Primary", b"chosen there")
    show(EntityType.ALBUM, 1, picture("blue"))
    push()
    push(again=True)
    assert seen(jellyfin, album) == [b"chosen there"]


def test_a_picture_whose_writing_was_cut_off_is_known_again(
    jellyfin: JellyfinServer, album: str, push: Push
) -> None:
    """By its bytes."""
    push()
    PushedPicture.update(mark=None).execute()
    assert push().outcome["pictures"] == {"given": 0, "unchanged": 1, "kept": 0, "missed": 0}


def test_a_large_picture_is_given_as_a_thumbnail(
    jellyfin: JellyfinServer, album: str, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the largest size."""
    data = picture("red", 1_000)
    show(EntityType.ALBUM, 1, data)
    monkeypatch.setattr(given_pictures, "_LARGEST", len(data) - 1)

    push()

    digest = Image.get(Image.digest == store.digest_of(data)).digest
    assert seen(jellyfin, album) == [thumbnail(digest, SIZES[-1]).read_bytes()]


def test_a_user_who_may_give_no_pictures_gets_playlists_all_the_same(
    jellyfin: JellyfinServer, album: str, all_there: dict[int, str], push: Push
) -> None:
    """And is told why; nothing of the pictures is taken for done."""
    jellyfin.users[1].is_admin = False
    row = push()
    assert (row.fault, row.outcome["lists"]["written"]) == (None, 1)
    assert any(
        "the picture of Neuf: server den answers 403" in each for each in row.outcome["remarks"]
    )
    jellyfin.users[1].is_admin = True
    assert push().outcome["pictures"]["given"] == 1


def test_more_pictures_than_a_run_gives_are_given_by_the_next(
    jellyfin: JellyfinServer, album: str, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is due at once."""
    monkeypatch.setattr(given_pictures, "_MOST", 1)
    artist = jellyfin.add("MusicArtist", "Some")
    show(EntityType.ARTIST, Artist.get(Artist.name == "Some").id, picture("blue"))

    row = push()

    assert (len(jellyfin.images), row.outcome["more"]) == (1, True)
    assert [each.id for each in servers.due()] == [row.id]
    push()
    assert (seen(jellyfin, album), seen(jellyfin, artist)) == ([picture("red")], [picture("blue")])


def test_pictures_are_given_only_when_that_was_asked_for(
    library: dict[str, int], jellyfin: JellyfinServer, album: str, push: Push
) -> None:
    """Off by default."""
    KnownServer.update(pictures=False).execute()
    row: Any = push()
    assert (row.outcome["pictures"], jellyfin.images) == ({}, {})
