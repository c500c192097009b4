"""What the surroundings keep from being done keeps what it shows, waits, and is woken."""

import errno
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from db import ledger, settings
from db.ledger import Cause
from db.models import Cover, EntityType, Kind, LedgerRow, Problem, State, Track, utc_now
from db.models import Scan as ScanRow
from db.scanning import problems, roots, scans
from db.scanning.library_files import Scope
from jobs.maintenance import reconcile
from jobs.scan import chunks
from tests.databases import ON_SQLITE
from tests.doctor.complaints import complaints
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import Content, content
from worker import dispatch
from worker.cli.report import problems as problems_command
from worker.cli.status import status as status_command
from worker.process.fleet_worker import FleetWorker
from worker.topology.model import Execution

STAGES = ["scan", "extract", "batch", "insert"]
HIDDEN = "elsewhere"


@pytest.fixture
def music(library: Path) -> Path:
    """Two albums with embedded pictures, a cover beside one, and pictures of an artist."""
    for number in (1, 2):
        folder = library / "Somebody" / f"Album {number}"
        embedded = picture(f"#{number}0{number}0{number}0", (200, 200))
        tags = {"artist": "Somebody", "albumartist": "Somebody", "album": f"Album {number}"}
        write_track(folder / "1.mp3", [embedded], title="Song", **tags)
    (library / "Somebody" / "Album 1" / "cover.jpg").write_bytes(jpeg("#334455"))
    (library / "Somebody" / "artist.jpg").write_bytes(jpeg("#556677"))
    (library / "Somebody" / "other.jpg").write_bytes(jpeg("#778899"))
    nfo = "<artist><fanart><thumb>other.jpg</thumb></fanart></artist>"
    (library / "Somebody" / "artist.nfo").write_text(nfo)
    return library


def jpeg(colour: str) -> bytes:
    return picture(colour, (400, 400))


def enqueue_scan(library: Path, scope: Scope | None = None) -> int:
    """Begin a scan of the library or of a part, and return its id."""
    scan_id = scans.start_unless_running(str(library.resolve()), scope)
    assert scan_id is not None
    dispatch.enqueue("scan.discovery", scan_id=scan_id)
    return scan_id


def take_in(queues: redis.Redis, library: Path) -> None:
    """Scan without choosing a cover yet."""
    enqueue_scan(library)
    for _ in STAGES:
        FleetWorker("tests-1", STAGES, queues).work(burst=True, logging_level="WARNING")


def states(*kinds: Kind) -> set[str]:
    """The states of the needs of these kinds, or of all."""
    rows = LedgerRow.select() if not kinds else LedgerRow.select().where(LedgerRow.kind.in_(kinds))
    return {row.state for row in rows}


def waiting() -> list[tuple[Cause, str]]:
    """Causes and places, but for what every small library waits for."""
    found = [each.obstacle for each in ledger.waiting()]
    return [(each.cause, each.place) for each in found if not each.policy.is_expected]


def needs_again() -> None:
    """Ask for every cover and picture again."""
    for need in ledger.NEEDS:
        if need.kind in {Kind.COVER, Kind.PICTURE}:
            ids = ledger.with_state(need)
            ledger.need(need.kind, need.entity_type, ids)
            dispatch.enqueue_need(need, ids)


def shown() -> Content:
    return {"covers": content()["covers"], "pictures": content()["pictures"]}


def test_a_root_that_is_away_before_covers_and_analysis_ran_makes_them_wait_and_wakes_them(
    database: str, queues: redis.Redis, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "60")
    take_in(queues, music)
    away = music.rename(music.with_name(HIDDEN))
    work_off(queues)
    root = str(music.resolve())
    assert waiting() == [(Cause.ROOT_AWAY, root)]
    assert all(row.look_again_at > utc_now() for row in LedgerRow.select() if row.cause)
    assert states(Kind.ANALYSIS) == {State.WAITING}
    [found] = problems.of_surroundings()
    assert found.message.startswith(f"root {root} is away: {ledger.waiting()[0].items} items wait")
    assert not Problem.select().exists()
    assert reconcile() == {}

    away.rename(music)
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    enqueue_scan(music)
    work_off(queues)
    assert waiting() == []
    assert states() <= {State.DONE, State.NONE}
    assert {entity_type for entity_type, *_ in content()["covers"]} == {"track", "album", "artist"}


