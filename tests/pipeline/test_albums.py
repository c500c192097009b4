"""Albums as people mean them, and each the same row however its files come, change and go."""

import random
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from db.library.entity_pages import album_page
from db.library.gallery import AlbumFilter, AlbumOrder, album_list
from db.models import Album, LibraryIdentity, ScanChunk, Track
from db.scanning import scans
from db.sql.connection import close_database, in_turn, transaction
from jobs import maintenance
from jobs.maintenance import reconciliation
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from tests.waiting import PATIENCE
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


def disc(
    folder: Path,
    number: int | None,
    title: str = "Double",
    count: int = 2,
    form: str = "flac",
    **tags: Any,
) -> None:
    """A disc of an album by Twofold in a folder."""
    said: dict[str, Any] = {"artist": "Twofold", "albumartist": "Twofold", "album": title, **tags}
    if number:
        said |= {"discnumber": number, "totaldiscs": 2}
    for track in range(1, count + 1):
        path = folder / f"{track:02} song.{form}"
        write_track(path, title=f"{number}{track}", tracknumber=track, **said)


def track(path: Path, artist: str, album: str, number: int, **tags: Any) -> None:
    write_track(
        path, title=f"{artist} {number}", artist=artist, album=album, tracknumber=number, **tags
    )


def albums() -> list[tuple[str | None, str | None, str | None, int]]:
    """Title, artist, edition and number of tracks of each album with a track."""
    return sorted(
        ((each.title, each.album_artist, each.edition, each.present) for each in Album.select()),
        key=repr,
    )


def test_albums_are_what_people_mean_by_them(scan: RunScan, library: Path) -> None:
    disc(library / "Twofold" / "Suffix CD1", 1)
    disc(library / "Twofold" / "Suffix CD2", 2)
    disc(library / "Twofold" / "Bonus", 1, "More")
    disc(library / "Twofold" / "Bonus" / "Bonus Disc", 2, "More")
    disc(library / "Twofold" / "First", None, "Show (Disc 1)")
    disc(library / "Twofold" / "Second", None, "Show (Disc 2)")
    for number, guest in enumerate(("", " feat. Ann", " ft. Bob", " & Cid"), 1):
        track(library / "Host" / f"{number}.mp3", f"Host{guest}", "With Guests", number)
    for name in ("Quartet", "Duo"):
        for number in (1, 2, 3):
            track(library / f"{name} {number}.mp3", name, "Greatest Hits", number)
    for number, name in enumerate(("Xan", "Yul", "Zoe"), 1):
        track(library / name / "Sampler" / "1.mp3", name, "Sampler", number, compilation=1)
    for form in ("flac", "mp3"):
        for number in (1, 2):
            track(library / f"Twice {form}" / f"{number}.{form}", "Both", "Twice", number)
    for number, name in enumerate(("Xan", "Yul", "Zoe"), 1):
        track(library / name / "Now" / f"{number}.mp3", name, "Now", number)
        track(library / name / "Best" / "1.mp3", name, "Best", 1)
    disc(library / "Halves CD1", 1, "Halves", musicbrainz_albumid=RELEASE)
    disc(library / "Halves CD2", 2, "Halves")
    scan()
    assert albums() == [
        *(("Best", name, None, 1) for name in ("Xan", "Yul", "Zoe")),
        ("Double", "Twofold", None, 4),
        ("Greatest Hits", "Duo", None, 3),
        ("Greatest Hits", "Quartet", None, 3),
        ("Halves", "Twofold", None, 4),
        ("More", "Twofold", None, 4),
        ("Now", "Various Artists", None, 3),
        ("Sampler", "Various Artists", None, 3),
        ("Show", "Twofold", None, 4),
        ("Twice", "Both", "FLAC", 2),
        ("Twice", "Both", "MP3", 2),
        ("With Guests", "Host", None, 4),
    ]
    flac, mp3 = Album.select().where(Album.title == "Twice").order_by(Album.edition)
    page = album_page(flac.id)
    assert page is not None
    assert (page.edition, page.editions) == ("FLAC", [(mp3.id, "MP3")])
    cards = album_list(AlbumFilter(), AlbumOrder.TITLE, 0, 50)
    assert [card.edition for card in cards if card.title == "Twice"] == ["FLAC", "MP3"]


def test_an_album_keeps_its_row_while_discs_come_change_and_go(
    scan: RunScan, library: Path
) -> None:
    disc(library / "Set [Disc 2]", 2)
    scan()
    row = Album.get()
    disc(library / "Set [Disc 1]", 1)  # which is the first of its folders
    scan()
    assert albums() == [("Double", "Twofold", None, 4)]
    assert Album.get().id == row.id
    disc(library / "Set [Disc 1]", 1, "Renamed", count=1)
    scan()
    assert {each.title: each.present for each in Album.select()} == {"Double": 3, "Renamed": 1}
    assert Album.get(Album.title == "Double").id == row.id
    disc(library / "Set [Disc 2]", 2, "Renamed")
    disc(library / "Set [Disc 1]", 1, "Renamed")
    scan()
    assert albums() == [("Renamed", "Twofold", None, 4)]
    shutil.rmtree(library / "Set [Disc 2]")
    scan()
    assert [each.present for each in Album.select()] == [2]


