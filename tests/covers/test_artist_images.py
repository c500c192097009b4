"""Which picture an artist shows, and whose a picture that lies above albums is."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from db import ledger
from db.artwork import covers, picture_files
from db.artwork import images as covers_db
from db.artwork.covers import Chosen
from db.artwork.picture_files import SeenImage
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    ArtistPicture,
    Cover,
    EntityType,
    Kind,
    State,
    TrackArtist,
    database,
)
from db.sql.connection import transaction
from jobs.covers import extract_artist_images, process_artist_images, process_artist_images_batch
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from tests.covers.library import Library, paint
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.in_process import work_off
from tests.web.conftest import ADDRESS, client_of
from web.app import create_app
from worker import dispatch

pytestmark = pytest.mark.usefixtures("queues")

RED, BLUE = paint("red", (400, 400)), paint("blue", (400, 400))


def write_album(
    library: Library, folder: str, artist: str = "Somebody", *, compilation: bool = False
) -> int:
    """An album of one track that an artist leads; the artist's id."""
    track = library.track(f"{folder}/1.flac", folder)
    Album.update(compilation=compilation).where(Album.key == folder).execute()
    leads, _ = Artist.get_or_create(name=artist)
    AlbumArtist.get_or_create(album=Album.get(key=folder), position=0, artist=leads)
    TrackArtist.get_or_create(track=track, position=0, artist=leads)
    return int(leads.id)


def write_file(library: Library, name: str, data: bytes) -> Path:
    """A picture file, or an artist.nfo, that a scan has seen."""
    file = library.image(name, data)
    see(file)
    return file


def see(file: Path) -> None:
    """Have the tables say that a scan has seen the file."""
    status = file.stat()
    picture_files.record_folder_images(
        [SeenImage(str(file), str(file.parent), status.st_size, status.st_mtime_ns)]
    )


def remove(file: Path) -> None:
    """Delete a file, as a scan finds it."""
    file.unlink()
    picture_files.drop_folder_images([str(file)])


def need(kind: Kind) -> None:
    """Say that all artists need this (again)."""
    with transaction():
        ledger.need(kind, EntityType.ARTIST, [artist.id for artist in Artist.select()])


def work(library: Library) -> None:
    """Look for the pictures of all artists, and choose."""
    need(Kind.PICTURE)
    need(Kind.COVER)
    library.work()


def cover(name: str = "Somebody", role: str = "front") -> Cover | None:
    """What an artist shows in a role."""
    return Cover.get_or_none(
        Cover.entity_type == EntityType.ARTIST,
        Cover.entity_id == Artist.get(name=name).id,
        Cover.role == role,
    )


def shows(library: Library, name: str = "Somebody") -> bytes | None:
    """The bytes of what an artist shows."""
    return library.shown(EntityType.ARTIST, Artist.get(name=name).id)


def state(library: Library, kind: Kind, name: str = "Somebody") -> State:
    """How a need of an artist ended."""
    return State(library.ledger(kind, EntityType.ARTIST, Artist.get(name=name).id).state)


def everything(library: Library) -> list[Any]:
    """All that the jobs have written."""
    return [library.tables(), library.stored(), list(ArtistPicture.select().dicts())]


@ON_SQLITE
def test_the_names_count_in_the_declared_order(library: Library) -> None:
    write_album(library, "Somebody/First")
    nfo = b"<artist><thumb>portrait.jpg</thumb></artist>"
    files = [
        write_file(library, name, nfo if name.endswith(".nfo") else RED)
        for name in (
            "Somebody/artist.png",
            "Somebody/artist2.jpg",
            "Somebody/First/artist.jpg",
            "Somebody/folder.jpg",
            "Somebody/thumb.webp",
            "Somebody.jpg",
            "Somebody/artist.nfo",
        )
    ]
    write_file(library, "Somebody/portrait.jpg", RED)
    found = []
    for file in files:
        work(library)
        row = cover()
        assert row is not None
        found.append((row.rank, os.path.relpath(row.source_path, library.root)))
        remove(file)
    assert found == [
        (0, "Somebody/artist.png"),
        (0, "Somebody/artist2.jpg"),
        (1, "Somebody/First/artist.jpg"),
        (2, "Somebody/folder.jpg"),
        (3, "Somebody/thumb.webp"),
        (4, "Somebody.jpg"),
        (5, "Somebody/portrait.jpg"),
    ]


