"""What an attempt of a job may lease and settle, and what becomes of the rest."""

import pytest

from db import ledger
from db.ledger import Attempt, Settled
from db.library import tracks
from db.models import EntityType, Kind, LedgerRow, State
from db.sql.connection import transaction

pytestmark = pytest.mark.usefixtures("database")


def ask(*track_ids: int) -> None:
    with transaction():
        tracks.upsert([track_row(track_id) for track_id in track_ids])
        ledger.need(Kind.COVER, EntityType.TRACK, track_ids)


def track_row(track_id: int) -> dict[str, object]:
    fixed = {"codec": "flac", "container": "flac", "size": 0, "mtime_ns": 0, "content_id": ""}
    place = {"path": f"/music/{track_id}", "part": 0, "folder": "/music", "group_folder": "/music"}
    return {"id": track_id, **place, **fixed}


def begin(holder: str, *track_ids: int) -> Attempt:
    return ledger.lease(Kind.COVER, EntityType.TRACK, track_ids, holder)


def states() -> list[State]:
    return [State(row.state) for row in LedgerRow.select().order_by(LedgerRow.entity_id)]


def test_what_is_settled_or_leased_to_another_is_not_leased() -> None:
    ask(1, 2, 3)
    first = begin("one:1", 1)
    with first.settling():
        first.settle([Settled(1, State.DONE)])
    begin("two:1", 2)
    assert begin("three:1", 1, 2, 3, 4).leased == [3]


def test_another_attempt_of_the_same_job_takes_over() -> None:
    ask(1)
    first = begin("job:1", 1)
    second = begin("job:2", 1)
    assert second.leased == [1]
    with first.settling() as mine:
        assert mine == set()
        first.settle([Settled(1, State.NONE, "nothing")])
    assert states() == [State.LEASED]
    with second.settling() as mine:
        assert mine == {1}
        second.settle([Settled(1, State.DONE)])
    assert states() == [State.DONE]


def test_what_is_asked_for_anew_belongs_to_nobody() -> None:
    ask(1, 2)
    attempt = begin("job:1", 1, 2)
    ask(1)
    with attempt.settling() as mine:
        assert mine == {2}
        attempt.settle([Settled(1, State.DONE), Settled(2, State.DONE)])
    assert states() == [State.TODO, State.DONE]


def test_some_may_be_settled_before_the_others() -> None:
    ask(1, 2)
    attempt = begin("job:1", 1, 2)
    with attempt.settling([1]) as mine:
        assert mine == {1}
        attempt.settle([Settled(1, State.FAILED, "damaged")])
    assert states() == [State.FAILED, State.LEASED]
    ledger.release("job")
    assert states() == [State.FAILED, State.TODO]


def test_what_fails_half_way_settles_nothing_and_keeps_its_leases() -> None:
    ask(1, 2)
    attempt = begin("job:1", 1, 2)

    def settle_and_fail() -> None:
        with attempt.settling():
            attempt.settle([Settled(1, State.DONE)])
            raise LookupError

    with pytest.raises(LookupError):
        settle_and_fail()
    assert states() == [State.LEASED, State.LEASED]


def test_what_does_not_exist_is_not_leased_and_leaves_no_row() -> None:
    ask(1)
    with transaction():
        ledger.need(Kind.COVER, EntityType.TRACK, [99_999_999])
    assert begin("job:1", 1, 99_999_999).leased == [1]
    assert [row.entity_id for row in LedgerRow.select()] == [1]
