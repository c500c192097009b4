"""A scan that is superseded, cancelled or interrupted leaves nothing grouped wrongly."""

import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from db.models import Problem, ScanChunk, Track
from db.models import Scan as ScanRow
from db.scanning import scans
from db.scanning.library_files import refused_root
from jobs.errors import RefusedRootError
from jobs.maintenance import reconcile
from jobs.scan import discovery
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from tests.pipeline.test_rescan import fresh
from worker import dispatch
from worker.cli.scan import scan as scan_command
from worker.errors import BadInputError
from worker.status.scan_progress import Follower


@pytest.fixture
def mixed(library: Path, scan: Scan) -> Path:
    """A scanned album by A, of whom a track went since: what is left is by B."""
    for number, artist in enumerate(["A", "A", "A", "B", "B"]):
        file = library / "album" / f"{number}.flac"
        write_track(file, pitch=200 + number, title=f"{number}", artist=artist, album="Album")
    scan()
    for number in (0, 1):
        (library / "album" / f"{number}.flac").unlink()
    return library


def walk(library: Path) -> int:
    """Walk the library, and let nothing of what it enqueues be done; the scan's id."""
    scan_id = scans.start(str(library), deep=False)
    discovery(scan_id=scan_id)
    return scan_id


def go_on(queues: redis.Redis) -> None:
    """Have done what is left, as a fleet does whose Redis was emptied."""
    queues.flushall()
    while reconcile():
        work_off(queues)


Ending = Callable[[Path, int], object]
ENDINGS: dict[str, Ending] = {
    "a second scan": lambda library, _: walk(library),
    "cancelled": lambda _, scan_id: scans.end_early(scan_id),
    "cancelled twice": lambda _, scan_id: [scans.end_early(scan_id), scans.end_early(scan_id)],
    "an empty Redis": lambda _library, _scan_id: None,
    "a failure": lambda _, scan_id: scans.fail(scan_id, "a job failed"),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@ON_SQLITE
def test_a_scan_that_ends_after_its_walk_regroups_what_it_marked(
    mixed: Path, scan: Scan, queues: redis.Redis, ending: Ending
) -> None:
    ending(mixed, walk(mixed))
    go_on(queues)
    scan()
    after = content()
    assert after["tracks"] == fresh(scan)["tracks"]


def test_a_cancelled_scan_judges_nothing_missing_and_takes_in_nothing(
    mixed: Path, queues: redis.Redis
) -> None:
    write_track(mixed / "new" / "1.flac", title="New", artist="C", album="New")
    before = content()
    scan_id = scans.start(str(mixed), deep=False)
    scans.add_chunk(scan_id, [])
    assert scans.end_early(scan_id)
    dispatch.enqueue("scan.discovery", scan_id=scan_id)
    go_on(queues)
    assert content() == before
    assert Track.select().where(Track.missing_since.is_null(False)).count() == 0
    assert ScanRow.get_by_id(scan_id).fault == "cancelled"
    assert ScanChunk.select().where(ScanChunk.done_at.is_null()).count() == 0
    assert not scans.end_early(scan_id)


@ON_SQLITE
def test_a_scan_that_is_cancelled_while_it_walks_stops(
    library: Path, scan: Scan, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_track(library / "000" / "1.flac", title="1")
    for number in range(1, 60):
        (library / f"{number:03}").mkdir()
        shutil.copy(first, library / f"{number:03}" / "1.flac")
    scan_id = scans.start(str(library), deep=False)
    sent = dispatch.enqueue

    def enqueue_and_cancel(job: str, **arguments: object) -> str:
        scans.end_early(scan_id)
        return sent(job, **arguments)

    monkeypatch.setattr("jobs.scan.chunks.enqueue", enqueue_and_cancel)
    discovery(scan_id=scan_id)
    monkeypatch.undo()
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    work_off(queues)
    assert ScanRow.get_by_id(scan_id).found < 60
    assert Track.select().count() == 0
    scan()
    assert Track.select().count() == 60


def test_the_command_cancels_running_scans_by_their_folder(
    library: Path, database: str, queues: redis.Redis
) -> None:
    ids = [scans.start(f"{library}/{name}", deep=False) for name in ("a", "b", "c")]
    (library / "a").mkdir()
    with chdir(library):
        done = CliRunner().invoke(scan_command, ["--cancel", "a"], catch_exceptions=False)
    assert done.output.startswith(f"Cancelled the scan of {library}/a.")
    assert [scan.id for scan in scans.all_unfinished()] == ids[1:]
    with pytest.raises(BadInputError, match="/a is running"):
        CliRunner().invoke(scan_command, ["--cancel", f"{library}/a"], catch_exceptions=False)
    CliRunner().invoke(scan_command, ["--cancel"], catch_exceptions=False)
    assert scans.all_unfinished() == []
    done = CliRunner().invoke(scan_command, ["--cancel"], catch_exceptions=False)
    assert (done.exit_code, done.stderr.strip()) == (0, "No scan is running.")


def test_only_music_counts_as_unreadable(library: Path, scan: Scan) -> None:
    write_track(library / "a" / "1.flac", title="A", artist="A", album="A")
    (library / "a" / "cover.jpg").write_bytes(b"no picture")
    (library / "a" / "2.flac").write_bytes(b"no music")
    (library / "a" / "notes.txt").touch()
    scan()
    summary = Follower([ScanRow.get().id]).summary(1.0)
    assert (summary.unreadable, summary.bad_pictures, summary.found) == (1, 1, 2)
    assert (summary.pictures, summary.left_out) == (1, {"other": 1})


@pytest.mark.parametrize("root", ["/", "/proc", "/sys/fs", "/dev"])
def test_a_root_of_the_system_is_refused(root: str) -> None:
    assert "name the folder that holds the music" in (refused_root(root, "/data") or "")


def test_the_data_folder_is_refused_and_what_holds_it_is_not() -> None:
    assert refused_root("/home/a/data", "/home/a/data")
    assert refused_root("/home/a/data/pictures", "/home/a/data")
    assert refused_root("/home/a/data/demo-music-of-old", "/home/a/data")
    assert refused_root("/home/a", "/home/a/data") is None


def test_a_discovery_of_everything_is_refused(database: str, queues: redis.Redis) -> None:
    with pytest.raises(RefusedRootError, match="belongs to the system"):
        discovery(root="/")
    assert ScanRow.select().count() == 0
    discovery(scan_id=scans.start("/", deep=False))  # whoever began it
    assert ScanRow.get().fault.startswith("/ belongs to the system")


def test_a_scan_counts_what_it_left_out_and_the_sum_is_what_it_saw(
    library: Path, scan: Scan
) -> None:
    write_track(library / "a" / "1.flac", title="A")
    (library / "b").mkdir()
    for name in ("a/notes.txt", "b/a.cue", "a/.hidden", "a/cover.jpg"):
        (library / name).write_bytes(b"x")
    (library / "a" / "out.mp3").symlink_to("/etc/hostname")
    (library / ".ndignore").mkdir()
    scan()
    row = ScanRow.get()
    assert row.left_out == {"other": 1, "cue": 1, "hidden": 2, "link-out": 1}
    assert (row.found, row.pictures) == (1, 1)
    assert scans.left_out() == row.left_out
    (problem,) = Problem.select().where(Problem.stage == "scan")
    assert problem.path == f"{library}/.ndignore"