@ON_SQLITE
def test_what_the_owners_order_leaves_out_is_not_shown(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ARTIST_IMAGES", "thumb.*, album/artist.*")
    write_album(library, "Somebody/First")
    write_file(library, "Somebody/artist.jpg", RED)
    write_file(library, "Somebody.jpg", RED)
    inside = write_file(library, "Somebody/First/artist.jpg", BLUE)
    work(library)
    row = cover()
    assert row is not None
    assert (row.rank, row.source_path) == (1, str(inside))
    remove(inside)
    work(library)
    assert cover() is None


@ON_SQLITE
def test_every_folder_up_to_the_root_is_looked_in_the_nearest_first(library: Library) -> None:
    write_album(library, "Somebody/Albums/Live/First")
    write_album(library, "Somebody/Albums/Live/Second")
    write_album(library, "Other/Third", "Other")
    places = ("Somebody/Albums/Live", "Somebody/Albums", "Somebody")
    files = [write_file(library, f"{place}/artist.jpg", RED) for place in places]
    write_file(library, "artist.jpg", BLUE)
    for file in files:
        work(library)
        row = cover()
        assert row is not None
        assert row.source_path == str(file)
        remove(file)
    work(library)
    assert cover() is None


@ON_SQLITE
def test_no_folder_above_the_root_is_looked_in(library: Library) -> None:
    write_album(library, "First")
    for name in ("artist.jpg", "Somebody.jpg"):
        file = library.root.parent / name
        file.write_bytes(RED)
        see(file)
    work(library)
    assert shows(library) is None


def test_the_folder_of_most_albums_is_before_that_of_a_stray_one(library: Library) -> None:
    for folder in ("Somebody/First", "Somebody/Second", "New/Somebody/Third"):
        write_album(library, folder)
    write_file(library, "New/Somebody/artist.jpg", RED)
    write_file(library, "Somebody/artist.jpg", BLUE)
    work(library)
    assert shows(library) == BLUE
    fronts = Cover.select().where(Cover.entity_type == EntityType.ARTIST)
    assert [row.role for row in fronts] == ["front"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("artist", "compilation", "expected"),
    [("Somebody", False, RED), ("Somebody", True, None), ("Various Artists", True, None)],
)
def test_a_compilations_folder_is_nobodys(
    library: Library, artist: str, compilation: bool, expected: bytes | None
) -> None:
    write_album(library, "Samplers/Hits", artist, compilation=compilation)
    for place in ("Samplers", "Samplers/Hits"):
        write_file(library, f"{place}/artist.jpg", RED)
    work(library)
    assert shows(library, artist) == expected


@ON_SQLITE
def test_the_cover_of_an_album_in_the_artists_own_folder_is_not_the_artists(
    library: Library,
) -> None:
    write_album(library, "Somebody")
    write_file(library, "Somebody/folder.jpg", BLUE)
    work(library)
    assert shows(library) is None
    assert library.album_shows("Somebody") == BLUE
    write_file(library, "Somebody/artist.jpg", RED)
    work(library)
    assert shows(library) == RED
    assert library.album_shows("Somebody") == BLUE


@ON_SQLITE
def test_a_link_out_of_the_root_is_not_followed(library: Library) -> None:
    write_album(library, "Somebody/First")
    outside = library.image("../private.jpg", RED)
    link = library.root / "Somebody" / "artist.jpg"
    link.symlink_to(outside)
    see(link)
    work(library)
    assert shows(library) is None
    assert state(library, Kind.PICTURE) == State.FAILED
    assert library.problems() == {"Somebody/artist.jpg": "unreadable"}
    assert library.stored() == {}


@pytest.mark.parametrize("size", [(100, 100), (800, 200)])
@ON_SQLITE
def test_a_picture_that_is_too_small_or_far_from_square_is_the_last(
    library: Library, size: tuple[int, int]
) -> None:
    write_album(library, "Somebody/First")
    poor = write_file(library, "Somebody/artist.jpg", paint("red", size))
    better = write_file(library, "Somebody/thumb.jpg", BLUE)
    work(library)
    assert shows(library) == BLUE
    remove(better)
    work(library)
    assert shows(library) == poor.read_bytes()


def test_a_picture_on_disk_beats_an_earlier_one_of_a_provider(library: Library) -> None:
    artist = write_album(library, "Somebody/First")
    with transaction():
        covers_db.record(list(decode_images([store.put(BLUE)])))
        remote = Chosen(artist, store.digest_of(BLUE), "deezer", 6, "https://example.org/1.jpg")
        covers.show_images(EntityType.ARTIST, [remote])
    work(library)
    assert shows(library) == BLUE
    write_file(library, "Somebody/thumb.jpg", RED)
    work(library)
    assert shows(library) == RED


def test_running_twice_changes_nothing(library: Library) -> None:
    write_album(library, "Somebody/First")
    write_album(library, "Other/Second", "Other")
    write_file(library, "Somebody/artist.jpg", RED)
    write_file(library, "Somebody/fanart.jpg", paint("green", (1600, 900)))
    write_file(library, "Somebody/logo.png", paint("white", (800, 310), "PNG"))
    write_file(library, "Other/artist.jpg", b"no picture")
    work(library)
    before = everything(library)
    artists = [artist.id for artist in Artist.select()]
    extract_artist_images(artists)
    process_artist_images_batch(artists)
    assert everything(library) == before
    work(library)
    rows = [row for row in everything(library)[0]["LedgerRow"] if row.pop("attempt")]
    assert rows == [row for row in before[0]["LedgerRow"] if row.pop("attempt")]
    assert everything(library)[1:] == before[1:]
    assert everything(library)[0]["Cover"] == before[0]["Cover"]


def test_one_artist_is_processed_and_no_other(library: Library) -> None:
    one = write_album(library, "Somebody/First")
    write_album(library, "Other/Second", "Other")
    for name in ("Somebody", "Other"):
        write_file(library, f"{name}/artist.jpg", RED)
    need(Kind.COVER)
    process_artist_images(one)
    assert shows(library) == RED
    assert shows(library, "Other") is None
    assert state(library, Kind.COVER, "Other") == State.TODO


def test_what_an_artist_shows_is_chosen_anew_only_when_other_pictures_are_found(
    library: Library,
) -> None:
    artist = write_album(library, "Somebody/First")
    file = write_file(library, "Somebody/artist.jpg", RED)
    work(library)
    need(Kind.PICTURE)
    extract_artist_images([artist])
    assert state(library, Kind.COVER) == State.DONE
    file.write_bytes(BLUE)
    see(file)
    need(Kind.PICTURE)
    extract_artist_images([artist])
    assert state(library, Kind.COVER) == State.TODO
    process_artist_images_batch([artist])
    assert shows(library) == BLUE


@ON_SQLITE
def test_an_artist_without_any_picture_is_settled_by_the_first_job_as_by_the_second(
    library: Library,
) -> None:
    artist = write_album(library, "Somebody/First")
    for kind in (Kind.PICTURE, Kind.COVER):
        need(kind)
    extract_artist_images([artist])
    by_first = library.ledger(Kind.COVER, EntityType.ARTIST, artist)
    need(Kind.COVER)
    process_artist_images_batch([artist])
    by_second = library.ledger(Kind.COVER, EntityType.ARTIST, artist)
    assert by_first.state == State.NONE
    assert (by_first.reason, by_first.sources) == (by_second.reason, by_second.sources)


def test_why_an_artist_shows_nothing_is_told_anew_when_albums_came_since(
    library: Library,
) -> None:
    artist = write_album(library, "Various/Sampler", "Somebody")
    write_album(library, "Various/Other", "Other")
    work(library)
    before = library.ledger(Kind.COVER, EntityType.ARTIST, artist).reason
    write_album(library, "Somebody/First")
    need(Kind.PICTURE)
    extract_artist_images([artist])
    library.work()
    after = library.ledger(Kind.COVER, EntityType.ARTIST, artist)
    assert (after.state, before == after.reason) == (State.NONE, False)
    assert "Somebody" in str(after.reason)


@pytest.fixture
def scan(
    library: Library, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], dict[str, int]]:
    """Scans the library plainly; how many covers there are of each type. Nothing is analysed."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")

    def run() -> dict[str, int]:
        dispatch.enqueue("scan.discovery", root=str(library.root), deep=False)
        work_off(queues)
        sql = "SELECT entity_type, COUNT(*) FROM covers GROUP BY entity_type"
        return dict(database.execute_sql(sql).fetchall())

    return run


def write_song(library: Library) -> None:
    """A tagged track with a picture."""
    tags = {"artist": "Somebody", "albumartist": "Somebody", "album": "First", "title": "Song"}
    write_track(library.root / "Somebody" / "First" / "1.flac", [picture("red")], **tags)


@ON_SQLITE
def test_a_new_picture_is_noticed_by_a_plain_rescan_and_all_three_types_have_covers(
    library: Library, scan: Callable[[], dict[str, int]]
) -> None:
    write_song(library)
    assert scan() == {"album": 1, "track": 1}
    library.image("Somebody/artist.jpg", BLUE)
    assert scan() == {"album": 1, "track": 1, "artist": 1}
    assert shows(library) == BLUE


@ON_SQLITE
def test_a_replaced_picture_of_an_older_date_is_noticed_and_has_another_address_on_the_page(
    library: Library, scan: Callable[[], dict[str, int]]
) -> None:
    write_song(library)
    client = client_of(create_app(ADDRESS, "", threading.Event()))
    addresses = []
    for content, date in ((paint("green", (400, 400)), 1_700_000_000), (BLUE, 1_600_000_000)):
        os.utime(library.image("Somebody/artist.jpg", content), (date, date))
        scan()
        addresses.append(f"/images/{store.digest_of(content)}/")
        assert addresses[-1] in client.get(f"/artists/{Artist.get().id}").text
    assert addresses[0] not in client.get(f"/artists/{Artist.get().id}").text
