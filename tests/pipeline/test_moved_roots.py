"""A library that is found at another place is the same library."""

import json
import shutil
from pathlib import Path

import pytest

from db.maintenance import library_roots
from db.models import Album, ArtistPicture, Cover, Fact, FolderImage, Problem, Track
from db.models import Scan as ScanRow
from db.scanning import roots, scans
from db.sql.queries import tuples
from jobs import maintenance
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.tables import content
from tests.pipeline.test_rescan import fresh, ids, last_scan, make_albums
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.status.scan_progress import Follower


def elsewhere(library: Path) -> Path:
    """Where the library is from now on."""
    return library.rename(library.parent / "new mount")


def by_place(root: Path) -> dict[str, int]:
    """The ids of tracks and albums by their path below a root."""
    return {name.replace(str(root), ""): number for name, number in ids().items()}


def said() -> list[str]:
    """What the last scan says of copies."""
    return Follower([last_scan().id]).summary(1.0).doubles


def test_a_root_that_moved_keeps_its_rows_and_no_file_is_read(scan: Scan, library: Path) -> None:
    make_albums(library)
    write_track(library / "Nobody" / "1.mp3", title="Nobody's", album="Whose")
    (library / "broken.mp3").write_bytes(b"no music")
    scan()
    Album.update(added_at="2020-01-01 00:00:00").execute()
    Fact.create(entity_type="album", entity_id=1, field="about", value="x", source="y", score=1.0)
    before = by_place(library)
    new = elsewhere(library)
    scan(new)
    found = last_scan()
    assert by_place(new) == before
    assert (found.former_root, found.moved, found.unchanged) == (str(library), 10, 11)
    assert (found.new, found.changed, found.missing) == (0, 0, 0)
    assert scans.roots() == [str(new)]
    assert {str(each.added_at) for each in Album.select()} == {"2020-01-01 00:00:00"}
    for table, column in (
        (FolderImage, FolderImage.folder),
        (ArtistPicture, ArtistPicture.path),
        (Problem, Problem.path),
        (Cover, Cover.source_path),
    ):
        assert all(path.startswith(f"{new}/") for (path,) in tuples(table.select(column)))
    assert content() == fresh(lambda: scan(new))


@ON_SQLITE
@pytest.mark.parametrize("inside", ["", "music"])
def test_a_root_whose_mount_point_stays_is_found_too(
    scan: Scan, library: Path, tmp_path: Path, inside: str
) -> None:
    make_albums(library)
    scan()
    before = by_place(library)
    place = tmp_path / "nas" / inside
    shutil.copytree(library, place)
    shutil.rmtree(library)
    library.mkdir()
    scan(tmp_path / "nas")
    assert by_place(place) == before


@ON_SQLITE
def test_a_second_copy_is_taken_in_and_named(scan: Scan, library: Path) -> None:
    make_albums(library)
    scan()
    before = ids()
    copy = shutil.copytree(library, library.parent / "copy")
    scan(copy)
    assert before.items() <= ids().items()
    assert last_scan().new == 9
    assert said() == [
        f"about 100% of {copy} is also below {library}, which is there too: the library has both"
    ]


def test_a_root_that_moved_and_was_put_in_order_becomes_one_by_a_command(
    scan: Scan, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_albums(library)
    scan()
    before = {track.title: track.id for track in Track.select()}
    new = elsewhere(library)
    for number, file in enumerate(sorted(new.rglob("*.*"))):
        if file.suffix in {".mp3", ".flac", ".ogg"}:
            (new / f"{number % 3}").mkdir(exist_ok=True)
            file.rename(new / f"{number % 3}" / file.name)
    scan(new)
    assert last_scan().new == 9
    (copies,) = said()
    assert f"`fleet root move {library} '{new}'` makes one of both" in copies
    assert run(["root", "move", "--yes", str(library), str(new)]) == ExitCode.OK
    scan(new)
    assert {track.title: track.id for track in Track.select()} == before
    assert scans.roots() == [str(new)]
    assert content() == fresh(lambda: scan(new))


def test_a_library_that_was_doubled_becomes_one_by_a_command(scan: Scan, library: Path) -> None:
    make_albums(library)
    scan()
    before = by_place(library)
    new = Path(shutil.copytree(library, library.parent / "new mount"))
    scan(new)
    shutil.rmtree(library)
    assert run(["root", "move", "--yes", str(library), str(new)]) == ExitCode.OK
    scan(new)
    assert by_place(new) == before


def test_a_forgotten_root_takes_along_what_is_known_of_it(scan: Scan, library: Path) -> None:
    make_albums(library)
    scan()
    other = library.parent / "other"
    write_track(other / "1.mp3", title="Stays", album="Stays")
    scan(other)
    shutil.rmtree(library)
    assert run(["root", "forget", "--yes", str(library)]) == ExitCode.OK
    left = content(present_only=False)
    assert [track.title for track in Track.select()] == ["Stays"]
    assert scans.roots() == [str(other)]
    assert left == fresh(lambda: scan(other))


def test_a_root_that_is_scanned_while_it_is_being_forgotten_is_one_again(
    scan: Scan, library: Path
) -> None:
    make_albums(library)
    scan()
    before = ids()
    assert library_roots.forget(str(library), 0) == 0  # its time was over at once
    assert (scans.roots(), roots.being_forgotten()) == ([], [str(library)])
    scan()
    assert (scans.roots(), roots.being_forgotten()) == ([str(library)], [])
    assert maintenance.forget_roots() == 0
    assert ids() == before


@ON_SQLITE
def test_roots_are_listed_with_their_state(
    scan: Scan, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_albums(library)
    scan()
    shutil.rmtree(library)
    assert run(["root", "list", "--json"]) == ExitCode.OK
    (row,) = json.loads(capsys.readouterr().out)["roots"]
    assert (row["path"], row["tracks"], row["missing"]) == (str(library), 9, 0)
    assert "not there" in row["state"]


@ON_SQLITE
def test_what_a_root_cannot_be_moved_to_is_refused(
    scan: Scan, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_albums(library)
    scan()
    strange = library.parent / "strange"
    write_track(strange / "1.mp3", title="Strange")
    for arguments, says in (
        (["move", str(library), str(strange)], "none of the files"),
        (["move", str(library), str(library / "Bare")], "lies in the other"),
        (["move", str(strange), str(library)], "is no root"),
        (["forget", str(strange)], f"did you mean {library}?"),
        (["add", str(library)], "is a root already"),
    ):
        assert run(["root", *arguments]) == ExitCode.BAD_INPUT
        assert says in capsys.readouterr().err
    assert ScanRow.select().count() == 1
