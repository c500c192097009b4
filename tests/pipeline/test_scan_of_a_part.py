"""A scan of a part of a root finds there what a whole scan would, and judges nothing else."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from db.models import Scan, Track
from db.scanning import scans
from db.scanning.library_files import Scope
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from tests.pipeline.test_rescan import fresh, ids, last_scan, make_albums
from worker import dispatch


@pytest.fixture(autouse=True)
def no_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")


def look_at(
    connection: redis.Redis, library: Path, folders: Sequence[Path] = (), trees: Sequence[Path] = ()
) -> Scan:
    """Scan these folders and trees alone."""
    scope = Scope.of(map(str, folders), map(str, trees))
    scan_id = scans.start_unless_running(str(library), scope)
    assert scan_id is not None
    dispatch.enqueue("scan.discovery", scan_id=scan_id)
    work_off(connection)
    return last_scan()


def test_what_changed_in_many_ways_is_as_after_a_fresh_scan(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    make_albums(library)
    scan()
    before = ids()
    double, bare, debut = library / "Artist" / "Double", library / "Bare", library / "Björk/Debut"
    write_track(double / "CD1" / "9.flac", title="New", artist="Artist", album="Double")
    (double / "cover.jpg").write_bytes(picture("green"))
    (bare / "3.ogg").unlink()
    (library / "Björk" / "Moved").mkdir()
    (debut / "01 Song.mp3").rename(library / "Björk" / "Moved" / "1.mp3")
    (library / "Hidden" / "Below").mkdir(parents=True)
    (library / "Hidden" / ".ndignore").touch()
    write_track(library / "Hidden" / "Below" / "1.mp3", title="Hidden")
    look_at(
        queues,
        library,
        [double, library / "Hidden" / "Below"],
        [bare / "3.ogg", debut / "01 Song.mp3", library / "Björk" / "Moved"],
    )
    scan_row = last_scan()
    assert (scan_row.new, scan_row.moved, scan_row.missing) == (1, 1, 1)
    moved = str(library / "Björk" / "Moved" / "1.mp3")
    assert ids()[moved] == before[str(debut / "01 Song.mp3")]
    assert content() == fresh(scan)


@ON_SQLITE
def test_nothing_outside_of_the_part_is_judged(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    make_albums(library)
    scan()
    shutil.rmtree(library / "Bare")
    write_track(library / "Björk" / "new.mp3", title="Unseen")
    done = look_at(queues, library, [library / "Björk" / "Debut"])
    assert (done.found, done.unchanged, done.missing) == (3, 3, 0)
    assert Track.select().where(Track.missing_since.is_null(False)).count() == 0


@ON_SQLITE
def test_a_folder_that_is_gone_takes_all_below_it_along(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    make_albums(library)
    scan()
    shutil.rmtree(library / "Artist")
    assert look_at(queues, library, [library / "Artist"]).missing == 3
    assert content()["tracks"] == fresh(scan)["tracks"]


@ON_SQLITE
def test_a_root_without_any_music_loses_nothing(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    make_albums(library)
    scan()
    before = content()
    shutil.rmtree(library)
    library.mkdir()
    done = look_at(queues, library, trees=[library / "Bare", library / "Björk"])
    assert "is the disk mounted?" in done.fault
    assert content() == before


@ON_SQLITE
def test_a_part_with_a_link_in_it_has_the_whole_root_looked_at(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    make_albums(library)
    scan()
    (library / "Bare" / "again.mp3").symlink_to(library / "Björk" / "Debut" / "01 Song.mp3")
    done = look_at(queues, library, [library / "Bare"])
    assert (done.found, done.new) == (9, 0)


def test_no_scan_of_a_part_begins_beside_one_of_the_same_files(database: str) -> None:
    scans.start("/music/jazz", deep=False)
    assert scans.start_unless_running("/music", Scope.of(["/music/rock"], [])) is None
    assert scans.start_unless_running("/music/jazz/old", None) is None
    assert scans.start_unless_running("/music2", None) is not None