@ON_SQLITE
def test_what_the_first_scan_took_in_before_its_root_went_away_waits_for_the_root(
    database: str, queues: redis.Redis, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_FILES", 1)
    enqueue_scan(music)
    for stage, most in (("scan", 1), ("extract", 1), ("batch", 1), ("insert", 1)):
        worker = FleetWorker("tests-1", [stage], queues)
        worker.work(burst=True, logging_level="WARNING", max_jobs=most)
    away = music.rename(music.with_name(HIDDEN))
    work_off(queues)
    [scan] = ScanRow.select()
    assert "is away" in scan.fault
    assert Track.select().count() == 1
    assert waiting() == [(Cause.ROOT_AWAY, str(music.resolve()))]

    away.rename(music)
    enqueue_scan(music)
    work_off(queues)
    assert waiting() == []
    assert {entity_type for entity_type, *_ in content()["covers"]} == {"track", "album", "artist"}


def test_a_file_that_is_back_when_its_root_is_asked_for_was_away(library: Path, scan: Scan) -> None:
    scan()
    root, file = str(library.resolve()), library.resolve() / "cover.jpg"
    assert roots.obstacle(str(file), errno.ENOENT) == (Cause.FILE_GONE, root)
    file.write_bytes(jpeg("#334455"))
    assert roots.obstacle(str(file), errno.ENOENT) == (Cause.ROOT_AWAY, root)


@ON_SQLITE
def test_every_report_has_one_line_for_what_is_away(
    scan: Scan, queues: redis.Redis, music: Path
) -> None:
    scan()
    music.rename(music.with_name(HIDDEN))
    needs_again()
    work_off(queues)
    root = str(music.resolve())
    [away] = [each for each in ledger.waiting() if each.obstacle.cause is Cause.ROOT_AWAY]
    assert away.text == f"root {root} is away: {away.items} items wait"
    assert [each.says for each in complaints("ledger")] == [away.text]
    run = CliRunner()
    [_, line] = run.invoke(problems_command, []).stdout.splitlines()
    assert line == f"{root}\tsurroundings\troot-away\t{away.text} — {away.obstacle.remedy}"
    assert line in run.invoke(problems_command, [str(music.parent)]).stdout
    assert line not in run.invoke(problems_command, ["/usr"]).stdout
    shown_lines = run.invoke(status_command, []).stdout.splitlines()
    assert away.text in shown_lines
    states_of = json.loads(run.invoke(status_command, ["--json"]).stdout)
    assert sum(each["waiting"] for each in states_of["work"]) == away.items
    assert away.as_json() in states_of["waiting"]


@ON_SQLITE
def test_a_scan_of_a_part_that_sees_the_root_wakes_all_that_waits_for_it(
    scan: Scan, queues: redis.Redis, music: Path
) -> None:
    scan()
    away = music.rename(music.with_name(HIDDEN))
    needs_again()
    work_off(queues)
    assert waiting() == [(Cause.ROOT_AWAY, str(music.resolve()))]
    away.rename(music)
    enqueue_scan(music, Scope.of([str(music.resolve() / "Somebody" / "Album 2")], []))
    work_off(queues)
    assert states() <= {State.DONE, State.NONE}


@pytest.mark.parametrize("how", ["renamed", "empty", "without audio"])
@ON_SQLITE
def test_nothing_that_is_shown_is_withdrawn_while_the_root_is_away(
    scan: Scan, queues: redis.Redis, music: Path, how: str
) -> None:
    scan()
    before = shown()
    assert {role for _, _, role, *_ in before["covers"]} == {"front", "fanart"}
    away = music.rename(music.with_name(HIDDEN))
    if how != "renamed":
        music.mkdir()
    if how == "without audio":
        (music / "NOT MOUNTED").touch()
    needs_again()
    work_off(queues)
    assert shown() == before
    assert waiting() == [(Cause.ROOT_AWAY, str(music.resolve()))]
    if how != "renamed":
        (music / "NOT MOUNTED").unlink(missing_ok=True)
        music.rmdir()
    away.rename(music)
    scan()
    assert shown() == before
    assert states() <= {State.DONE, State.NONE}


@ON_SQLITE
def test_a_file_that_is_gone_while_its_root_is_there_fails_alone_until_a_scan(
    scan: Scan, queues: redis.Redis, music: Path
) -> None:
    scan()
    write_track(music / "Solo" / "Other" / "1.mp3", [picture("#010203", (200, 200))], title="S")
    take_in(queues, music)
    song = music / "Solo" / "Other" / "1.mp3"
    hidden = song.rename(music.with_name("1.mp3"))
    dispatch.queue("deferred_covers").empty()
    shutil.rmtree(settings.images_dir())
    needs_again()
    work_off(queues)
    assert waiting() == [(Cause.FILE_GONE, str(music.resolve()))]
    track = Track.get(Track.path == str(song.resolve()))
    rows = LedgerRow.select().where(
        LedgerRow.entity_type == EntityType.TRACK, LedgerRow.cause == Cause.FILE_GONE
    )
    assert {(row.entity_id, row.state) for row in rows} == {(track.id, State.FAILED)}
    hidden.rename(song)
    scan()
    assert waiting() == []
    assert states() <= {State.DONE, State.NONE}


@ON_SQLITE
def test_what_waits_is_tried_again_when_its_time_has_come_ever_less_often(
    scan: Scan, queues: redis.Redis, music: Path
) -> None:
    scan()
    music.rename(music.with_name(HIDDEN))
    needs_again()
    pauses = []
    for _ in range(5):
        work_off(queues)
        row = LedgerRow.get(LedgerRow.kind == Kind.COVER, LedgerRow.entity_type == EntityType.ALBUM)
        assert row.state == State.WAITING
        pauses.append(round((row.look_again_at - utc_now()) / timedelta(minutes=15)))
        LedgerRow.update(look_again_at=utc_now()).where(LedgerRow.cause.is_null(False)).execute()
        assert reconcile()
    assert pauses == [1, 1, 1, 2, 2]


@ON_SQLITE
def test_a_root_that_goes_away_while_its_files_are_read_ends_the_scan_and_files_no_problem(
    scan: Scan, queues: redis.Redis, music: Path
) -> None:
    scan_id = enqueue_scan(music)
    FleetWorker("tests-1", ["scan"], queues).work(burst=True, logging_level="WARNING")
    away = music.rename(music.with_name(HIDDEN))
    work_off(queues)
    assert ScanRow.get_by_id(scan_id).fault.startswith(f"root {music.resolve()} is away")
    assert not Problem.select().exists()
    away.rename(music)
    scan()
    assert len(content()["tracks"]) == 2


@ON_SQLITE
@pytest.mark.parametrize("execution", Execution)
def test_what_an_unwritable_store_keeps_from_being_stored_waits_wherever_its_job_runs(
    database: str, queues: redis.Redis, music: Path, data_dir: Path, execution: Execution
) -> None:
    images = data_dir / "images"
    images.write_bytes(b"no folder")
    take_in(queues, music)
    for _ in range(4):
        worker = FleetWorker("tests-1", ["deferred_covers"], queues, execution=execution)
        worker.work(burst=True, logging_level="ERROR")
        run_later_ones(queues)
    assert waiting() == [(Cause.UNWRITABLE, str(images))]
    assert Cover.select().count() == 0
    queues.flushall()
    images.unlink()
    enqueue_scan(music)
    work_off(queues)
    assert states() <= {State.DONE, State.NONE}
    assert Cover.select().exists()


def run_later_ones(queues: redis.Redis) -> None:
    """Have jobs that wait for another attempt run now."""
    queue = dispatch.queue("deferred_covers")
    for job_id in queue.scheduled_job_registry.get_job_ids():
        queue.scheduled_job_registry.remove(job_id)
        queues.rpush(queue.key, job_id)


@pytest.mark.parametrize("how", ["gone", "empty"])
@ON_SQLITE
def test_a_share_below_a_root_that_is_away_loses_nothing(
    scan: Scan, queues: redis.Redis, music: Path, how: str
) -> None:
    write_track(music / "Local" / "Other" / "1.mp3", title="Local", artist="Local", album="Other")
    share = music / "Somebody"
    scan()
    ScanRow.update(mounts=[str(share)]).execute()  # as it is where that is a mount point
    before = content()
    away = share.rename(music.with_name(HIDDEN))
    if how == "empty":
        share.mkdir()
    needs_again()
    work_off(queues)
    assert waiting() == [(Cause.ROOT_AWAY, str(share))]
    for _ in range(2):
        scan()
        [problem] = Problem.select()
        assert (problem.path, problem.message.partition(":")[0]) == (str(share), "cannot be listed")
        assert content() == {**before, "problems": content()["problems"]}
    if how == "empty":
        share.rmdir()
    away.rename(share)
    scan()
    assert content() == before
    assert states() <= {State.DONE, State.NONE}


@ON_SQLITE
def test_what_is_mounted_below_a_root_is_noted_by_its_scans(
    scan: Scan, music: Path, tmp_path: Path
) -> None:
    disk, place = tmp_path / "disk", music / "Disk"
    write_track(disk / "1.mp3", title="There")
    place.mkdir()
    if subprocess.run(
        ["mount", "--bind", disk, place],  # noqa: S607  # wherever it is
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("this user may not mount anything")
    try:
        scan()
        assert scans.mounts() == [str(place)]
    finally:
        subprocess.run(["umount", place], check=True)  # noqa: S607  # as above
    scan()
    assert Track.get(Track.title == "There").missing_since is None
    assert scans.mounts() == [str(place)]
