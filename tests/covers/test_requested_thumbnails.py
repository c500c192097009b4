"""Thumbnails in other sizes, made when somebody asks for them."""

import os
from typing import Any

import pytest
from PIL import Image as Pillow

from db import settings
from db.artwork.image_files import SIZES, THUMBNAIL_SIZE
from db.models import Image
from jobs.covers import make_thumbnails
from jobs.pictures import store
from jobs.pictures.errors import NoThumbnailError, StoreError
from tests.covers.library import FRONT, Library, paint
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from worker.topology import load

PICTURE = paint("red", (1000, 500))


@pytest.fixture
def digest(library: Library) -> str:
    """A picture of the store."""
    library.track("A/1.flac", "A", [(FRONT, PICTURE)])
    library.work()
    return store.digest_of(PICTURE)


def test_only_one_size_is_made_before_it_is_asked_for(digest: str) -> None:
    there = [size for size in SIZES if store.thumbnail(digest, size).exists()]
    assert there == [THUMBNAIL_SIZE]


def test_each_size_is_made_when_asked_for(library: Library, digest: str) -> None:
    for size in SIZES:
        make_thumbnails(digest, size)
        with Pillow.open(store.thumbnail(digest, size)) as thumbnail:
            assert (thumbnail.format, thumbnail.size) == ("JPEG", (size, size // 2))
    assert Image.get().digest == digest


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_is_smaller_than_the_size_gets_its_own(library: Library) -> None:
    picture = paint("red", (400, 350))
    library.track("A/1.flac", "A", [(FRONT, picture)])
    library.work()
    make_thumbnails(store.digest_of(picture), 500)
    with Pillow.open(store.thumbnail(store.digest_of(picture), 500)) as thumbnail:
        assert thumbnail.size == (400, 350)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_thumbnail_that_is_there_is_not_made_again(library: Library, digest: str) -> None:
    make_thumbnails(digest, 500)
    file = store.thumbnail(digest, 500)
    file.write_bytes(b"as it was")
    make_thumbnails(digest, 500)
    assert file.read_bytes() == b"as it was"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [0, -1, 1, 299, 301, 10**9, True, 300.5, "300", None, [300]])
def test_any_other_size_is_refused_and_nothing_written(
    library: Library, digest: str, size: Any
) -> None:
    before = library.stored()
    with pytest.raises(NoThumbnailError, match="150, 300, 500, 800"):
        make_thumbnails(digest, size)
    assert library.stored() == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "name",
    [
        "0" * 64,
        "",
        "../../library.db",
        "%2e%2e/x",
        "ab\\..\\cd",
        "/etc/passwd",
        "\0" * 64,
        "a" * 100_000,
        "A" * 64,
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_written(
    library: Library, digest: str, name: str
) -> None:
    before = library.stored()
    with pytest.raises(NoThumbnailError, match="there is no picture"):
        make_thumbnails(name, 500)
    assert library.stored() == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_undecodable_picture_has_no_thumbnail_in_any_size(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, PICTURE[:2000])])
    library.work()
    digest = store.digest_of(PICTURE[:2000])
    for size in SIZES:
        make_thumbnails(digest, size)
    assert not any(store.thumbnail(digest, size).exists() for size in SIZES)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_lost_picture_says_how_to_have_it_made_again(library: Library, digest: str) -> None:
    store.original(digest).unlink()
    with pytest.raises(NoThumbnailError, match="fleet doctor --fix"):
        make_thumbnails(digest, 500)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_was_damaged_in_the_store_fails_and_names_it(
    library: Library, digest: str
) -> None:
    os.truncate(store.original(digest), 2000)
    with pytest.raises(NoThumbnailError, match=f"{digest} does not decode to 500 pixels"):
        make_thumbnails(digest, 500)
    assert not store.thumbnail(digest, 500).exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_store_that_cannot_be_written_fails_the_request(library: Library, digest: str) -> None:
    (settings.images_dir() / "500").write_bytes(b"")
    with pytest.raises(StoreError, match="FLEET_DATA_DIR"):
        make_thumbnails(digest, 500)


def test_a_request_does_not_wait_behind_the_covers_of_a_scan() -> None:
    topology = load()
    asked_for = topology.route("covers.make_thumbnails").name
    (program,) = topology.consumers(asked_for)
    assert program.queues[0] == asked_for
    assert topology.route("covers.extract_embedded").name in program.queues[1:]
