"""What the user sets is shown, whatever else there is."""

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
import redis

from db.artwork.image_files import incoming_dir
from db.models import Album, ChosenImage, Scan, State, Track, utc_now
from db.sql.path_text import to_text
from jobs.covers import choose_image, explain, withdraw_image
from jobs.pictures.store import original, thumbnail
from tests.covers.library import FRONT, Library, paint
from tests.databases import ON_SQLITE
from tests.ended import end_after_each_commit

LARGE = (600, 600)


def choose(library: Library, data: bytes, role: str = "front") -> str | None:
    """Have album A show this; why not, if it is refused."""
    file = library.root.parent / "mine.jpg"
    file.write_bytes(data)
    album = Album.get(key="A").id
    return choose_image("album", album, role, to_text(bytes(file)))


def test_the_users_choice_beats_everything_and_stays_when_it_is_all_chosen_anew(
    library: Library,
) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))])
    library.image("A/cover.jpg", paint("blue", LARGE))
    library.work()
    assert choose(library, paint("white", (40, 20))) is None
    assert library.album_shows("A") == paint("white", (40, 20))
    library.need_everything()
    library.work()
    assert library.album_shows("A") == paint("white", (40, 20))
    cover = library.album_cover("A")
    assert (cover.source, cover.rank) == ("chosen", -1)
    assert cover.source_path == f"{library.root.parent}/mine.jpg"


def test_each_picture_of_an_album_can_be_chosen_as_it_was_explained(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE)), (4, paint("green", LARGE))])
    library.image("A/cover.jpg", paint("blue", LARGE))
    library.image("A/back.jpg", paint("gold", LARGE))
    library.image("A/front.jpg", b"This is no picture.")
    library.work()
    album = Album.get(key="A").id
    (front,) = explain("album", album, pictures=True)
    found = {each["path"].rpartition("/")[2]: each for each in front["candidates"]}
    others = {each["path"].rpartition("/")[2]: each for each in front["others"]}
    assert found["cover.jpg"]["why"].startswith("Chosen: cover.*")
    assert found["1.flac"]["why"] == "Not chosen: cover.* comes before embedded"
    assert found["front.jpg"]["why"].startswith("Refused: the format")
    assert "by its name it is the back" in others["back.jpg"]["why"]
    assert "back cover, which is never a front" in others["1.flac"]["why"]
    assert all(
        thumbnail(each["digest"]).is_file()
        for each in (*found.values(), *others.values())
        if each["decoded"]
    )
    for each, colour in ((others["back.jpg"], "gold"), (others["1.flac"], "green")):
        assert choose_image("album", album, "front", each["path"], each["digest"]) is None
        assert library.album_shows("A") == paint(colour, LARGE)
    withdraw_image("album", album, "front")
    library.image("A/back.jpg", paint("white", LARGE))
    original(others["back.jpg"]["digest"]).unlink()
    refused = choose_image(
        "album", album, "front", *(others["back.jpg"][each] for each in ("path", "digest"))
    )
    assert refused is not None
    assert "has changed" in refused
    assert library.album_shows("A") == paint("blue", LARGE)


def test_an_upload_is_deleted_once_it_is_taken_and_no_other_file_is(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.work()
    album, elsewhere = Album.get(key="A").id, library.root.parent / "mine.jpg"
    incoming_dir().mkdir(parents=True, exist_ok=True)
    uploaded = incoming_dir() / "upload-1"
    for file in (uploaded, elsewhere):
        file.write_bytes(paint("white", LARGE))
        path = to_text(bytes(file))
        assert choose_image("album", album, "front", path, name="mine.jpg (uploaded)") is None
    assert library.album_cover("A").source_path == "mine.jpg (uploaded)"
    assert [file.exists() for file in (uploaded, elsewhere)] == [False, True]


def test_a_choice_outlasts_its_file_the_store_and_the_albums_own_files(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.work()
    choose(library, paint("white", LARGE))
    digest = library.album_cover("A").image.digest
    original(digest).unlink()
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("white", LARGE)
    (library.root.parent / "mine.jpg").unlink()
    Track.update(missing_since=datetime(2026, 1, 1)).execute()
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("white", LARGE)


def test_a_choice_that_is_lost_for_good_gives_way_and_says_so(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))])
    library.work()
    choose(library, paint("white", LARGE))
    original(library.album_cover("A").image.digest).unlink()
    (library.root.parent / "mine.jpg").write_bytes(paint("black", LARGE))
    library.album("A")
    library.work()
    assert library.album_shows("A") == paint("red", LARGE)
    row = library.album_ledger("A")
    assert row.state == State.DONE
    assert "no longer in the store" in row.reason


def test_a_choice_is_undone_by_withdrawing_it(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))])
    library.work()
    choose(library, paint("white", LARGE))
    album = Album.get(key="A").id
    assert withdraw_image("album", album, "front")
    assert library.album_shows("A") == paint("red", LARGE)
    assert not withdraw_image("album", album, "front")


def test_a_choice_that_is_no_picture_is_refused_and_changes_nothing(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))])
    library.work()
    refused = choose(library, b"no picture")
    assert refused
    assert refused.startswith("bad-picture: ")
    assert ChosenImage.select().count() == 0
    assert library.album_shows("A") == paint("red", LARGE)


def test_a_choice_for_a_disc_leaves_the_album_as_it_is(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, paint("red", LARGE))], disc=1)
    library.track("A/2.flac", "A", [(FRONT, paint("red", LARGE))], disc=2)
    library.work()
    choose(library, paint("white", LARGE), "disc-2")
    assert library.album_shows("A") == paint("red", LARGE)
    assert library.album_shows("A", "disc-2") == paint("white", LARGE)


@ON_SQLITE
def test_a_choice_that_ends_after_any_commit_is_shown_all_the_same(
    library: Library, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    Scan.update(walked_at=utc_now(), finished_at=utc_now()).execute()  # else it is gone on with
    library.image("A/cover.jpg", paint("blue"))
    library.track("A/1.flac", "A")
    library.work()
    mine = library.root.parent / "mine.jpg"
    mine.write_bytes(paint("white", (40, 20)))
    album = Album.get(key="A").id
    end = partial(end_after_each_commit, tmp_path / "kept", queues)
    choose_mine = partial(choose_image, "album", album, "front", to_text(bytes(mine)))
    assert end(choose_mine) >= 3
    assert library.album_shows("A") == paint("white", (40, 20))
    assert end(partial(withdraw_image, "album", album, "front")) >= 3
    assert library.album_shows("A") == paint("blue")
