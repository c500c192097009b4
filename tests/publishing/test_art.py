"""Covers beside the music: whose they are, and that a scan knows it."""

import os
import shutil

import pytest

from db.models import Cover, FolderImage, LedgerRow, Scan, WrittenFile
from db.publishing.written_files import Kind
from tests.databases import ON_BOTH
from tests.music import picture, write_track
from tests.publishing.exports import Exports, times

RED, BLUE, GREEN, OWN = map(picture, ("red", "blue", "green", "gold"))


@pytest.fixture
def albums(exports: Exports) -> Exports:
    """Albums with art inside the tracks, with art beside them, of two discs, and in one folder."""
    place = exports.library
    write_track(place / "Ann/Inside/1.flac", [RED], title="1", artist="Ann", album="Inside")
    write_track(place / "Ann/Beside/1.flac", title="1", artist="Ann", album="Beside")
    (place / "Ann/Beside/Folder.jpg").write_bytes(OWN)
    write_track(place / "Ann/Own/1.flac", [RED], title="1", artist="Ann", album="Own")
    (place / "Ann/Own/COVER.PNG").write_bytes(picture("gold", (30, 30), "PNG"))
    for disc, colour in ((1, RED), (2, BLUE)):
        tags = {"title": "1", "artist": "Bob", "album": "Discs", "discnumber": disc}
        write_track(place / f"Bob/Discs/CD{disc}/1.flac", [colour], **tags)
    for name in ("One", "Two"):
        write_track(place / f"mixed/{name}.flac", [GREEN], title="1", artist=name, album=name)
    exports.scan()
    return exports


def state() -> list[list[tuple[object, ...]]]:
    """What is known of pictures."""
    tables = (Cover, FolderImage, LedgerRow)
    return [sorted(table.select().order_by(table.id).tuples(), key=str) for table in tables]


@ON_BOTH
def test_covers_are_written_once_left_alone_by_scans_and_taken_away_again(albums: Exports) -> None:
    before, known = albums.tree(), state()
    planned = [each for each in albums.plan(Kind.ART) if each["end"] == "written"]
    assert albums.tree() == before
    assert albums.run(Kind.ART)["written"] == 4 == len(planned)
    place = albums.library
    assert {path for path in albums.tree() if path not in before} == {
        "Ann/Inside/cover.jpg",
        "Bob/Discs/cover.jpg",
        "Bob/Discs/CD1/cover.jpg",
        "Bob/Discs/CD2/cover.jpg",
    }
    assert (place / "Ann/Inside/cover.jpg").read_bytes() == RED
    assert (place / "Bob/Discs/CD2/cover.jpg").read_bytes() == BLUE
    assert before.items() <= albums.tree().items()
    assert {why: count for why, count, _ in albums.last.reasons} == {
        "the folder has a picture of its own": 2,
    }
    written, stood = albums.tree(), times(place)
    albums.scan()
    scan = Scan.select().order_by(Scan.id.desc()).first()
    assert (scan.left_out["own"], scan.new, scan.changed) == (4, 0, 0)
    assert state() == known
    assert set(albums.run(Kind.ART)) == {"unchanged", "left out"}
    assert times(place) == stood
    assert albums.tree() == written
    assert albums.run(Kind.ART, undo=True) == {"removed": 4}
    assert albums.tree() == before
    assert not WrittenFile.select().exists()
    albums.scan()
    assert state() == known


def test_what_somebody_put_in_the_place_of_our_art_is_theirs(albums: Exports) -> None:
    albums.run(Kind.ART)
    ours = albums.library / "Ann/Inside/cover.jpg"
    ours.write_bytes(OWN)
    taken = albums.library / "Bob/Discs/CD1/cover.jpg"
    taken.unlink()
    assert albums.run(Kind.ART)["written"] == 1
    assert (ours.read_bytes(), taken.read_bytes()) == (OWN, RED)
    albums.scan()
    shown = Cover.select().where(Cover.entity_type == "album", Cover.source == "folder")
    assert str(ours) in {each.source_path for each in shown}
    albums.run(Kind.ART, undo=True)
    assert ours.read_bytes() == OWN


def test_art_that_moved_along_with_its_folder_is_ours_still(albums: Exports) -> None:
    albums.run(Kind.ART)
    before = albums.library / "Ann/Inside"
    before.rename(albums.library / "Ann/Moved")
    albums.scan()
    assert not FolderImage.select().where(FolderImage.path.contains("Ann/Moved")).exists()
    assert "written" not in albums.run(Kind.ART)
    # Copied back by a program that keeps no times, it is ours too.
    moved = albums.library / "Ann/Moved/cover.jpg"
    os.utime(moved, (0, 0))
    albums.scan()
    assert albums.run(Kind.ART, undo=True)["removed"] == 4
    assert not moved.exists()


def test_art_goes_with_the_picture_that_is_shown(albums: Exports) -> None:
    albums.run(Kind.ART)
    write_track(
        albums.library / "Ann/Inside/1.flac", [GREEN], title="1", artist="Ann", album="Inside"
    )
    shutil.rmtree(albums.library / "Bob/Discs/CD2")
    albums.scan()
    albums.run(Kind.ART)
    assert (albums.library / "Ann/Inside/cover.jpg").read_bytes() == GREEN
    assert not list(albums.library.rglob(".musicfleet*"))


@pytest.mark.skipif(not os.geteuid(), reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_costs_only_itself(albums: Exports) -> None:
    folder = albums.library / "Ann/Inside"
    folder.chmod(0o555)
    counts = albums.run(Kind.ART)
    assert (counts["failed"], counts["written"]) == (1, 3)
    assert any("permission is denied" in why for why, *_ in albums.last.reasons)
    folder.chmod(0o755)
    assert albums.run(Kind.ART)["written"] == 1


def test_whoever_ends_it_at_any_point_finds_whole_files_and_the_next_goes_on(
    albums: Exports,
) -> None:
    before = albums.tree()
    albums.run(Kind.ART)
    after = albums.tree()
    for undo, whole, end in ((True, after, before), (False, before, after)):
        step = 0
        while albums.ended_at(step, Kind.ART, undo=undo):
            found = albums.tree()
            hidden = {path for path in found if ".musicfleet-" in path}
            assert {path: found[path] for path in found.keys() - hidden}.items() <= (
                whole | end
            ).items()
            assert before.keys() <= found.keys()
            step += 7
        assert step > 14
        assert albums.tree() == end
