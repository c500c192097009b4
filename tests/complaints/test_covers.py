"""What users of music servers complain about in covers, each a promise here.

Each test is named after the complaint, and its first line says whose users made it.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from mutagen.flac import FLAC, Picture

from db.models import Album, Artist, Cover, EntityType, Kind, LedgerRow, State, Track
from db.settings.providers import Service
from jobs.covers import fetch_album_covers
from jobs.pictures import store
from jobs.providers.caller import Caller, Patience
from jobs.providers.errors import UnavailableError
from jobs.providers.web import Timeouts, Web
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from tests.music import picture, write_track
from tests.providers.conftest import TurnOn
from tests.providers.server import WebServer, page, status, unstoppable
from tests.providers.server import picture as answer_picture
from tests.providers.shapes import STAR, data, deezer_album, lastfm
from tests.web.conftest import ADDRESS, client_of
from web.app import create_app

RunScan = Callable[..., None]
RED, BLUE = picture("red"), picture("blue")
BACK, BOOKLET = 4, 5


def write(folder: Path, *, title: str = "Song", name: str = "1.flac", **tags: object) -> Path:
    """A track of an album that is called as its folder."""
    named = {"artist": "Somebody", "albumartist": "Somebody", "album": folder.name}
    pitch = 200 + sum(f"{folder.name}{name}".encode())
    return write_track(folder / name, pitch=pitch, **{**named, "title": title, **tags})


def embed(track: Path, *pictures: tuple[int, bytes]) -> None:
    """Embed pictures: the ID3v2 type and the bytes of each."""
    file = FLAC(track)
    file.clear_pictures()
    for kind, content in pictures:
        embedded = Picture()
        embedded.type, embedded.mime, embedded.data = kind, "image/jpeg", content
        file.add_picture(embedded)
    file.save()


def shown(entity_type: EntityType, entity_id: int, role: str = "front") -> bytes | None:
    """The bytes of what is shown."""
    cover = Cover.get_or_none(
        Cover.entity_type == entity_type, Cover.entity_id == entity_id, Cover.role == role
    )
    return store.original(cover.image.digest).read_bytes() if cover else None


def album_shows(title: str = "Album", role: str = "front") -> bytes | None:
    """What an album shows."""
    return shown(EntityType.ALBUM, Album.get(title=title).id, role)


def remote_need(entity_type: EntityType = EntityType.ALBUM) -> LedgerRow:
    """How a search on the web ended."""
    return LedgerRow.get(LedgerRow.kind == Kind.REMOTE, LedgerRow.entity_type == entity_type)


def deezer_has(server: WebServer, content: bytes) -> None:
    """Have Deezer know the album."""
    url = f"{server.url}/cover.jpg"
    server.routes["/deezer/search/album"] = page(
        data(deezer_album("Album", "Somebody", url, tracks=1))
    )
    server.routes["/cover.jpg"] = answer_picture(content)


def test_a_new_cover_is_not_picked_up_without_a_full_scan(scan: RunScan, library: Path) -> None:
    """navidrome#5469, #792, jellyfin#13829."""
    write(library / "Album")
    scan()
    assert album_shows() is None
    (library / "Album" / "cover.jpg").write_bytes(RED)
    scan()
    assert album_shows() == RED


def test_a_replaced_cover_is_not_picked_up_without_a_full_scan(
    scan: RunScan, library: Path
) -> None:
    """navidrome#5469, #792, jellyfin#13829; both in the folder and in the tracks."""
    embed(write(library / "Tagged"), (3, RED))
    write(library / "Album")
    cover = library / "Album" / "cover.jpg"
    cover.write_bytes(RED)
    scan()
    cover.write_bytes(BLUE)
    embed(library / "Tagged" / "1.flac", (3, BLUE))
    scan()
    assert album_shows() == album_shows("Tagged") == BLUE


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_browser_shows_the_old_one(scan: RunScan, library: Path) -> None:
    """navidrome#5377. What is kept for good has its content's address, which the page changes."""
    write(library / "Album")
    cover = library / "Album" / "cover.jpg"
    client = client_of(create_app(ADDRESS, "", threading.Event()))
    addresses = []
    for content in (RED, BLUE):
        cover.write_bytes(content)
        scan()
        addresses.append(f"/images/{store.digest_of(content)}/300.jpg")
        assert addresses[-1] in client.get(f"/albums/{Album.get().id}").text
    assert addresses[0] not in client.get(f"/albums/{Album.get().id}").text


def test_a_local_image_loses_to_an_earlier_remote_one(
    scan: RunScan, library: Path, server: WebServer, turn_on: TurnOn
) -> None:
    """navidrome#2479."""
    turn_on("deezer")
    deezer_has(server, BLUE)
    write(library / "Album")
    scan()
    assert album_shows() == BLUE
    (library / "Album" / "cover.jpg").write_bytes(RED)
    scan()
    assert album_shows() == RED


@pytest.mark.parametrize("place", ["Somebody/artist.jpg", "Somebody/folder.jpg", "Somebody.jpg"])
def test_a_local_artist_image_is_ignored(scan: RunScan, library: Path, place: str) -> None:
    """navidrome#3893, ampache#2304."""
    write(library / "Somebody" / "Album")
    write(library / "Somebody" / "Second")
    (library / place).write_bytes(RED)
    scan()
    assert shown(EntityType.ARTIST, Artist.get().id) == RED


