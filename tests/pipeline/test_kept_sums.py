"""The database keeps sums of the ledger's rows, and of the tracks of albums, whoever writes."""

import pytest

from db import ledger
from db.ledger import Cause
from db.maintenance import database_integrity
from db.models import Album, EntityType, Kind, LedgerRow, LedgerSum, State, Track, utc_now
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


def track(name: str, album: Album | None = None) -> Track:
    """A track in the database."""
    file = {"path": f"/m/{name}", "folder": "/m", "group_folder": "/m", "size": 1, "mtime_ns": 1}
    sound = {"codec": "mp3", "container": "mp3", "content_id": name}
    return Track.get_by_id(Track.create(**file, **sound, album=album).id)


def present() -> list[int]:
    """How many tracks of each album are there, as it knows itself."""
    return [each.present for each in Album.select().order_by(Album.id)]


def test_an_album_knows_how_many_of_its_tracks_are_there(database: str) -> None:
    one, other = Album.create(key="1"), Album.create(key="2")
    tracks = [track("a", one), track("b", one), track("c")]
    assert present() == [2, 0]
    Track.update(album=other).where(Track.id == tracks[1].id).execute()
    Track.update(album=other).where(Track.id == tracks[2].id).execute()
    assert present() == [1, 2]
    Track.update(missing_since=utc_now()).execute()
    assert present() == [0, 0]
    Track.update(missing_since=None).where(Track.album == other).execute()
    Track.delete().where(Track.id == tracks[1].id).execute()
    assert present() == [0, 1]
    Track.update(album=None, missing_since=None).execute()
    assert present() == [0, 0]


def test_a_wrong_number_of_tracks_of_an_album_is_counted_again(database: str) -> None:
    album = Album.create(key="1")
    track("a", album)
    Album.update(present=7).execute()
    assert database_integrity.count_present_again() == 1
    assert (present(), database_integrity.count_present_again()) == ([1], 0)
