"""The database keeps the sums of the ledger's rows, whoever writes them and however."""

import pytest

from db import ledger
from db.ledger import Cause
from db.models import EntityType, Kind, LedgerRow, LedgerSum, State
from db.models import database as connection

COVER = ledger.need_for(Kind.COVER, EntityType.TRACK)
KEY = {"kind": COVER.kind, "entity_type": COVER.entity_type}


def need(first: int, last: int) -> None:
    """Ask for `COVER` of these entities."""
    ledger.need(COVER.kind, COVER.entity_type, range(first, last + 1))


def states() -> dict[State, int]:
    """How many rows of `COVER` are in each state."""
    return dict(ledger.counts()[COVER])


def of(first: int, last: int) -> object:
    """The rows of these entities."""
    return LedgerRow.entity_id.between(first, last)


def test_the_sums_follow_every_way_of_writing_rows(database: str) -> None:
    need(1, 8)
    LedgerRow.update(state=State.DONE).where(of(1, 5)).execute()
    need(5, 10)  # some of them again
    assert states() == {State.DONE: 4, State.TODO: 6}
    rows = [{**KEY, "entity_id": each, "state": State.NONE} for each in (10, 11)]
    LedgerRow.insert_many(rows).on_conflict_ignore().execute()
    LedgerRow.delete().where(of(6, 7)).execute()
    assert states() == {State.DONE: 4, State.TODO: 4, State.NONE: 1}
    assert ledger.wrong_sums() == 0


def test_the_sums_of_what_is_undone_are_undone(database: str) -> None:
    with connection.atomic() as all_of_it:
        need(1, 8)
        all_of_it.rollback()
    assert states() == {}


def test_what_waits_is_counted_by_cause_and_place(database: str) -> None:
    need(1, 8)
    waits = {"state": State.WAITING, "cause": Cause.SHARE_AWAY, "look_again_at": "2030-01-02"}
    LedgerRow.update(**waits, place="/a").where(of(1, 2)).execute()
    LedgerRow.update(**waits, place="/b").where(of(3, 5)).execute()
    assert {each.obstacle.place: each.items for each in ledger.waiting()} == {"/b": 3, "/a": 2}
    assert ledger.wake_at("/b") == 3
    assert [(each.obstacle.place, each.items) for each in ledger.waiting()] == [("/a", 2)]


def test_a_sum_that_is_kept_wrongly_is_counted_again(database: str) -> None:
    need(1, 8)
    LedgerSum.update(entities=1).execute()
    assert ledger.count_again() == 1
    assert states() == {State.TODO: 8}
    assert ledger.count_again() == 0
    need(9, 11)
    assert states() == {State.TODO: 11}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_each_transaction_of_postgresql_counted_is_added_up(database: str) -> None:
    key = {**KEY, "state": State.TODO, "cause": "", "place": ""}
    LedgerSum.insert_many([{**key, "part": n, "entities": n % 2} for n in range(1_200)]).execute()
    ledger.add_up()
    assert [(each.part, each.entities) for each in LedgerSum.select()] == [(0, 600)]
