"""What changed is taken in when it is quiet, and what belongs together at once."""

from pathlib import Path

import pytest

from db.scanning.library_files import Scope
from watch.changes import Concern, Kind, Pending

QUIET = 10.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one album."""
    (tmp_path / "Album").mkdir()
    (tmp_path / "Album" / "1.flac").write_bytes(b"1")
    return tmp_path


@pytest.fixture
def pending(root: Path) -> Pending:
    """Nothing waits."""
    return Pending(str(root), QUIET)


def change(pending: Pending, path: Path, now: float, kind: Kind = Kind.FOLDER) -> None:
    pending.note(Concern(kind, str(path)), now)


def ready_at(pending: Pending, *moments: float) -> Scope | None:
    """What is ready at the last of these moments."""
    return [pending.ready(now) for now in moments][-1]


def test_a_folder_is_taken_in_once_nothing_changed_for_the_quiet_time(
    pending: Pending, root: Path
) -> None:
    change(pending, root / "Album", 0)
    assert ready_at(pending, 1, 6, 9) is None
    assert ready_at(pending, 10) == Scope.of([str(root / "Album")], [])


def test_a_half_copied_album_is_waited_for(pending: Pending, root: Path) -> None:
    change(pending, root / "Album", 0)
    change(pending, root / "Album", 8, Kind.ACTIVITY)
    assert ready_at(pending, 10, 13, 17) is None
    assert ready_at(pending, 18) is not None


def test_a_file_that_grows_unheard_is_waited_for(pending: Pending, root: Path) -> None:
    change(pending, root / "Album", 0)
    assert ready_at(pending, 6) is None
    (root / "Album" / "1.flac").write_bytes(b"12")
    assert ready_at(pending, 10, 15, 16, 19) is None
    assert ready_at(pending, 20) is not None


def test_a_folder_that_is_never_quiet_is_taken_in_at_last(pending: Pending, root: Path) -> None:
    for now in range(0, 1200, 5):
        change(pending, root / "Album", now)
        assert ready_at(pending, now + 1) is None
    change(pending, root / "Album", 1200)
    assert ready_at(pending, 1201) is not None


def test_what_is_gone_goes_with_the_first_that_is_quiet(pending: Pending, root: Path) -> None:
    change(pending, root / "Album", 0)
    ready_at(pending, 9)
    change(pending, root / "Old" / "1.flac", 9, Kind.TREE)
    assert ready_at(pending, 10) == Scope.of([str(root / "Album")], [str(root / "Old/1.flac")])


def test_a_folder_that_goes_takes_along_what_waits_below_it(pending: Pending, root: Path) -> None:
    change(pending, root / "Gone" / "CD1", 0)
    change(pending, root / "Gone", 1, Kind.TREE)
    assert ready_at(pending, 7, 11) == Scope.of([], [str(root / "Gone")])


def test_a_folder_that_came_brings_all_albums_below_it(pending: Pending, root: Path) -> None:
    (root / "New" / "One" / "CD1").mkdir(parents=True)
    (root / "New" / ".hidden").mkdir()
    change(pending, root / "New", 0, Kind.NEW_FOLDER)
    ready = ready_at(pending, 6, 10)
    assert ready == Scope.of([str(root / "New"), str(root / "New" / "One")], [])


def test_so_many_changes_that_some_may_be_lost_have_the_whole_root_looked_at(
    pending: Pending, root: Path
) -> None:
    for number in range(501):
        change(pending, root / str(number), 0)
    assert ready_at(pending, 6, 10) is None
    assert not pending.all_is_due(9)
    assert pending.all_is_due(10)


def test_what_was_sent_waits_no_more(pending: Pending, root: Path) -> None:
    change(pending, root / "Album", 0)
    scope = ready_at(pending, 6, 10)
    assert scope is not None
    pending.sent(scope)
    assert ready_at(pending, 20) is None
