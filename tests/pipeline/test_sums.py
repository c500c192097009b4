"""Each kind of need has a row for every entity that needs it, and no other row exists."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import Album, EntityType, Image, Kind, LedgerRow, State, Track
from db.models import database as connection
from db.sql.connection import transaction
from jobs import audio_analysis, vectorization
from jobs.covers import process_artist_images
from jobs.errors import NoSuchEntityError
from tests.databases import ON_SQLITE
from tests.doctor.complaints import complaints
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.sums import check_sums
from worker.doctor.examination import repair
from worker.status.overview import summed_work

NOBODY = 99_999_999


@pytest.fixture
def scanned(scan: Scan, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of two albums, with providers on so that the web is searched too."""
    for number in (1, 2):
        tags = {"artist": f"Artist {number}", "album": f"Album {number}"}
        pictures = [picture(f"#{number}0{number}0{number}0", (200, 200))] if number == 1 else []
        write_track(library / f"{number}" / "song.mp3", pictures, title="Song", **tags)
    scan()
    check_sums()
    monkeypatch.setenv("FLEET_PROVIDERS", "deezer,musicbrainz")
    monkeypatch.setenv("FLEET_CONTACT", "owner@example.org")
    settle_what_takes_long()
    check_sums()


def settle_what_takes_long() -> None:
    """Write the rows that analysis, vectors, the web and enrichment leave when all are done."""
    for need in ledger.NEEDS:
        if need.kind in ledger.UNHURRIED:
            with transaction():
                ledger.need(need.kind, need.entity_type, entities(need))
    LedgerRow.update(state=State.DONE).where(LedgerRow.kind.in_(ledger.UNHURRIED)).execute()


def entities(need: ledger.Need) -> list[int]:
    """All of the type of a need."""
    everyone = ledger.need_for(Kind.COVER, need.entity_type)
    return ledger.with_state(everyone)


@contextmanager
def undone() -> Iterator[None]:
    """What is changed meanwhile is changed back."""
    with connection.atomic() as all_of_it:
        yield
        all_of_it.rollback()


def without_rows(need: ledger.Need) -> None:
    """Delete every row of a need; and what would spare its pictures from being stored again."""
    if (need.kind, need.entity_type) == (Kind.PICTURE, EntityType.TRACK):
        Image.delete().execute()
    LedgerRow.delete().where(
        LedgerRow.kind == need.kind, LedgerRow.entity_type == need.entity_type
    ).execute()


def test_needs_without_their_row_are_counted_and_can_be_asked_for_again(scanned: None) -> None:
    for need in ledger.NEEDS:
        with undone():
            without_rows(need)
            found = next(each for each in ledger.sums() if each.need == need)
            if (need.kind, need.entity_type) == (Kind.ENRICHMENT, EntityType.ALBUM):
                assert (found.lacking, found.in_turn, found.adds_up) == (0, 2, True)
                continue
            assert (found.lacking > 0, found.adds_up) == (True, False), need
            ledger.need(need.kind, need.entity_type, ledger.never_asked(need))
            assert next(each for each in ledger.sums() if each.need == need).adds_up, need
            assert ledger.with_state(need, [State.TODO]), need


def test_rows_of_nothing_are_counted(scanned: None) -> None:
    for need in ledger.NEEDS:
        with undone():
            ledger.need(need.kind, need.entity_type, [NOBODY])
            work = {(each.kind, each.entity_type): each for each in summed_work()}
            found = work[need.kind, need.entity_type]
            assert found.stray == 1
            assert found.done + found.none + found.to_do == found.needed + 1


@ON_SQLITE
def test_the_doctor_adds_what_lacks_and_deletes_rows_of_nothing(scanned: None) -> None:
    with transaction():
        ledger.need(Kind.ANALYSIS, EntityType.TRACK, [NOBODY])
    without_rows(ledger.need_for(Kind.VECTOR, EntityType.ALBUM))
    found = complaints("ledger", quick=False)
    assert {each.says for each in found} == {
        "1 row of track analysis in the ledger of what does not exist",
        "2 albums whose vector is missing in the ledger",
    }
    assert all(repair(each).done for each in found)
    check_sums()


@ON_SQLITE
def test_rows_and_entities_add_up_when_files_come_go_and_move(
    scan: Scan, library: Path, scanned: None, queues: redis.Redis
) -> None:
    write_track(library / "3" / "song.mp3", [picture("#456456", (99, 99))], artist="C", album="C")
    (library / "1" / "song.mp3").unlink()
    (library / "2").rename(library / "moved")
    scan()
    assert {each.missing_since is None for each in Track.select()} == {True, False}
    check_sums()


@ON_SQLITE
def test_an_album_that_tracks_with_vectors_are_regrouped_into_needs_one(
    scan: Scan, library: Path, queues: redis.Redis
) -> None:
    for number in (1, 2):
        file = library / "Mixed" / f"{number}.mp3"
        write_track(file, title=f"Song {number}", artist="A", album="Mixed")
    scan()
    settle_what_takes_long()
    [before] = Album.select()
    write_track(library / "Mixed" / "2.mp3", title="Song 2", artist="A", album="Parted")
    scan()
    assert {each.id for each in Album.select()} > {before.id}
    check_sums()


@ON_SQLITE
def test_jobs_refuse_what_does_not_exist_and_leave_no_row(
    database: str, queues: redis.Redis
) -> None:
    for job in (audio_analysis.analyze_track, vectorization.calculate, process_artist_images):
        with pytest.raises(NoSuchEntityError, match=f"there is no .* {NOBODY}"):
            job(NOBODY)
    assert LedgerRow.select().count() == 0