def test_the_lastfm_star_is_taken_for_an_artist(
    scan: RunScan, library: Path, server: WebServer, turn_on: TurnOn
) -> None:
    """gonic#153, pylast#304."""
    turn_on("lastfm")
    url = f"{server.url}/i/u/300x300/{STAR}.png"
    server.routes["/lastfm/"] = page(lastfm("artist", "Somebody", url))
    server.routes[f"/i/u/300x300/{STAR}.png"] = answer_picture(RED)
    write(library / "Album")
    scan()
    assert shown(EntityType.ARTIST, Artist.get().id) is None
    assert remote_need(EntityType.ARTIST).state == State.NONE


@pytest.mark.parametrize("kind", [BACK, BOOKLET])
def test_the_back_cover_or_a_booklet_page_is_chosen_as_the_front(
    scan: RunScan, library: Path, kind: int
) -> None:
    """jellyfin#8682, beets#836, epoupon/lms#503."""
    embed(write(library / "Album"), (kind, BLUE), (3, RED))
    embed(write(library / "No Front"), (kind, BLUE))
    for name in ("back.jpg", "booklet 1.jpg", "cover back.jpg", "folder-inside.jpg"):
        (library / "No Front" / name).write_bytes(BLUE)
    scan()
    assert album_shows() == RED
    assert album_shows("No Front") is None


def test_the_art_of_single_discs_is_lost(scan: RunScan, library: Path) -> None:
    """navidrome#5456, jellyfin#8570."""
    for disc, colour in ((1, "green"), (2, "white")):
        write(library / "Album" / f"CD{disc}", name=f"{disc}.flac", album="Album", discnumber=disc)
        (library / "Album" / f"disc{disc}.jpg").write_bytes(picture(colour))
    (library / "Album" / "cover.jpg").write_bytes(RED)
    scan()
    assert album_shows() == RED
    assert album_shows(role="disc-1") == picture("green")
    assert album_shows(role="disc-2") == picture("white")


def test_the_art_of_single_tracks_is_lost(scan: RunScan, library: Path) -> None:
    """navidrome#5456, jellyfin#8570."""
    colours = {"1.flac": RED, "2.flac": BLUE, "3.flac": picture("white")}
    for name, content in colours.items():
        embed(write(library / "Album", name=name, title=name), (3, content))
    scan()
    for name, content in colours.items():
        track = Track.get(path=str(library / "Album" / name))
        assert shown(EntityType.TRACK, track.id) == content


@pytest.mark.parametrize("piece", [b"", b" "])
def test_a_provider_hangs(server: WebServer, queues: redis.Redis, piece: bytes) -> None:
    """beets#5454. It is left, whether it says nothing or sends a byte now and then."""
    server.routes["/search"] = unstoppable(piece, lambda: time.sleep(0.02))
    patience, timeouts = Patience(2, 0.001, 0.001), Timeouts(connect=5, read=0.2, total=0.4)
    with Web(own_url=server.url, timeouts=timeouts) as web:
        caller = Caller(Service("shop", server.url, 0.001), web, queues, patience)
        with pytest.raises(UnavailableError):
            caller.json("/search")


def test_a_provider_bans_who_asks_too_often(
    scan: RunScan, library: Path, server: WebServer, turn_on: TurnOn
) -> None:
    """beets#3827. Once a process has to wait, the whole fleet sends that service no request."""
    turn_on("deezer")
    server.routes["/deezer/search/album"] = status(429, Retry_After="3600")
    server.routes["/deezer/search/artist"] = status(429, Retry_After="3600")
    for title in ("Album", "Second", "Third"):
        write(library / title, artist=title, albumartist=title)
    scan()
    with pytest.raises(UnavailableError):
        fetch_album_covers([album.id for album in Album.select()])
    assert len(server.asked) == 1
    assert remote_need(EntityType.ARTIST).state == State.TODO


def test_good_art_is_replaced_by_smaller_from_the_tracks(scan: RunScan, library: Path) -> None:
    """picard#462."""
    good, small = picture("red", (600, 600)), picture("red", (200, 200))
    for name in ("1.flac", "2.flac"):
        embed(write(library / "Album", name=name, title=name), (3, good))
    scan()
    embed(library / "Album" / "1.flac", (3, small))
    scan()
    assert album_shows() == good


def test_good_art_is_replaced_by_smaller_from_the_web(
    scan: RunScan, library: Path, server: WebServer, turn_on: TurnOn
) -> None:
    """picard#462."""
    turn_on("deezer")
    deezer_has(server, picture("blue", (90, 90)))
    write(library / "Album")
    poor = picture("red", (140, 140))
    (library / "Album" / "cover.jpg").write_bytes(poor)
    scan()
    assert "/deezer/search/album" in server.paths()
    assert album_shows() == poor


def test_an_album_without_art_steals_its_neighbours(scan: RunScan, library: Path) -> None:
    """jellyfin#2903. Neither from a folder beside it, nor one below, nor in one folder with it."""
    for place in ("With", "Bare", "Bare/Below"):
        write(library / place, album=place)
    for place in ("With", "Bare/Below"):
        (library / place / "cover.jpg").write_bytes(RED)
    write(library / "Mixed", name="1.flac", album="One")
    embed(write(library / "Mixed", name="2.flac", album="Two"), (3, BLUE))
    scan()
    assert album_shows("With") == album_shows("Bare/Below") == RED
    assert album_shows("Bare") is None
    assert album_shows("One") is None
    assert album_shows("Two") == BLUE
