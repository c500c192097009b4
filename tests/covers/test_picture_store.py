"""The picture store under trouble: whole pictures or none, and a clear word on why."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from db import settings
from db.artwork.image_files import is_young
from db.models import Cover, EntityType, Image, Kind, LedgerRow, State
from jobs.covers import extract_embedded, process_album_covers
from jobs.pictures import store
from jobs.pictures.errors import StoreError, StoreFullError
from tests.covers.library import FRONT, Library, paint

ROOM = 2 * 1024 * 1024


@contextmanager
def little_room() -> Iterator[None]:
    """No file can grow beyond ROOM bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def end_leases() -> None:
    LedgerRow.update(leased_until=datetime(2020, 1, 1)).execute()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_fails_the_job_and_leaves_nothing_half_written(library: Library) -> None:
    library.track("A/1.flac", "A")
    album = library.album("A")
    picture = paint("red", (1000, 1000), "BMP")
    assert len(picture) > ROOM
    library.image("A/cover.bmp", picture)
    with little_room(), pytest.raises(StoreFullError) as caught:
        process_album_covers([album])
    assert str(store.original(store.digest_of(picture))) in str(caught.value)
    assert "FLEET_DATA_DIR" in str(caught.value)
    assert library.stored() == {}
    assert Image.select().count() == Cover.select().count() == 0
    assert library.album_ledger("A").state == State.LEASED
    end_leases()
    process_album_covers([album])
    assert library.album_shows("A") == picture


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_is_noticed_for_embedded_pictures_too(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red", (1000, 1000), "BMP"))])
    with little_room(), pytest.raises(StoreFullError):
        extract_embedded([track])
    assert library.stored() == {}
    assert library.ledger(Kind.PICTURE, EntityType.TRACK, track).state == State.LEASED
    assert library.problems() == {}
    end_leases()
    extract_embedded([track])
    assert library.ledger(Kind.PICTURE, EntityType.TRACK, track).state == State.DONE


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("blocked", ["", "originals", "300", "incoming"])
def test_a_store_that_cannot_be_written_fails_the_job(library: Library, blocked: str) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    obstacle = settings.images_dir() / blocked
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_bytes(b"")
    with pytest.raises(StoreError, match="FLEET_DATA_DIR"):
        extract_embedded([track])
    assert Image.select().count() == 0
    obstacle.unlink()
    end_leases()
    extract_embedded([track])
    assert Image.select().count() == 1


@pytest.mark.usefixtures("data_dir")
def test_what_is_stored_is_not_written_again() -> None:
    digest = store.put(b"a picture")
    before = store.original(digest).stat().st_ino
    assert store.put(b"a picture") == digest
    assert store.original(digest).stat().st_ino == before


@pytest.mark.usefixtures("data_dir")
def test_what_is_stored_again_is_young_again() -> None:
    path = store.original(store.put(b"a picture"))
    os.utime(path, (0, 0))
    store.put(b"a picture")
    assert is_young(path, 60)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_files_that_a_job_relies_on_are_young_again(library: Library) -> None:
    track = library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.work()
    digest = store.digest_of(paint("red"))
    files = [store.original(digest), store.thumbnail(digest)]
    for file in files:
        os.utime(file, (0, 0))
    library.need(track)
    extract_embedded([track])
    assert all(is_young(file, 60) for file in files)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_without_row_that_a_job_relies_on_is_young_again(library: Library) -> None:
    digest = store.put(paint("red"))
    os.utime(store.original(digest), (0, 0))
    track = library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    extract_embedded([track])
    assert is_young(store.original(digest), 60)


@pytest.mark.usefixtures("data_dir")
def test_originals_are_named_by_their_content() -> None:
    digest = store.put(b"a picture")
    path = store.original(digest)
    assert path.relative_to(settings.images_dir()) == Path(
        f"originals/{digest[:2]}/{digest[2:4]}/{digest}"
    )
    assert store.digest_of(path.read_bytes()) == digest


@pytest.mark.usefixtures("data_dir")
def test_pictures_are_for_their_owner_alone() -> None:
    assert store.original(store.put(b"a picture")).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("library")
def test_what_a_killed_process_left_behind_is_swept_away() -> None:
    incoming = settings.images_dir() / "incoming"
    incoming.mkdir(parents=True)
    for name, age in (("old", 7200), ("new", 60)):
        (incoming / name).write_bytes(b"half a pic")
        moment = time.time() - age
        os.utime(incoming / name, (moment, moment))
    extract_embedded([])
    assert [path.name for path in incoming.iterdir()] == ["new"]
