"""`fleet scan` and its neighbours, as their user meets them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import picture, write_track
from tests.waiting import PATIENCE, until
from worker.errors import ExitCode


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    """One fleet for the tests of this file."""
    yield from new_fleet()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album with a cover, and beside it a copy whose name is no UTF-8."""
    root = tmp_path_factory.mktemp("small") / "music"
    for number in (1, 2):
        write_track(
            root / "Artist" / "Album" / f"{number}.mp3",
            [picture("red")],
            pitch=300 + number,
            title=f"Song {number}",
            artist="Artist",
            album="Album",
        )
    song = (root / "Artist" / "Album" / "2.mp3").read_bytes()
    with open(os.fsencode(root) + b"/caf\xe9.mp3", "wb") as file:
        file.write(song)
    return root


def query(fleet: FleetCommand, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(fleet.data_dir / "library.db")) as connection:
        return connection.execute(sql).fetchall()


def wait_for(fleet: FleetCommand, sql: str) -> None:
    """Wait until the query has a row."""
    until(lambda: query(fleet, sql), sql)


def test_a_scan_fills_the_tables_that_others_query(fleet: FleetCommand, small: Path) -> None:
    ended = fleet("scan", "--json", str(small))
    assert ended.returncode == ExitCode.OK, ended.stderr
    summary = json.loads(ended.stdout)
    assert (summary["new"], summary["albums"], summary["unreadable"]) == (3, 2, 0)
    covers = query(fleet, "SELECT entity_type, COUNT(*) FROM covers GROUP BY entity_type")
    assert covers == [("album", 2), ("track", 3)]
    (digest,) = query(fleet, "SELECT digest FROM images")[0]
    assert len(list((fleet.data_dir / "images").rglob(f"{digest}*"))) == 2


def test_a_second_scan_finds_nothing_new(fleet: FleetCommand, small: Path) -> None:
    ended = fleet("scan", str(small))
    assert "0 new, 0 changed, 0 moved, 0 missing, 0 unreadable" in ended.stdout


def test_a_dry_run_tells_and_changes_nothing(
    fleet: FleetCommand, small: Path, tmp_path: Path
) -> None:
    write_track(tmp_path / "1.mp3", title="New")
    before = query(fleet, "SELECT * FROM tracks") + query(fleet, "SELECT * FROM scans")
    ended = fleet("scan", "--dry-run", str(tmp_path))
    assert "1 new" in ended.stdout
    assert query(fleet, "SELECT * FROM tracks") + query(fleet, "SELECT * FROM scans") == before


def test_the_status_counts_what_is_done_and_who_consumes(fleet: FleetCommand) -> None:
    status = json.loads(fleet("status", "--json").stdout)
    assert status["library"]["tracks"] == 3
    assert {each["to_do"] for each in status["work"]} == {0}
    assert all(queue["consumers"] for queue in status["queues"])


def test_the_doctor_finds_a_sound_fleet_sound(fleet: FleetCommand) -> None:
    ended = fleet("doctor", "--json")
    findings = json.loads(ended.stdout)["findings"]
    assert [each for each in findings if each["severity"] != "ok"] == []
    assert ended.returncode == ExitCode.OK


def test_an_enqueued_job_is_run(fleet: FleetCommand) -> None:
    ended = fleet("enqueue", "covers.process_album_covers", "--all")
    assert ended.returncode == ExitCode.OK
    assert len(ended.stdout.split()) == 1
    until(lambda: not json.loads(fleet("status", "--json").stdout)["work"][2]["to_do"])


@pytest.mark.skipif("coverage" in sys.modules, reason="measuring coverage takes memory too")
def test_an_idle_light_worker_stays_under_60_mib(fleet: FleetCommand) -> None:
    most = 60 if sys.version_info < (3, 14) else 70  # code and types of 3.14 take 6 MiB more
    lock = fleet.data_dir / "run" / "slots" / "metadata-1.lock"
    status = Path(f"/proc/{lock.read_text().split()[0]}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < most * 1024


def test_ctrl_c_leaves_the_work_to_the_fleet(
    fleet: FleetCommand, music: Path, tmp_path: Path
) -> None:
    fleet("up")
    fleet("queue", "pause", "extract")  # or the scan might end before it is interrupted
    try:
        scan = fleet.start("scan", "--deep", str(music))
        wait_for(fleet, "SELECT * FROM scans WHERE finished_at IS NULL")
        scan.send_signal(signal.SIGINT)
        _, talk = scan.communicate(timeout=PATIENCE)
    finally:
        fleet("queue", "resume", "extract")
    assert scan.returncode == ExitCode.INTERRUPTED
    assert "fleet status --watch" in talk
    wait_for(fleet, "SELECT COUNT(*) AS n FROM scans WHERE finished_at IS NULL HAVING n = 0")
    assert query(fleet, "SELECT COUNT(*) FROM tracks") == [(403,)]


def test_a_scan_that_is_cancelled_ends_for_all_who_wait_for_it(
    fleet: FleetCommand, music: Path
) -> None:
    fleet("queue", "pause", "extract")
    try:
        scan = fleet.start("scan", "--deep", str(music))
        wait_for(fleet, "SELECT * FROM scans WHERE finished_at IS NULL AND walked_at NOT NULL")
        assert fleet("scan", "--cancel", str(music)).returncode == ExitCode.OK
        _, talk = scan.communicate(timeout=PATIENCE)
    finally:
        fleet("queue", "resume", "extract")
    assert scan.returncode == ExitCode.CANCELLED
    assert "the scan was cancelled; what it took in stays" in talk
    assert query(fleet, "SELECT COUNT(*) FROM tracks WHERE missing_since IS NULL") == [(403,)]


def test_a_scan_whose_covers_nobody_makes_any_more_says_so_and_ends(
    fleet: FleetCommand, music: Path
) -> None:
    scan = fleet.start("scan", "--deep", str(music))
    conf = str(fleet.data_dir / "supervisord.conf")
    supervisorctl = [sys.executable, "-m", "supervisor.supervisorctl", "-c", conf]
    wait_for(fleet, "SELECT * FROM scans WHERE deep AND finished_at IS NULL")
    subprocess.run([*supervisorctl, "stop", "covers-1"], check=True, capture_output=True)
    _, talk = scan.communicate(timeout=PATIENCE)
    assert scan.returncode == ExitCode.FLEET_FAILED
    assert "the queue deferred_covers holds jobs, and no live worker consumes it" in talk
    assert "that no live worker consumes" in fleet("doctor").stdout
    assert fleet("scan", str(music)).returncode == ExitCode.PROBLEMS


def test_problems_lists_what_could_not_be_read(fleet: FleetCommand, music: Path) -> None:
    problems = json.loads(fleet("problems", "--json").stdout)["problems"]
    assert [Path(each["path"]).name for each in problems] == ["broken.mp3"]
    assert fleet("problems", str(music)).stdout.count("\n") == 2