@ON_SQLITE
def test_discs_without_disc_numbers_are_numbered_by_their_folders(
    scan: RunScan, library: Path
) -> None:
    disc(library / "Digits" / "2", None)
    scan()
    assert {track.disc for track in Track.select()} == {None}
    disc(library / "Digits" / "1", None)
    disc(library / "Digits" / "Bonus Disc", None)
    scan()
    found = {(each.folder[-1], each.disc, each.guessed["disc"]) for each in Track.select()}
    assert found == {("1", 1, "folder"), ("2", 2, "folder"), ("c", 3, "folder")}
    assert albums() == [("Double", "Twofold", None, 6)]
    shutil.rmtree(library / "Digits" / "1")
    shutil.rmtree(library / "Digits" / "Bonus Disc")
    scan()
    present = Track.select().where(Track.missing_since.is_null())
    assert {(track.disc, track.guessed) for track in present} == {(None, None)}


@ON_SQLITE
def test_an_edition_is_one_while_there_is_another(scan: RunScan, library: Path) -> None:
    disc(library / "b", None)
    scan()
    row = Album.get()
    disc(library / "a", None, form="mp3")
    scan()
    assert albums() == [("Double", "Twofold", "FLAC", 2), ("Double", "Twofold", "MP3", 2)]
    assert Album.get(Album.edition == "FLAC").id == row.id
    shutil.rmtree(library / "a")
    scan()
    assert (Album.get_by_id(row.id).edition, Album.get_by_id(row.id).present) == (None, 2)


RELEASE = "bbbbbbb1-0000-4000-8000-000000000000"


@ON_SQLITE
def test_it_does_not_matter_in_which_order_folders_come(
    database: str, queues: redis.Redis, library: Path
) -> None:
    disc(library / "Set CD1", 1)
    disc(library / "Set CD2", 2)
    disc(library / "Copy CD1", 1)
    disc(library / "Copy CD2", 2)
    for number, name in enumerate(("Xan", "Yul", "Zoe"), 1):
        track(library / name / "1.flac", name, "Spread", number)
    track(library / "Dan" / "1.flac", "Dan", "Spread", 1)
    track(library / "Dan" / "2.flac", "Dan", "Spread", 2)
    track(library / "Id" / "1.mp3", "A", "Twice", 1, musicbrainz_albumid=RELEASE)
    track(library / "Without" / "1.flac", "A", "Twice", 1)
    folders = sorted(library.iterdir())
    found = []
    for seed in range(3):
        random.Random(seed).shuffle(folders)
        for folder in folders:
            dispatch.enqueue("scan.discovery", root=str(folder.resolve()))
            work_off(queues)
        found.append((content()["tracks"], content()["albums"]))
        Track.delete().execute()
        Album.delete().execute()
    assert found[0] == found[1] == found[2]
    assert [len(each) for each in found[0]] == [15, 6]


def test_discs_that_are_grouped_before_either_is_written_are_one_album(
    database: str, queues: redis.Redis, library: Path
) -> None:
    disc(library / "Set CD1", 1, count=10)  # as many as the first chunk has
    disc(library / "Set CD2", 2, count=3)
    dispatch.enqueue("scan.discovery", root=str(library.resolve()))
    for stage in ("scan", "extract", "batch"):
        FleetWorker("tests-1", [stage], queues).work(burst=True, logging_level="WARNING")
    assert (ScanChunk.select().count(), Track.select().count()) == (2, 0)
    work_off(queues)
    assert albums() == [("Double", "Twofold", None, 13)]
    assert all(scan.finished_at for scan in scans.latest(5))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_after_an_upgrade_of_the_rules_all_folders_are_grouped_again_and_no_file_is_read(
    scan: RunScan, library: Path, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ABC":
        disc(library / f"{name} CD1", 1, title=name)
        disc(library / f"{name} CD2", 2, title=name)
    scan()
    before = albums()
    LibraryIdentity.delete().execute()
    LibraryIdentity.create(id=1, library="x", grouping_rules=0)
    torn = Album.create(key="by older rules", title="A")
    Track.update(album=torn).where(Track.disc == 2).execute()
    shutil.rmtree(library)
    monkeypatch.setattr(reconciliation, "_FOLDERS_AT_ONCE", 4)
    assert maintenance.group_again() == 4
    assert maintenance.group_again() == 0  # before the first are grouped
    work_off(queues)
    assert maintenance.group_again() == 2
    work_off(queues)
    assert albums() == before
    assert not reconciliation.is_grouping_due()


def test_who_writes_the_same_folders_at_the_same_time_takes_turns(database: str) -> None:
    is_done = threading.Event()

    def other() -> None:
        with transaction():
            in_turn(["/music/b", "/music/a"])
        is_done.set()
        close_database()

    thread = threading.Thread(target=other)
    with transaction():
        in_turn(["/music/a", "/music/c"])
        thread.start()
        assert not is_done.wait(0.3)
    assert is_done.wait(PATIENCE)
    thread.join()
