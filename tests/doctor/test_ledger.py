"""What the ledger says was given up, forgotten or never begun."""

from datetime import timedelta

import redis

from db import ledger
from db.ledger import Quarantine
from db.models import Album, EntityType, Kind, LedgerRow, State, Track, utc_now
from tests.covers.library import Library
from tests.doctor.complaints import complaint, complaints
from worker import dispatch
from worker.doctor import Severity
from worker.doctor.examination import repair

COVERS = {need.entity_type: need for need in ledger.NEEDS if need.kind is Kind.COVER}


def settle_everything() -> None:
    LedgerRow.update(state=State.DONE).execute()


def test_quarantined_items_are_named_with_path_and_reason(library: Library) -> None:
    albums = [library.album(name) for name in "ABCDE"]
    settle_everything()
    for album in albums:
        where = Quarantine(f"/music/{album}", "covers.process_album_covers", "SIGSEGV")
        ledger.quarantine(COVERS[EntityType.ALBUM], album, where, f"reason {album}")
    found = complaint("ledger")
    assert found.severity is Severity.WARNING
    assert found.count == 5
    assert found.says.startswith("5 items quarantined (")
    assert all(f"/music/{album}: reason {album}" in found.says for album in albums[:3])
    assert found.says.endswith(" and 2 more)")


def test_failed_items_are_counted_by_what_they_needed(library: Library) -> None:
    library.album("A")
    library.album("B")
    LedgerRow.update(state=State.FAILED).execute()
    found = complaint("ledger")
    assert found.severity is Severity.WARNING
    assert (found.says, found.count) == ("album cover: 2 failed", 2)
    assert "`fleet enqueue covers.process_album_covers --failed`" in found.remedy


def test_leases_long_expired_are_named_with_the_age_of_the_first(library: Library) -> None:
    for hours, name in enumerate(("A", "B", "C"), start=-1):
        album = library.album(name)
        LedgerRow.update(state=State.LEASED, leased_until=utc_now() - timedelta(hours=hours)).where(
            LedgerRow.entity_id == album
        ).execute()
    found = complaint("ledger")
    assert found.severity is Severity.WARNING
    assert found.count == 1
    assert found.age is not None
    assert 3600 <= found.age < 3700
    assert "1 lease ran out, the first 60 min ago" in found.says
    settle_everything()
    assert complaints("ledger") == []


def test_a_lease_whose_time_was_set_back_is_nothing_to_report_while_its_job_is_held(
    library: Library, queues: redis.Redis
) -> None:
    album = library.album("A")
    job_id = dispatch.enqueue("covers.process_album_covers", album_ids=[album])
    long_ago = {"state": State.LEASED, "leased_until": utc_now() - timedelta(days=1)}
    LedgerRow.update(**long_ago, lease=job_id).execute()
    assert complaints("ledger") == []
    LedgerRow.update(**long_ago, lease="of nobody").execute()
    assert "ran out" in complaint("ledger").says


def test_covers_that_were_never_asked_for_are_named_and_asked_for(library: Library) -> None:
    track = library.track("A/1.flac", "A")
    library.track("A/2.flac", "A")
    settle_everything()
    ledger.need(Kind.ANALYSIS, EntityType.TRACK, [row.id for row in Track.select()])
    LedgerRow.delete().where(LedgerRow.entity_id == track, LedgerRow.kind == Kind.COVER).execute()
    found = {each.says: each for each in complaints("ledger", quick=False)}
    assert list(found) == [
        "1 track whose cover is missing in the ledger",
        "1 album whose cover is missing in the ledger",
    ]
    assert all(repair(each).done for each in found.values())
    assert complaints("ledger", quick=False) == []
    assert ledger.with_state(COVERS[EntityType.TRACK], [State.TODO]) == [track]
    assert ledger.with_state(COVERS[EntityType.ALBUM], [State.TODO]) == [Album.get().id]
