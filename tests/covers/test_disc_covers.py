"""The pictures of an album's single discs."""

import pytest

from db.models import Cover, EntityType, Track
from tests.covers.library import FRONT, Library, paint

SIZE = (200, 200)
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # all about files


def discs_of(library: Library) -> dict[str, bytes | None]:
    """What album A shows for its discs."""
    rows = Cover.select().where(Cover.entity_type == EntityType.ALBUM, Cover.role != "front")
    return {row.role: library.album_shows("A", row.role) for row in rows}


@pytest.mark.parametrize("names", [("disc1.jpg", "disc2.jpg"), ("CD 01.png", "cd-2 of 2.png")])
def test_a_disc_has_the_picture_with_its_number(library: Library, names: tuple[str, str]) -> None:
    for disc, (name, colour) in enumerate(zip(names, ("red", "blue"), strict=True), 1):
        library.track(f"A/{disc}.flac", "A", disc=disc)
        library.image(f"A/{name}", paint(colour, SIZE))
    library.image("A/cover.jpg", paint("white", SIZE))
    library.work()
    assert library.album_shows("A") == paint("white", SIZE)
    assert discs_of(library) == {"disc-1": paint("red", SIZE), "disc-2": paint("blue", SIZE)}


def test_disc_folders_have_pictures_of_their_own(library: Library) -> None:
    library.track("A/CD1/1.flac", "A", disc=1)
    library.track("A/CD2/1.flac", "A", disc=2)
    library.track("A/CD3/1.flac", "A", disc=3)
    library.image("A/cover.jpg", paint("white", SIZE))
    library.image("A/CD1/disc.jpg", paint("red", SIZE))
    library.image("A/CD2/folder.jpg", paint("blue", SIZE))
    library.work()
    assert library.album_shows("A") == paint("white", SIZE)
    assert discs_of(library) == {"disc-1": paint("red", SIZE), "disc-2": paint("blue", SIZE)}


def test_the_folders_number_stands_in_for_a_missing_tag(library: Library) -> None:
    library.track("A/CD1/1.flac", "A")
    library.track("A/CD2/1.flac", "A")
    library.image("A/cover.jpg", paint("white", SIZE))
    library.image("A/cd2.jpg", paint("blue", SIZE))
    library.work()
    assert discs_of(library) == {"disc-2": paint("blue", SIZE)}


def test_a_picture_is_named_as_the_disc(library: Library) -> None:
    first = library.track("A/1.flac", "A", disc=1)
    library.track("A/2.flac", "A", disc=2)
    Track.update(disc_subtitle="Live: At Home").where(Track.id == first).execute()
    library.image("A/Live_ At Home.jpg", paint("red", SIZE))
    library.work()
    assert discs_of(library) == {"disc-1": paint("red", SIZE)}


def test_the_album_picture_of_a_shared_folder_is_no_discs(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", SIZE))], disc=1)
    library.track("A/2.flac", "A", [(FRONT, paint("blue", SIZE))], disc=2)
    library.image("A/folder.jpg", paint("white", SIZE))
    library.work()
    assert discs_of(library) == {"disc-1": paint("red", SIZE), "disc-2": paint("blue", SIZE)}


def test_a_disc_that_would_show_what_its_album_shows_has_no_row(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", SIZE))], disc=1)
    library.track("A/2.flac", "A", [(FRONT, paint("blue", SIZE))], disc=2)
    library.work()
    assert library.album_shows("A") == paint("red", SIZE)
    assert discs_of(library) == {"disc-2": paint("blue", SIZE)}


def test_an_album_of_one_disc_has_no_pictures_of_discs(library: Library) -> None:
    library.track("A/1.flac", "A", disc=1)
    library.image("A/cover.jpg", paint("white", SIZE))
    library.image("A/cd1.jpg", paint("red", SIZE))
    library.work()
    assert discs_of(library) == {}


def test_a_disc_that_is_gone_shows_nothing_any_more(library: Library) -> None:
    library.track("A/1.flac", "A", disc=1)
    library.track("A/2.flac", "A", disc=2)
    library.image("A/disc2.jpg", paint("red", SIZE))
    library.work()
    assert list(discs_of(library)) == ["disc-2"]
    Track.update(disc=1).execute()
    library.album("A")
    library.work()
    assert discs_of(library) == {}
