"""A supervised fleet that watches takes in what happens by itself."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from db.sql.connection import close_database, open_database
from tests.databases import open_sqlite
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import picture, write_track
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from tests.waiting import until
from worker import dispatch

ALBUMS, TRACKS = 20, 10


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one album, that is watched."""
    root = tmp_path_factory.mktemp("watched").resolve() / "music"
    write_track(root / "First" / "1.ogg", pitch=900, title="First", artist="A", album="First")
    return root


@pytest.fixture(scope="module")
def fleet(music: Path) -> Iterator[FleetCommand]:
    """A fleet that watches the root, and has scanned it."""
    fleets = new_fleet()
    fleet = next(fleets)
    fleet.environment |= {"FLEET_WATCH": str(music), "FLEET_WATCH_QUIET": "0.5"}
    started = fleet("up")
    assert started.returncode == 0, started.stderr
    until(lambda: is_settled(fleet, music))
    yield fleet
    next(fleets, None)


@pytest.fixture(scope="module")
def albums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred tracks of twenty albums, elsewhere."""
    folder = tmp_path_factory.mktemp("albums")
    for album in range(ALBUMS):
        for number in range(TRACKS):
            write_track(
                folder / f"Album {album}" / f"{number}.{('ogg', 'flac')[album % 2]}",
                pitch=200 + 5 * album,
                title=f"Song {number} of {album}",
                artist=f"Artist {album % 3}",
                album=f"Album {album}",
                tracknumber=number + 1,
            )
        (folder / f"Album {album}" / "cover.jpg").write_bytes(picture("red", (50 + album, 60)))
    return folder


def query(fleet: FleetCommand, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(fleet.data_dir / "library.db")) as connection:
        return connection.execute(sql).fetchall()


def is_settled(fleet: FleetCommand, music: Path) -> bool:
    """Whether what is there is known as it is, and nothing more is to be done."""
    known = query(fleet, "SELECT path, size, mtime_ns FROM tracks WHERE missing_since IS NULL")
    known += query(fleet, "SELECT path, size, mtime_ns FROM folder_images")
    there = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for file in music.rglob("*.*")
        if file.is_file()
    ]
    left = query(fleet, "SELECT 1 FROM scans WHERE finished_at IS NULL") + query(
        fleet, "SELECT 1 FROM ledger WHERE state IN ('todo', 'leased') AND kind = 'cover'"
    )
    return sorted(known) == sorted(there) and not left


def copy_slowly(source: Path, target: Path) -> None:
    """Copy a folder, each file in three pieces."""
    target.mkdir()
    for file in sorted(source.iterdir()):
        text = file.read_bytes()
        third = len(text) // 3
        with (target / file.name).open("wb", buffering=0) as copy:
            for piece in (text[:third], text[third : 2 * third], text[2 * third :]):
                copy.write(piece)
                time.sleep(0.002)


def ids(fleet: FleetCommand) -> dict[object, object]:
    return dict(query(fleet, "SELECT path, id FROM tracks"))


def test_what_is_copied_renamed_replaced_and_removed_is_known_as_after_a_fresh_scan(
    fleet: FleetCommand,
    music: Path,
    albums: Path,
    queues: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for album in sorted(albums.iterdir()):
        copy_slowly(album, music / album.name)
    until(lambda: is_settled(fleet, music))
    before = ids(fleet)
    (music / "Album 0").rename(music / "Renamed")
    for album in range(1, ALBUMS):
        folder = music / f"Album {album}"
        first = next(folder.glob("1.*"))
        first.rename(first.with_stem("Renamed"))
        third = next(folder.glob("3.*"))
        new = write_track(folder / f".new{third.suffix}", title="Replaced", album="Replaced")
        new.replace(third)
        next(folder.glob("5.*")).unlink()
    (music / "Album 2" / "cover.jpg").unlink()
    (music / "Album 4" / "cover.jpg").write_bytes(picture("blue"))
    until(lambda: is_settled(fleet, music))
    after = ids(fleet)
    assert after[str(music / "Renamed" / "7.ogg")] == before[str(music / "Album 0" / "7.ogg")]
    assert (
        after[str(music / "Album 3" / "Renamed.flac")] == before[str(music / "Album 3" / "1.flac")]
    )
    open_database(f"sqlite:///{fleet.data_dir}/library.db")
    watched = content()
    close_database()
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    open_sqlite()
    dispatch.enqueue("scan.discovery", root=str(music))
    work_off(queues)
    assert watched == content()


def test_only_what_changed_is_looked_at(fleet: FleetCommand, music: Path) -> None:
    write_track(music / "First" / "2.ogg", pitch=910, title="Second", artist="A", album="First")
    until(lambda: is_settled(fleet, music))
    scope, found = query(fleet, "SELECT scope, found FROM scans ORDER BY id DESC LIMIT 1")[0]
    assert json.loads(str(scope)) == {"folders": [str(music / "First")], "trees": []}
    assert found == 2


def test_a_root_that_is_away_for_a_while_loses_nothing(fleet: FleetCommand, music: Path) -> None:
    known = query(fleet, "SELECT COUNT(*) FROM tracks WHERE missing_since IS NULL")
    away = music.with_name("away")
    music.rename(away)
    music.mkdir()
    until(lambda: "its disk mounted?" in fleet("watch").stdout)
    write_track(away / "Meanwhile" / "1.ogg", pitch=920, title="Meanwhile")
    assert query(fleet, "SELECT COUNT(*) FROM tracks WHERE missing_since IS NULL") == known
    music.rmdir()
    away.rename(music)
    until(lambda: is_settled(fleet, music))
    assert query(fleet, "SELECT COUNT(*) FROM tracks WHERE missing_since NOT NULL") == [(19,)]


def test_a_watcher_that_was_killed_takes_in_what_it_missed(
    fleet: FleetCommand, music: Path
) -> None:
    pid, _ = json.loads((fleet.data_dir / "run" / "watch.json").read_text())
    os.kill(pid, 9)
    shutil.rmtree(music / "Album 9")
    until(lambda: is_settled(fleet, music))


def test_a_name_that_is_no_utf_8_is_taken_in_too(fleet: FleetCommand, music: Path) -> None:
    song = (music / "First" / "1.ogg").read_bytes()
    with open(os.fsencode(music) + b"/First/caf\xe9.ogg", "wb") as file:
        file.write(song)
    sql = "SELECT 1 FROM tracks WHERE path LIKE '%/caf%.ogg'"
    until(lambda: bool(query(fleet, sql)))


def test_the_watcher_is_light(fleet: FleetCommand) -> None:
    pid, _ = json.loads((fleet.data_dir / "run" / "watch.json").read_text())
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 60 * 1024, resident


def test_fleet_watch_says_how_each_root_is_watched(fleet: FleetCommand, music: Path) -> None:
    until(lambda: f"{music} is watched" in fleet("watch").stdout)
    rows = json.loads(fleet("watch", "--json").stdout)["folders"]
    assert [(row["root"], row["how"]) for row in rows] == [(str(music), "inotify")]
