"""The picture store against the rows of `images`."""

import os
import time
from pathlib import Path

import pytest

from db import ledger, settings
from db.artwork import image_files
from db.library import track_files
from db.models import Artist, ArtistPicture, ChosenImage, EntityType, Image, Kind, State
from jobs.pictures import store
from tests.covers.library import FRONT, Library, paint
from tests.databases import ON_SQLITE
from tests.doctor.complaints import complaint, complaints
from worker.doctor import Finding, Severity
from worker.doctor.examination import examine, repair

RED, BLUE = paint("red"), paint("blue")


def pictures() -> Finding:
    return complaint("pictures", quick=False)


def all_is_well() -> bool:
    return not complaints("pictures", quick=False)


def aged(path: Path, hours: float) -> Path:
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))
    return path


@ON_SQLITE
def test_a_store_that_holds_what_the_rows_say_is_well(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, RED)])
    library.image("A/cover.jpg", BLUE)
    library.track("B/1.flac", "B", [(FRONT, b"no picture at all")])
    library.work()
    assert Image.select().where(Image.fault.is_null(False)).count() == 1  # has no thumbnail
    (well,) = [each for each in examine() if each.check == "pictures"]
    assert (well.severity, well.count) == (Severity.OK, 3)


def test_old_files_without_row_are_named_and_deleted(library: Library) -> None:
    library.track("A/1.flac", "A", [(FRONT, RED)])
    library.work()
    kept = library.stored()
    digest = store.put(b"orphan")
    store.put_thumbnail(digest, b"small orphan")
    store.put_thumbnail(digest, b"large orphan", 800)
    files = [store.original(digest), store.thumbnail(digest), store.thumbnail(digest, 800)]
    for file in files:
        aged(file, hours=48)
    found = pictures()
    assert found.severity is Severity.WARNING
    assert found.count == 3
    assert found.age is not None
    assert round(found.age / 3600) == 48
    assert f"originals/…/{digest}, 300/…/{digest}.jpg" in found.says
    assert repair(found).says == "3 files without row deleted"
    assert library.stored() == kept
    assert all_is_well()


@ON_SQLITE
def test_a_young_file_without_row_is_spared(library: Library) -> None:
    young = aged(store.original(store.put(b"young")), hours=23)
    old = aged(store.original(store.put(b"old")), hours=25)
    found = pictures()
    assert found.count == 1
    aged(old, hours=1)  # stored again meanwhile
    assert repair(found).says == "0 files without row deleted"
    assert young.exists()
    assert old.exists()


@ON_SQLITE
def test_a_file_without_row_that_a_job_has_just_found_is_spared(library: Library) -> None:
    digest = store.put(RED)
    aged(store.original(digest), hours=48)
    found = pictures()
    store.put(RED)  # the job stores nothing, for it is there
    assert repair(found).says == "0 files without row deleted"
    assert store.original(digest).read_bytes() == RED


@ON_SQLITE
def test_a_file_that_has_its_row_by_now_is_spared(library: Library) -> None:
    digest = store.put(RED)
    aged(store.original(digest), hours=48)
    found = pictures()
    Image.create(digest=digest, mime="image/jpeg", bytes=len(RED), fault="bad-picture: late")
    assert repair(found).says == "0 files without row deleted"
    assert store.original(digest).exists()


@ON_SQLITE
def test_nothing_that_is_not_the_stores_is_deleted(library: Library, tmp_path: Path) -> None:
    digest = store.put(b"orphan")
    aged(store.original(digest), hours=48)
    elsewhere = tmp_path / "elsewhere"
    shard = elsewhere / "00" / "11"
    shard.mkdir(parents=True)
    name = f"0011{'0' * 60}"
    strangers = [
        shard / name,
        settings.images_dir() / "originals" / "README",
        settings.images_dir() / "originals" / "ab" / "cd" / "notes.txt",
        settings.images_dir() / "originals" / "ab" / "cd" / name,  # not its place
        settings.images_dir() / "64" / "ab" / name,
        settings.images_dir() / "incoming" / name,
    ]
    for stranger in strangers:
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.touch()
        aged(stranger, hours=48)
    (settings.images_dir() / "originals" / "00").symlink_to(elsewhere / "00")
    link = settings.images_dir() / "originals" / "ab" / "cd" / f"abcd{'0' * 60}"
    link.symlink_to(strangers[0])
    assert repair(pictures()).says == "1 file without row deleted"
    assert all(stranger.exists() for stranger in strangers)
    assert link.is_symlink()


