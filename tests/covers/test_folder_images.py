"""Picture files beside the music: which are covers, in which order, and which are refused."""

import os

import pytest

from db.models import Album, Scan, State
from db.settings import cover_orders
from jobs.pictures import store
from tests.covers.library import FRONT, Library, paint

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # all about files


def test_the_names_count_in_the_declared_order_whatever_their_case(library: Library) -> None:
    names = ["COVER.JPG", "Folder.png", "front.webp", "AlbumArt.gif"]
    for name, colour in zip(names, ["red", "green", "blue", "white"], strict=True):
        library.image(f"A/{name}", paint(colour))
    library.track("A/1.flac", "A")
    for rank, name in enumerate(names):
        library.work()
        cover = library.album_cover("A")
        assert (cover.rank, os.path.basename(cover.source_path)) == (rank, name)
        (library.root / "A" / name).unlink()
        library.album("A")


def test_the_unnumbered_name_is_before_the_numbered_ones(library: Library) -> None:
    library.track("A/1.flac", "A")
    order = ["cover.jpg", "cover1.jpg", "cover (2).jpg", "Cover_10.jpg"]
    for name in reversed(order):
        library.image(f"A/{name}", paint("red", (10 + len(name), 20)))
    for name in order:
        library.work()
        assert os.path.basename(library.album_cover("A").source_path) == name
        (library.root / "A" / name).unlink()
        library.album("A")


NONE = [
    *("back.jpg", "cover.txt", "Scans/back.jpg", "Scans/deep/front.jpg", "Photos/front.jpg"),
    *("band.jpg", "Some One.jpg", "CD.jpg", "Scans/Tray inside.png"),
]


def test_other_names_are_no_covers(library: Library) -> None:
    for number, name in enumerate(NONE):
        library.track(f"{number}/1.flac", f"{number}")
        library.image(f"{number}/{name}", paint("red"))
    Album.update(album_artist="Some One").execute()
    library.work()
    shown = {name: library.album_shows(f"{number}") for number, name in enumerate(NONE)}
    assert shown == dict.fromkeys(NONE)


FRONTS = {
    "album.jpg": "album.*",
    "00 - Front.jpg": "*front*.*",
    "Cover_Front.jfif": "*front*.*",
    "AlbumArt_{5B4D-11CF}_Large.jpg": "albumart*large*.*",
    "Some One - 1999 - A Title.tiff": "title",
    "A Title.png": "title",
    "Scans/Front.jpg": "scans",
    "Artwork/cover.png": "scans",
    "covers/folder.jpg": "scans",
    "Scan/Some One - A Title.jpg": "scans",
    "Scans/001.jpg": "scans",
    "anything.tif": "only",
}
"""The entry of the order that each is."""


def test_fronts_of_many_names_and_in_folders_for_pictures_are_found(library: Library) -> None:
    for number, name in enumerate(FRONTS):
        library.track(f"{number}/1.flac", f"{number}")
        place = f"{number}/{name}"
        library.image(place, paint("red"))
        library.image(f"{place.rpartition('/')[0]}/Back.jpg", paint("blue"))
    Album.update(title="A Title", album_artist="Some One", date="1999-01-01").execute()
    library.work()
    order = cover_orders.album_order()
    for number, (name, entry) in enumerate(FRONTS.items()):
        cover = library.album_cover(f"{number}")
        assert cover.source_path.endswith(f"/{number}/{name}")
        assert order[cover.rank] == entry


