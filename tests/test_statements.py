"""Rows written by one prepared statement are those that peewee writes."""

from datetime import datetime
from typing import Any

import peewee
import pytest
from peewee import fn

from db.models import Artist, ArtistName, EntityType, Kind, LedgerRow, State, Table
from db.sql.queries import ALSO_LISTED, LISTED, Prepared, among
from db.sql.statements import add_to_rows, insert_missing, insert_rows, update_rows

WHEN = datetime(2026, 5, 4, 3, 2, 1)  # naive, as all times of the tables
KEY = ("kind", "entity_type", "entity_id")
SETTLED = {
    "kind": Kind.COVER,
    "entity_type": EntityType.ALBUM,
    "entity_id": 1,
    "state": State.NONE,
    "reason": 'none "of" them, ä',
    "sources": ["cover.*", "ä"],
    "look_again_at": WHEN,
}


def written(table: type[Table]) -> list[dict[str, Any]]:
    """Every row, without its id."""
    rows = table.select().order_by(table._meta.primary_key).dicts()
    return [{name: row[name] for name in row if name != "id"} for row in rows]


def test_a_row_is_as_a_model_writes_it_with_the_defaults_of_what_is_left_out(
    database: str,
) -> None:
    LedgerRow.insert(**SETTLED).execute()
    insert_rows(LedgerRow, list(SETTLED), [[*(SETTLED | {"entity_id": 2}).values()]])
    one, other = written(LedgerRow)
    assert other == one | {"entity_id": 2}
    assert LedgerRow.select().where(LedgerRow.sources == ["cover.*", "ä"]).count() == 2


def test_a_row_that_is_there_gets_what_is_given_and_keeps_the_rest(database: str) -> None:
    LedgerRow.insert(**SETTLED, lease_attempt=7).execute()
    rows = [(Kind.COVER, EntityType.ALBUM, each, State.TODO, None) for each in (1, 2)]
    insert_rows(LedgerRow, (*KEY, "state", "reason"), rows, unique=KEY)
    there, new = written(LedgerRow)
    assert (there["state"], there["reason"], there["lease_attempt"]) == (State.TODO, None, 7)
    assert (there["sources"], new["sources"], new["lease_attempt"]) == (["cover.*", "ä"], [], 0)


@pytest.mark.parametrize("count", [1, 5, 64, 150])
def test_all_of_many_rows_are_written_and_those_that_are_there_replaced(
    database: str, count: int
) -> None:
    insert_rows(Artist, ["key", "name"], [(f"{each:03}", "old") for each in range(0, count, 3)])
    rows = [(f"{each:03}", f"name {each}") for each in range(count)]
    insert_rows(Artist, ["key", "name"], rows, unique=["key"])
    assert sorted((row["key"], row["name"]) for row in written(Artist)) == rows


def test_a_prepared_query_finds_what_peewee_does_whatever_its_columns_hold(database: str) -> None:
    insert_rows(
        LedgerRow, list(SETTLED), [[*(SETTLED | {"entity_id": 2 * n}).values()] for n in IDS]
    )
    insert_rows(ArtistName, NAME, [(_artist("A"), "a", "a", True), (_artist("B"), "b", "b", False)])
    columns = [getattr(LedgerRow, name) for name in SETTLED]
    prepared = Prepared(
        lambda: LedgerRow.select(*columns).where(among(LedgerRow.entity_id, LISTED))
    )
    expected = LedgerRow.select(*columns).where(LedgerRow.entity_id << IDS)
    for _ in range(2):
        assert sorted(map(repr, prepared.rows(IDS))) == sorted(map(repr, expected.tuples()))
    flags = Prepared(
        lambda: (
            ArtistName.select(ArtistName.by_id, fn.COUNT(ArtistName.id))
            .where(among(ArtistName.name, LISTED), among(ArtistName.artist, ALSO_LISTED))
            .group_by(ArtistName.by_id)
        )
    )
    assert list(flags.rows(["a", "b", "c"], [_artist("A")])) == [(True, 1)]
    assert list(flags.rows([])) == []


IDS = list(range(500))
NAME = ("artist", "name", "key", "by_id")


def _artist(key: str) -> int:
    insert_missing(Artist, ["key", "name"], [(key, key)])
    return int(Artist.get(Artist.key == key).id)


def test_of_rows_that_are_the_same_the_last_one_counts(database: str) -> None:
    rows = [(Kind.COVER, EntityType.ALBUM, 1, State.TODO, reason) for reason in ("a", "b")]
    insert_rows(LedgerRow, (*KEY, "state", "reason"), rows, unique=KEY)
    assert [row["reason"] for row in written(LedgerRow)] == ["b"]


def test_what_is_there_stays_where_only_the_missing_is_written(database: str) -> None:
    Artist.create(key="A", name="A", sort_name="a")
    insert_missing(Artist, ["key", "name"], [("A", "A"), ("B", "B")])
    assert [(row["name"], row["sort_name"]) for row in written(Artist)] == [("A", "a"), ("B", None)]


def test_columns_of_a_row_are_written_in_whatever_order_they_are_named(database: str) -> None:
    artist = Artist.create(name="A")
    update_rows(Artist, ["musicbrainz_id", "sort_name"], [("id", "sort", artist.id)])
    [row] = written(Artist)
    assert (row["name"], row["sort_name"], row["musicbrainz_id"]) == ("A", "sort", "id")


def test_a_row_that_the_database_refuses_is_an_error_of_peewees(database: str) -> None:
    with pytest.raises(peewee.IntegrityError):
        insert_rows(Artist, ["key", "name"], [("A", "A"), ("A", "B")])


def test_numbers_are_added_to_those_that_are_there(database: str) -> None:
    row = LedgerRow.create(**SETTLED, attempt=2, lease_attempt=1).id
    add_to_rows(LedgerRow, ["lease_attempt", "attempt"], [(3, -1, row)])
    [ledger_row] = written(LedgerRow)
    assert (ledger_row["attempt"], ledger_row["lease_attempt"]) == (1, 4)
