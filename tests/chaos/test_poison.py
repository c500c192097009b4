"""What kills the processes that work on it is found, named and left alone; the rest is done."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import ledger
from db.models import State, Track
from db.sql.path_text import to_text
from tests.chaos.albums import write_album, write_albums
from tests.chaos.chaos_fleet import ChaosFleet, chaos_fleet, open_needs, wait_for
from worker.errors import ExitCode

POISON = {"This one crashes": "SIGSEGV", "This one eats": "memory", "This one hangs": "timeout"}
READING, GROUPING = "metadata.extract_batch", "batch.process_entities"
COVERS = "covers.process_track_covers_batch"


@pytest.fixture(scope="module")
def running() -> Iterator[ChaosFleet]:
    """A fleet whose workers give two seconds to a file."""
    with chaos_fleet(CHAOS_FILE_SECONDS="2") as started:
        started.up()
        yield started


@pytest.fixture(scope="module")
def library(running: ChaosFleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty files, three of them poison, after a scan."""
    folder = write_albums(tmp_path_factory.mktemp("music"), "poisoned", 12, 5)
    for number, name in enumerate(POISON):
        album = folder / f"poisoned-{5 * number:03}"
        (album / f"{album.name} 1.mp3").rename(album / f"{name}.mp3")
    ended = running.command("scan", str(folder))
    assert ended.returncode == ExitCode.PROBLEMS, ended.stderr
    return folder


def quarantined() -> dict[str, tuple[str, str]]:
    """Stage and signal of what is quarantined, by the path of the file."""
    return {row.path or "": (row.stage or "", row.signal or "") for row in ledger.quarantined()}


def tracks_in(folder: Path) -> int:
    """How many tracks of a folder were taken in."""
    return int(Track.select().where(Track.path.startswith(to_text(bytes(folder)))).count())


def test_the_rest_of_a_library_with_poison_is_taken_in(fleet: ChaosFleet, library: Path) -> None:
    assert tracks_in(library) == 60 - len(POISON)
    assert open_needs() == 0


def test_poison_files_are_quarantined_with_what_they_did(fleet: ChaosFleet, library: Path) -> None:
    found = {Path(path).stem: cause for path, cause in quarantined().items()}
    assert found == {name: (READING, how) for name, how in POISON.items()}


@pytest.mark.parametrize("command", ["problems", "doctor"])
def test_poison_files_are_named(fleet: ChaosFleet, library: Path, command: str) -> None:
    said = fleet.command(command).stdout
    assert [name for name in POISON if name not in said] == []


def test_a_track_that_kills_every_horse_is_left_out(fleet: ChaosFleet, library: Path) -> None:
    tracks = list(Track.select().order_by(Track.id))
    killer = tracks[31]
    fleet.orders.give("started", COVERS, act="die", item=killer.id, again=True)
    assert fleet.command("enqueue", COVERS, "--all").returncode == ExitCode.OK
    wait_for(lambda: not open_needs(), "end of the covers")
    assert quarantined()[killer.path] == (COVERS, "SIGKILL")
    states = next(counts for need, counts in ledger.counts().items() if need.job == COVERS)
    assert states == Counter({State.DONE: len(tracks) - 1, State.QUARANTINED: 1})
    assert f"{len(POISON) + 1} items quarantined" in fleet.command("doctor").stdout


def test_a_file_that_kills_its_reader_is_left_out(fleet: ChaosFleet, tmp_path: Path) -> None:
    album = write_album(tmp_path, "deadly", 4)
    file = album / "This one kills the worker.mp3"
    (album / "deadly 2.mp3").rename(file)
    fleet.wait_until_scanned(fleet.scan(album))
    assert quarantined()[to_text(bytes(file))] == (READING, "SIGKILL")
    assert tracks_in(album) == 3


def test_a_file_that_kills_who_groups_it_is_left_out(fleet: ChaosFleet, tmp_path: Path) -> None:
    album = write_album(tmp_path, "odd", 2)
    path = to_text(bytes(album / "odd 1.mp3"))
    fleet.orders.give("started", GROUPING, act="die", item=path, again=True)
    fleet.wait_until_scanned(fleet.scan(album))
    assert quarantined()[path] == (GROUPING, "SIGKILL")
    assert tracks_in(album) == 1
