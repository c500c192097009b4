"""Pictures in an object store: each host finds what another has stored."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from db import settings
from db.artwork import image_files
from db.ledger import Cause
from db.models import Image
from jobs.covers import make_thumbnails
from jobs.pictures import store
from jobs.pictures.errors import StoreError
from tests.covers.library import FRONT, Library, paint
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from web.pages.images import is_stored
from worker.maintenance import archives, restoring

PICTURE = paint("red", (1000, 500))


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    """An empty object store, which the settings name."""
    monkeypatch.setenv("FLEET_IMAGES_URL", "memory://bucket/pictures")
    files = MemoryFileSystem()
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture
def digest(objects: MemoryFileSystem, library: Library) -> str:
    """A picture that another host has stored: there is nothing of it in the data folder."""
    library.track("A/1.flac", "A", [(FRONT, PICTURE)])
    library.work()
    shutil.rmtree(settings.data_dir() / "images")
    assert Image.get().digest == store.digest_of(PICTURE)
    return store.digest_of(PICTURE)


def test_a_picture_and_its_thumbnail_are_in_the_object_store_before_their_row_is_written(
    digest: str, objects: MemoryFileSystem
) -> None:
    names = sorted(name.rpartition("/pictures/")[2] for name in objects.find("/"))
    place = f"{digest[:2]}/{digest[2:4]}/{digest}"
    assert names == [f"300/{place}.jpg", f"originals/{place}"]
    assert objects.cat(f"/bucket/pictures/originals/{place}") == PICTURE
    assert image_files.originals_in(digest[:2]) == {digest}
    assert image_files.thumbnails_in(digest[:2]) == {digest}


def test_another_host_shows_it_and_makes_its_other_sizes(digest: str) -> None:
    assert is_stored(image_files.thumbnail(digest))
    assert not is_stored(image_files.thumbnail(digest, 500))
    make_thumbnails(digest, 500)
    shutil.rmtree(settings.data_dir() / "images")
    assert is_stored(image_files.thumbnail(digest, 500))
    assert image_files.thumbnail(digest, 500).exists()


def test_a_host_keeps_no_more_of_the_pictures_than_its_limit(
    digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = image_files.original(digest), settings.data_dir() / "images/incoming/unsent"
    monkeypatch.setattr(image_files, "_COUNTED_EVERY", 1)
    assert image_files.bring(path)
    other.write_bytes(b"of an upload")
    for file in (path, other):
        os.utime(file, (1, 1))
    monkeypatch.setattr(image_files, "MOST_BYTES", 100)
    assert image_files.bring(image_files.thumbnail(digest))
    assert not path.exists()
    assert other.exists()
    assert image_files.bring(path)


def test_only_what_is_old_in_the_object_store_is_deleted_from_it(
    digest: str, objects: MemoryFileSystem
) -> None:
    path = image_files.original(digest)
    assert not image_files.delete_old(path)
    (name,) = [each for each in objects.store if "/originals/" in each]
    objects.store[name].modified = datetime.now(UTC) - timedelta(days=2)
    assert image_files.delete_old(path)
    assert not image_files.bring(path)


def test_an_object_store_that_does_not_answer_is_named_with_what_to_check(
    digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_IMAGES_URL", "ftp://me:secret@127.0.0.1:1/pictures")
    with pytest.raises(StoreError, match=r"check FLEET_IMAGES_URL.* ftp://me:\*\*\*@127") as raised:
        store.holds(store.thumbnail(digest, 800))
    assert "secret" not in str(raised.value)
    assert raised.value.obstacle is not None
    assert raised.value.obstacle.cause is Cause.SHARE_AWAY


def test_a_backup_has_it_and_a_restore_gives_it_to_the_object_store(
    digest: str, objects: MemoryFileSystem, tmp_path: Path
) -> None:
    before = sorted(objects.find("/"))
    file, held = archives.write(tmp_path, secrets=False)
    assert held.pictures == 1
    assert not image_files.original(digest).exists(), "it was brought for a moment alone"
    objects.store.clear()
    restoring.restore(file, [])
    assert sorted(objects.find("/")) == before
    assert objects.cat(f"/bucket/pictures/originals/{digest[:2]}/{digest[2:4]}/{digest}") == PICTURE
