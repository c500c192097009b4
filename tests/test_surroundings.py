"""Causes of the surroundings: each has its policy, and what an error of the system means."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from rq.serializers import JSONSerializer

from db import ledger
from db.ledger import POLICIES, Cause, Obstacle, Settled
from db.ledger.surroundings import Waker
from db.models import EntityType, Kind, LedgerRow, Scan, State, utc_now
from db.scanning import problems, roots
from db.sql.connection import transaction
from jobs.covers import folder_images
from jobs.pictures.errors import Fault
from tests.covers.library import Library, paint
from tests.databases import ON_SQLITE
from worker import dispatch
from worker.process.fleet_job import FleetJob
from worker.process.horse import Horse, Raised

MUSIC = "/music"
NUMBERS = [
    (number, cause) for cause, policy in POLICIES.items() for number in sorted(policy.errors)
]


@pytest.fixture
def album(tmp_path: Path, database: str) -> int:
    """An album whose cover is needed."""
    Scan.create(root=MUSIC)
    return Library(tmp_path).album("A")


def hold_up(album: int, cause: Cause) -> None:
    attempt = ledger.lease(Kind.COVER, EntityType.ALBUM, [album], "job:1")
    with attempt.settling():
        attempt.settle([Settled.held_up(album, Obstacle(cause, MUSIC), "why")])


def state() -> str:
    return str(LedgerRow.get(LedgerRow.kind == Kind.COVER).state)


@pytest.mark.parametrize("cause", Cause)
def test_what_a_cause_keeps_from_being_done_has_a_date_and_is_one_line(
    album: int, cause: Cause
) -> None:
    policy = POLICIES[cause]
    hold_up(album, cause)
    row = LedgerRow.get()
    assert (row.state, row.cause, row.place, row.reason) == (policy.state, cause, MUSIC, "why")
    assert utc_now() < row.look_again_at <= utc_now() + policy.longest
    [line] = ledger.waiting()
    assert line.text.endswith(": 1 item waits")
    assert not {"{", "}"} & set(line.text + line.obstacle.remedy)
    assert line.obstacle.remedy
    listed = [(each.path, each.code) for each in problems.of_surroundings()]
    assert listed == ([] if policy.is_expected else [(MUSIC, cause)])


def test_many_files_that_cannot_be_read_for_one_reason_are_one_line(database: str) -> None:
    reason = "the file cannot be read: Input/output error"
    paths = [f"{MUSIC}/disk/{each}/a.flac" for each in range(25)]
    failed = [(path, problems.Stage.READING, "unreadable", reason) for path in paths]
    other = problems.FileProblem(f"{MUSIC}/b.flac", problems.Stage.READING, "unreadable", "other")
    problems.record([other, *(problems.FileProblem(*each) for each in failed)])
    [line] = problems.of_surroundings(f"{MUSIC}/disk/3")
    assert (line.path, line.message[:16]) == (f"{MUSIC}/disk", "25 files below: ")
    assert reason in line.message
    assert problems.of_surroundings("/usr") == []
    assert [each.path for each in problems.listed(one_by_one=False)] == [other.path]
    assert len(problems.listed()) == 26


@pytest.mark.parametrize("cause", Cause)
def test_what_a_cause_keeps_from_being_done_is_woken_as_its_policy_says(
    album: int, cause: Cause
) -> None:
    waker = POLICIES[cause].woken_by
    hold_up(album, cause)
    assert ledger.wake_at("/other") == 0
    woken = ledger.wake_at(f"{MUSIC}/part")
    assert woken == (waker is Waker.SCAN_OF_PLACE)
    if not woken:
        woken = ledger.wake_failed()
        assert woken == (waker is Waker.ANY_SCAN)
    assert state() == (State.TODO if woken else POLICIES[cause].state)
    if not woken:
        LedgerRow.update(look_again_at=utc_now() - timedelta(seconds=1)).execute()
        assert ledger.wake_due() == 1
    row = LedgerRow.get()
    assert (row.state, row.cause, row.place, row.look_again_at) == (State.TODO, None, None, None)


@pytest.mark.parametrize("cause", Cause)
def test_a_job_that_a_cause_ends_has_its_needs_wait(album: int, cause: Cause) -> None:
    ledger.lease(Kind.COVER, EntityType.ALBUM, [album], "job:1")
    ledger.give_up("job", "why", again=True, obstacle=Obstacle(cause, MUSIC))
    assert state() == POLICIES[cause].state
    assert [each.obstacle for each in ledger.waiting()] == [Obstacle(cause, MUSIC)]


def test_each_cause_has_a_policy_and_no_error_number_means_two() -> None:
    assert set(POLICIES) == set(Cause)
    assert len(dict(NUMBERS)) == len(NUMBERS)


@ON_SQLITE
@pytest.mark.parametrize(("number", "cause"), NUMBERS)
def test_an_error_number_means_its_cause_at_the_root_of_the_file(
    album: int, number: int, cause: Cause
) -> None:
    assert roots.obstacle(f"{MUSIC}/A/1.flac", number) == Obstacle(cause, MUSIC)
    error = OSError(number, os.strerror(number), f"{MUSIC}/1.flac")
    assert ledger.obstacle_of(error) == Obstacle(cause, MUSIC)


@ON_SQLITE
def test_errors_of_the_item_have_no_cause(album: int) -> None:
    for number in (errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, None):
        assert roots.obstacle(f"{MUSIC}/A/1.flac", number) is None
    for error in (ValueError("damaged"), OSError("image file is truncated"), LookupError()):
        assert ledger.obstacle_of(error) is None
    assert ledger.obstacle_of(ConnectionResetError(errno.ECONNRESET, "reset by peer")) is None


@ON_SQLITE
def test_what_lies_in_the_data_folder_is_one_place(album: int, data_dir: Path) -> None:
    for name in ("library.db", "images/originals/ab/cd/abcd"):
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(data_dir / name))
        assert ledger.obstacle_of(error) == Obstacle(Cause.NO_SPACE, str(data_dir))


@ON_SQLITE
def test_a_picture_that_may_not_be_read_or_finds_no_free_descriptor_waits(
    tmp_path: Path, database: str
) -> None:
    Scan.create(root=str(tmp_path))
    picture = tmp_path / "A" / "cover.jpg"
    picture.parent.mkdir()
    picture.write_bytes(paint("red"))
    with no_more_descriptors():
        assert cause_of_reading(picture) == Obstacle(Cause.LIMIT_REACHED, str(tmp_path))
    with somebody_else(picture.parent):
        assert cause_of_reading(picture) == Obstacle(Cause.NO_PERMISSION, str(tmp_path))
    assert folder_images.read(str(picture), str(tmp_path)) == paint("red")


def test_a_job_for_which_no_child_can_be_forked_fails_for_its_surroundings_and_has_not_died(
    queues: redis.Redis,
) -> None:
    from jobs import maintenance  # noqa: F401, PLC0415  # importing needs descriptors too

    job_id = dispatch.enqueue("maintenance.cleanup_expired_tasks")
    job = FleetJob.fetch(job_id, connection=queues, serializer=JSONSerializer)
    with no_more_descriptors():
        outcome = Horse(None, lambda: None).run(job)
    assert isinstance(outcome, Raised)
    assert outcome.obstacle == Obstacle(Cause.LIMIT_REACHED)


def cause_of_reading(picture: Path) -> Obstacle | None:
    found = folder_images.read(str(picture), "/")
    assert isinstance(found, Fault)
    return found.obstacle


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def somebody_else(folder: Path) -> Iterator[None]:
    """Only others may enter the folder; root becomes one who may not."""
    folder.chmod(0o000)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_what_waits_elsewhere_is_left_alone_by_a_scan(album: int, tmp_path: Path) -> None:
    other = Library(tmp_path).album("B")
    hold_up(album, Cause.ROOT_AWAY)
    attempt = ledger.lease(Kind.COVER, EntityType.ALBUM, [other], "job:2")
    with attempt.settling():
        attempt.settle([Settled.held_up(other, Obstacle(Cause.ROOT_AWAY, "/other"), "why")])
    with transaction():
        assert ledger.wake_at(MUSIC) == 1
    assert [each.obstacle.place for each in ledger.waiting()] == ["/other"]
