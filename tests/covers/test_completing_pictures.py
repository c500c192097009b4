"""Pictures that came in before there were placeholders get theirs, a few at a time."""

import pytest

from db.models import Image
from jobs.maintenance import complete_pictures
from jobs.pictures import store
from tests.covers.library import BACK, FRONT, Library, paint
from tests.databases import ON_BOTH
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture

RED, BLUE = paint("red"), paint("blue", (64, 64), "GIF")


@pytest.fixture
def old_library(library: Library) -> Library:
    """A library whose pictures came in before."""
    library.track("A/1.flac", "A", [(FRONT, RED), (BACK, BLUE)])
    library.work()
    Image.update(colour=None, placeholder=None).execute()
    return library


@ON_BOTH
def test_pictures_without_placeholder_are_completed_once(old_library: Library) -> None:
    assert complete_pictures() == 2
    assert {image.colour for image in Image.select()} == {"#fe0000", "#0000ff"}
    assert all(image.placeholder for image in Image.select())
    assert complete_pictures() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_lost_picture_does_not_keep_others_from_it(old_library: Library) -> None:
    store.original(store.digest_of(RED)).unlink()
    assert complete_pictures() == 1
    assert Image.get(digest=store.digest_of(BLUE)).colour == "#0000ff"
    assert Image.get(digest=store.digest_of(RED)).fault is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_does_not_decode_this_time_is_shown_as_before(old_library: Library) -> None:
    store.original(store.digest_of(RED)).write_bytes(b"damaged")
    before = store.thumbnail(store.digest_of(RED)).read_bytes()
    assert complete_pictures() == 1
    image = Image.get(digest=store.digest_of(RED))
    assert (image.fault, image.width, image.colour) == (None, 64, None)
    assert store.thumbnail(store.digest_of(RED)).read_bytes() == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_undecodable_picture_is_left_alone(library: Library) -> None:
    library.track("1.flac", None, [(FRONT, b"damaged")])
    library.work()
    before = library.tables()
    assert complete_pictures() == 0
    assert library.tables() == before
