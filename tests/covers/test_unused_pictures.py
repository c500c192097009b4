"""Pictures that nothing points to go, in time; nothing else does."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from db import settings
from db.artwork import image_files
from db.library import track_files
from db.models import (
    Artist,
    ArtistPicture,
    ChosenImage,
    Cover,
    EmbeddedPicture,
    EntityType,
    Image,
    utc_now,
)
from db.sql.connection import close_database
from jobs.covers import make_thumbnails
from jobs.maintenance import remove_unused_pictures
from jobs.maintenance.old_data import GRACE
from jobs.pictures import store
from tests.covers.library import FRONT, Library, paint
from tests.waiting import PATIENCE, until

RED, BLUE = paint("red"), paint("blue")
LONG_AGO = GRACE + timedelta(days=1)


def age(digest: str, by: timedelta = LONG_AGO) -> None:
    """Make a picture as old as if nothing had read it for so long."""
    Image.update(unused_since=utc_now() - by).where(
        Image.digest == digest, Image.unused_since.is_null(False)
    ).execute()
    for file in files_of(digest):
        moment = time.time() - by.total_seconds()
        os.utime(file, (moment, moment))


def files_of(digest: str) -> list[Path]:
    files = [store.original(digest)]
    files += [store.thumbnail(digest, size) for size in image_files.SIZES]
    return [file for file in files if file.exists()]


@pytest.fixture
def unused(library: Library) -> str:
    """A picture that was replaced beside its album, and by which; its digest."""
    library.track("A/1.flac", "A")
    cover = library.image("A/cover.jpg", RED)
    library.work()
    digest = store.digest_of(RED)
    make_thumbnails(digest, 150)
    cover.write_bytes(BLUE)
    library.album("A")
    library.work()
    assert library.album_shows("A") == BLUE
    return digest


def test_an_unused_picture_goes_when_its_grace_is_over(library: Library, unused: str) -> None:
    assert remove_unused_pictures() == 0
    assert len(files_of(unused)) == 3
    age(unused)
    assert remove_unused_pictures() == 1
    assert files_of(unused) == []
    assert [image.digest for image in Image.select()] == [store.digest_of(BLUE)]
    assert library.album_shows("A") == BLUE
    assert len(library.stored()) == 2


def test_it_stays_until_then(library: Library, unused: str) -> None:
    remove_unused_pictures()
    before = library.stored()
    age(unused, GRACE - timedelta(hours=1))
    assert remove_unused_pictures() == 0
    assert library.stored() == before
    assert Image.select().count() == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_grace_begins_when_it_was_found_unused(library: Library, unused: str) -> None:
    age(unused)  # the file is old, for it was shown for years
    assert remove_unused_pictures() == 0
    assert len(files_of(unused)) == 3


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_is_used_again_begins_anew(library: Library, unused: str) -> None:
    remove_unused_pictures()
    age(unused)
    library.image("A/cover.jpg", RED)
    library.album("A")
    library.work()
    assert remove_unused_pictures() == 0
    assert Image.get(digest=unused).unused_since is None
    assert library.album_shows("A") == RED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_a_job_has_just_relied_on_stays(library: Library, unused: str) -> None:
    remove_unused_pictures()
    age(unused)
    store.put(RED)
    assert remove_unused_pictures() == 0
    assert len(files_of(unused)) == 3
    assert Image.select().count() == 2


def point_by_cover(digest: str) -> None:
    image = Image.get(digest=digest)
    Cover.create(
        entity_type=EntityType.ARTIST,
        entity_id=1,
        image=image,
        role="fanart",
        source="folder",
        rank=0,
        source_path="/x",
    )


def point_by_choice(digest: str) -> None:
    image = Image.get(digest=digest)
    ChosenImage.create(entity_type=EntityType.ALBUM, entity_id=7, image=image, source_path="/x")


def point_by_artist(digest: str) -> None:
    artist = Artist.create(name="A")
    ArtistPicture.create(artist=artist, role="front", rank=0, path="/x", digest=digest)


@pytest.mark.parametrize("point", [point_by_cover, point_by_choice, point_by_artist])
def test_whatever_points_to_a_picture_keeps_it(
    library: Library, unused: str, point: Callable[[str], None]
) -> None:
    remove_unused_pictures()
    age(unused)
    point(unused)
    before = library.stored()
    assert remove_unused_pictures() == 0
    assert library.stored() == before
    assert Image.select().count() == 2


def test_a_picture_that_only_a_missing_track_carries_stays(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, RED)])
    library.work()
    Cover.delete().execute()
    track_files.mark_missing([track])
    remove_unused_pictures()
    age(store.digest_of(RED))
    assert remove_unused_pictures() == 0
    EmbeddedPicture.delete().execute()
    remove_unused_pictures()
    age(store.digest_of(RED))
    assert remove_unused_pictures() == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_undecodable_picture_stays_while_its_file_is_known(library: Library) -> None:
    library.track("1.flac", None, [(FRONT, b"damaged")])
    library.work()
    remove_unused_pictures()
    age(store.digest_of(b"damaged"))
    assert remove_unused_pictures() == 0
    assert store.original(store.digest_of(b"damaged")).read_bytes() == b"damaged"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_else_in_the_store_is_touched(library: Library, unused: str) -> None:
    remove_unused_pictures()
    age(unused)
    strangers = [
        image_files.originals_dir() / "README",
        store.original(unused).with_name("notes.txt"),
        image_files.incoming_dir() / "begun",
        store.original("ff" * 32),  # without row: for the doctor to judge
    ]
    for stranger in strangers:
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_bytes(b"mine")
        os.utime(stranger, (0, 0))
    assert remove_unused_pictures() == 1
    assert all(stranger.read_bytes() == b"mine" for stranger in strangers)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_is_forgotten_while_the_store_is_not_mounted(
    library: Library, unused: str, tmp_path: Path
) -> None:
    remove_unused_pictures()
    age(unused)
    shutil.move(image_files.originals_dir(), tmp_path / "originals")
    assert remove_unused_pictures() == 0
    assert Image.select().count() == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_row_whose_files_are_lost_goes_too(library: Library, unused: str) -> None:
    remove_unused_pictures()
    age(unused)
    for file in files_of(unused):
        file.unlink()
    assert remove_unused_pictures() == 1
    assert Image.select().count() == 1


def test_a_picture_that_was_removed_comes_again_when_it_turns_up(
    library: Library, unused: str
) -> None:
    remove_unused_pictures()
    age(unused)
    assert remove_unused_pictures() == 1
    library.image("A/cover.jpg", RED)
    library.album("A")
    library.work()
    assert library.album_shows("A") == RED
    assert store.thumbnail(unused).exists()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_picture_that_is_chosen_while_it_is_being_removed_stays(
    library: Library, unused: str
) -> None:
    remove_unused_pictures()
    age(unused)
    image = Image.get(digest=unused)
    with psycopg.connect(settings.database_url()) as chooser, ThreadPoolExecutor(1) as pool:
        chooser.execute(
            "INSERT INTO chosen_images (entity_type, entity_id, role, image_id, source_path,"
            " chosen_at) VALUES ('album', 7, 'front', %s, '/x', now())",
            [image.id],
        )
        removal = pool.submit(_remove_and_disconnect)
        _wait_until_somebody_waits()
        chooser.commit()
        assert removal.result(PATIENCE) == 0
    assert ChosenImage.get().image.digest == unused
    assert len(files_of(unused)) == 3


def _remove_and_disconnect() -> int:
    try:
        return remove_unused_pictures()
    finally:
        close_database()


def _wait_until_somebody_waits() -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(settings.database_url(), autocommit=True) as watcher:
        until(lambda: watcher.execute(waiting).fetchone(), "the removal to wait for somebody")