@pytest.mark.parametrize("part", ["original", "thumbnail"])
def test_a_picture_without_file_is_named_and_made_again(library: Library, part: str) -> None:
    track = library.track("A/1.flac", "A", [(FRONT, RED)])
    library.track("A/2.flac", "A", [(FRONT, RED)])
    library.work()
    before = library.stored()
    digest = store.digest_of(RED)
    (store.original if part == "original" else store.thumbnail)(digest).unlink()
    found = pictures()
    assert found.severity is Severity.WARNING
    assert found.count == 1
    assert digest in found.says
    assert repair(found).says == "3 covers and 1 embedded picture are to be made again"
    assert all_is_well()  # for it is to be made
    assert ledger.with_state(ledger.NEEDS[0], [State.TODO]) == [track]
    library.work()
    assert all_is_well()
    assert library.stored() == before
    assert ledger.with_state(ledger.NEEDS[0], [State.TODO]) == []


@ON_SQLITE
def test_a_cover_from_a_file_beside_the_music_is_made_again(library: Library) -> None:
    library.track("A/1.flac", "A")
    library.image("A/cover.jpg", BLUE)
    library.work()
    store.original(store.digest_of(BLUE)).unlink()
    assert repair(pictures()).says == "1 cover and 0 embedded pictures are to be made again"
    library.work()
    assert all_is_well()
    assert library.album_shows("A") == BLUE


def test_what_a_missing_track_alone_carries_is_not_asked_of_it(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, RED)])
    library.work()
    track_files.mark_missing([track])
    store.original(store.digest_of(RED)).unlink()
    assert repair(pictures()).says == "1 cover and 0 embedded pictures are to be made again"


@ON_SQLITE
def test_a_lost_picture_that_nothing_uses_is_forgotten(library: Library) -> None:
    Image.create(digest="ab" * 32, mime="image/jpeg", width=1, height=1, bytes=1)
    image_files.originals_dir().mkdir(parents=True)
    repaired = repair(pictures())
    assert repaired.done
    assert repaired.says.endswith("1 row that nothing uses dropped")
    assert Image.select().count() == 0
    assert all_is_well()


def test_a_lost_picture_that_the_user_chose_is_not_forgotten(library: Library) -> None:
    image = Image.create(digest="ab" * 32, mime="image/jpeg", width=1, height=1, bytes=1)
    ChosenImage.create(
        entity_type=EntityType.ALBUM, entity_id=library.album("A"), image=image, source_path="/x"
    )
    image_files.originals_dir().mkdir(parents=True)
    repair(pictures())
    assert ChosenImage.get().image.digest == image.digest


def test_a_lost_picture_of_an_artist_is_asked_for_again(library: Library) -> None:
    digest = Image.create(digest="ab" * 32, mime="image/jpeg", width=1, height=1, bytes=1).digest
    artist = Artist.create(name="A")
    ArtistPicture.create(artist=artist, role="logo", rank=0, path="/x", digest=digest)
    image_files.originals_dir().mkdir(parents=True)
    assert repair(pictures()).says == "0 covers and 1 embedded picture are to be made again"
    row = library.ledger(Kind.PICTURE, EntityType.ARTIST, artist.id)
    assert row.state == State.TODO
    assert all_is_well()  # for it is to be made


@ON_SQLITE
def test_a_store_that_is_not_mounted_is_an_error_and_nothing_is_forgotten(
    library: Library,
) -> None:
    library.track("A/1.flac", "A", [(FRONT, RED)])
    library.work()
    image_files.originals_dir().rename(settings.images_dir() / "elsewhere")
    found = pictures()
    assert (found.severity, found.count) == (Severity.ERROR, 1)
    assert found.says == f"{image_files.originals_dir()} is not there, with 1 picture"
    assert found.fix is None


@ON_SQLITE
def test_every_part_of_the_store_is_looked_at(library: Library) -> None:
    for number in (0, 15, 16, 128, 255):
        digest = f"{number:02x}" + "0" * 62
        Image.create(digest=digest, mime="image/jpeg", bytes=1, fault="bad-picture: empty")
        file = image_files.original(digest[:-1] + "f")
        file.parent.mkdir(parents=True)
        file.touch()
        aged(file, hours=48)
    orphans, lost = complaints("pictures", quick=False)
    assert (orphans.count, lost.count) == (5, 5)
