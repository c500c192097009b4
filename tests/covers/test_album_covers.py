"""Which picture an album shows, and which it never does."""

from datetime import datetime

import pytest

from db.models import Album, Cover, EntityType, Kind, State, Track
from db.settings.cover_orders import album_order
from jobs.covers import process_album_covers
from tests.covers.library import ARTIST, BACK, BOOKLET, FRONT, OTHER, Library, paint
from tests.databases import ON_BOTH
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture


@ON_BOTH
def test_a_folder_image_beats_an_embedded_one(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.image("A/folder.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")
    cover = library.album_cover("A")
    assert (cover.source, cover.rank) == ("folder", 1)
    assert cover.source_path == f"{library.root}/A/folder.jpg"


def test_disc_folders_use_the_picture_of_their_parent(library: Library) -> None:
    library.track("A/CD1/1.flac", "A", [(FRONT, paint("red"))])
    library.track("A/Disc 2/1.flac", "A", [(FRONT, paint("red"))])
    library.image("A/folder.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_a_parent_with_another_album_below_it_is_the_artists(library: Library) -> None:
    library.track("Artist/CD1/1.flac", "A")
    library.track("Artist/Other/deep/1.flac", "B")
    library.image("Artist/folder.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") is None


def test_what_was_below_a_parent_once_does_not_count(library: Library) -> None:
    library.track("A/CD1/1.flac", "A")
    gone = library.track("A/Other/1.flac", "B")
    Track.update(missing_since=datetime(2026, 1, 1)).where(Track.id == gone).execute()
    library.image("A/folder.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") == paint("red")


def test_a_plain_folder_does_not_use_the_picture_of_its_parent(library: Library) -> None:
    library.track("Artist/A/1.flac", "A")
    library.image("Artist/folder.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") is None


def test_an_album_never_borrows_its_neighbours_picture(library: Library) -> None:
    for number in range(3):
        library.track(f"mixed/a{number}.flac", "A")
    library.track("mixed/b.flac", "B")
    library.track("mixed/c.flac", "C", [(FRONT, paint("blue"))])
    library.image("mixed/cover.jpg", paint("red"))
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.album_shows("B") is None
    assert library.album_shows("C") == paint("blue")


def test_a_picture_that_two_albums_have_equal_right_to_is_nobodys(library: Library) -> None:
    library.track("mixed/a.flac", "A")
    library.track("mixed/b.flac", "B")
    library.image("mixed/cover.jpg", paint("red"))
    library.work()
    assert Cover.select().count() == 0


def test_a_picture_among_many_albums_is_nobodys(library: Library) -> None:
    for name in ("a", "a2", "b", "c", "d"):
        library.track(f"mixed/{name}.flac", name[0])
    library.image("mixed/cover.jpg", paint("red"))
    library.work()
    assert Cover.select().count() == 0


@ON_BOTH
def test_missing_tracks_have_no_say(library: Library) -> None:
    gone = [library.track(f"A/{number}.flac", "B", [(FRONT, paint("red"))]) for number in range(3)]
    library.track("A/here.flac", "A")
    Track.update(missing_since=datetime(2026, 1, 1)).where(Track.id.in_(gone)).execute()
    library.image("A/cover.jpg", paint("blue"))
    library.work()
    assert library.album_shows("A") == paint("blue")
    assert library.album_shows("B") is None


def test_an_album_whose_files_are_all_missing_keeps_its_cover(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.work()
    Track.update(missing_since=datetime(2026, 1, 1)).execute()
    library.need_everything()
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.album_ledger("A").state == State.DONE


def test_the_embedded_picture_of_most_tracks_wins(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))], number=1)
    library.track("A/2.flac", "A", [(FRONT, paint("blue"))], number=2)
    library.track("A/3.flac", "A", [(FRONT, paint("blue"))], number=3)
    library.work()
    assert library.album_shows("A") == paint("blue")
    cover = library.album_cover("A")
    assert (cover.source, cover.rank) == ("embedded", album_order().index("embedded"))
    assert cover.source_path == f"{library.root}/A/2.flac"


def test_among_equals_the_first_track_of_the_first_disc_decides(library: Library) -> None:
    library.track("A/a.flac", "A", [(FRONT, paint("red"))], disc=2, number=1)
    library.track("A/b.flac", "A", [(FRONT, paint("green"))], disc=1, number=3)
    library.track("A/c.flac", "A", [(FRONT, paint("blue"))], disc=1, number=2)
    library.work()
    assert library.album_shows("A") == paint("blue")


@pytest.mark.parametrize("kind", [BACK, BOOKLET, ARTIST])
def test_what_is_no_front_never_becomes_the_albums(library: Library, kind: int) -> None:
    library.track("A/1.flac", "A", [(kind, paint("red"))])
    library.work()
    assert library.album_shows("A") is None


def test_a_picture_of_no_particular_type_will_do(library: Library) -> None:
    library.track("A/1.flac", "A", [(BACK, paint("red")), (OTHER, paint("blue"))])
    library.work()
    assert library.album_shows("A") == paint("blue")


def test_an_album_without_any_says_where_was_looked(library: Library) -> None:
    library.track("A/1.flac", "A", [(BACK, paint("red"))])
    library.work()
    row = library.album_ledger("A")
    assert (row.state, row.sources) == (
        State.NONE,
        [each for each in album_order() if each != "external"],
    )
    assert f"{library.root}/A" in row.reason


def test_a_replaced_picture_file_is_shown_when_the_need_is_renewed(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/folder.jpg", paint("red"))
    library.work()
    row_id = library.album_cover("A").id
    library.image("A/folder.jpg", paint("blue"))
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("blue")
    assert library.album_cover("A").id == row_id


@ON_BOTH
def test_art_that_is_gone_is_shown_no_more(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/folder.jpg", paint("red"))
    library.work()
    (library.root / "A/folder.jpg").unlink()
    library.album("A")
    library.work()
    assert library.album_shows("A") is None
    assert library.album_ledger("A").state == State.NONE


def test_an_embedded_picture_that_cannot_be_had_now_changes_nothing(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red"))])
    library.work()
    library.write("B/1.flac")  # or the root would count as away
    track = library.track("A/1.flac", "A", [(FRONT, paint("blue"))])
    library.lose(track)
    library.work()
    assert library.album_shows("A") == paint("red")
    assert library.album_ledger("A").state == State.FAILED


@ON_BOTH
def test_each_album_has_one_row_of_its_own(library: Library) -> None:
    for name in "ABC":
        library.track(f"{name}/1.flac", name, [(FRONT, paint("red"))])
    library.work()
    rows = Cover.select().where(Cover.entity_type == EntityType.ALBUM)
    assert sorted(row.entity_id for row in rows) == sorted(album.id for album in Album.select())
    assert {row.image_id for row in rows} == {rows[0].image_id}


def test_nothing_is_done_that_the_ledger_does_not_ask_for(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", paint("red"))
    library.work()
    library.image("A/cover.jpg", paint("blue"))
    process_album_covers([Album.get(key="A").id])
    assert library.album_shows("A") == paint("red")
    assert library.ledger(Kind.COVER, EntityType.ALBUM, Album.get(key="A").id).attempt == 1