def test_what_lies_in_the_folder_is_before_what_lies_in_one_for_pictures(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/Scans/cover.jpg", paint("red"))
    library.image("A/folder.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_pictures_that_may_be_of_several_albums_are_nobodys(library: Library) -> None:
    """Songs of an album called Covers, loose songs beside albums, and a folder that two share."""
    library.track("Artist/loose.flac", "Loose")
    library.track("Artist/Album/1.flac", "Album")
    library.image("Artist/Scans/front.jpg", paint("red"))
    library.track("Other/1.flac", "Other")
    library.track("Other/Covers/1.flac", "Covers")
    library.image("Other/Covers/cover.jpg", paint("green"))
    for number in (1, 2):
        library.track(f"Shared/{number}.flac", "Many")
    library.track("Shared/3.flac", "One")
    library.image("Shared/x.jpg", paint("blue"))
    library.work()
    assert library.album_shows("Covers") == paint("green")
    shown = [library.album_shows(name) for name in ("Loose", "Album", "Other", "Many", "One")]
    assert shown == [None] * 5


@pytest.mark.parametrize("name", ["recover.jpg", "covers.jpg", "x.jpg"])
def test_two_pictures_of_other_names_are_no_covers(library: Library, name: str) -> None:
    library.track("A/1.flac", "A")
    library.image(f"A/{name}", paint("red"))
    library.image("A/another.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") is None


def test_a_nearer_folder_beats_the_parent(library: Library) -> None:
    library.track("A/CD1/1.flac", "A", disc=1)
    library.track("A/CD2/1.flac", "A", disc=2)
    library.image("A/cover.jpg", paint("red"))
    library.image("A/CD2/cover.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_among_disc_folders_the_first_disc_counts(library: Library) -> None:
    library.track("A/CD2/1.flac", "A", disc=1)
    library.track("A/CD1/1.flac", "A", disc=2)
    library.image("A/CD1/cover.jpg", paint("red"))
    library.image("A/CD2/cover.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_an_unnumbered_name_counts_more_than_the_first_disc(library: Library) -> None:
    library.track("A/CD1/1.flac", "A", disc=1)
    library.track("A/CD2/1.flac", "A", disc=2)
    library.image("A/CD1/cover2.jpg", paint("red"))
    library.image("A/CD2/cover.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_no_picture_is_taken_from_above_the_library_root(library: Library) -> None:
    library.root = library.root / "CD1"
    library.root.mkdir()
    Scan.update(root=str(library.root)).execute()
    library.track("1.flac", "A")
    library.image("../cover.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") is None
    assert library.problems() == {}


def test_the_extension_does_not_matter_only_the_content(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("red", format="WEBP"))
    library.work()
    cover = library.album_cover("A")
    assert cover.image.mime == "image/webp"
    assert store.thumbnail(cover.image.digest).exists()


def test_an_undecodable_candidate_loses_to_the_next_and_is_recorded(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.image("A/cover.jpg", b"no picture at all")
    library.image("A/folder.jpg", paint("blue", (200, 200))[:700])
    library.image("A/front.jpg", b"")
    library.image("A/albumart.png", paint("white", (1, 1), "PNG"))
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.problems() == dict.fromkeys(
        ["A/cover.jpg", "A/folder.jpg", "A/front.jpg", "A/albumart.png"], "bad-picture"
    )


def test_a_file_that_is_too_large_is_not_read_into_the_store(library: Library) -> None:
    library.track("A/1.flac", "A")
    with library.image("A/cover.bmp", b"BM").open("r+b") as file:
        file.truncate(store.MAX_PICTURE_BYTES + 1)
    library.work()
    assert library.problems() == {"A/cover.bmp": "picture-too-large"}
    assert library.stored() == {}


@pytest.mark.parametrize("repair", ["replaced", "deleted"])
def test_a_problem_is_cleared_once_the_file_is_repaired(library: Library, repair: str) -> None:
    library.track("A/1.flac", "A")
    library.track("B/1.flac", "B")
    library.image("A/cover.jpg", b"broken")
    library.image("B/cover.jpg", b"broken too")
    library.work()
    if repair == "replaced":
        library.image("A/cover.jpg", paint("red"))
    else:
        (library.root / "A/cover.jpg").unlink()
    library.album("A")
    library.work()
    assert library.problems() == {"B/cover.jpg": "bad-picture"}


def test_a_folder_that_cannot_be_listed_changes_nothing(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/folder.jpg", paint("red"))
    library.work()
    (library.root / "A").rename(library.root / "unmounted")
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("red")
    row = library.album_ledger("A")
    assert row.state == State.FAILED
    assert f"{library.root}/A" in row.reason


def test_a_link_within_the_library_is_followed(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("scans/a.jpg", paint("red"))
    (library.root / "A/cover.jpg").symlink_to("../scans/a.jpg")
    library.work()
    assert library.album_shows("A") == paint("red")


def test_a_link_out_of_the_library_is_not_followed(library: Library) -> None:
    library.track("A/1.flac", "A")
    outside = library.root.parent / "musicbox"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(paint("red"))
    (library.root / "A/cover.jpg").symlink_to(outside / "secret.jpg")
    library.work()
    assert library.album_shows("A") is None
    assert library.problems() == {"A/cover.jpg": "unreadable"}
    assert library.stored() == {}


def test_what_only_has_the_name_of_a_picture_is_passed_over(library: Library) -> None:
    library.track("A/1.flac", "A")
    (library.root / "A/cover.jpg").mkdir()
    os.mkfifo(library.root / "A/cover.png")
    (library.root / "A/folder.jpg").symlink_to("folder.jpg")
    library.image("A/front.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") == paint("red")


def test_names_that_are_no_utf8_are_no_obstacle(library: Library) -> None:
    library.track(b"Bj\xf6rk/1 \xff.flac", "A", [(FRONT, paint("red"))])
    library.track(b"Caf\xe9/1.flac", "B")
    (library.root / os.fsdecode(b"Caf\xe9") / "cover.jpg").write_bytes(paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.album_shows("B") == paint("blue")
