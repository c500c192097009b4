"""What is enriched when: the newest first, nothing while nobody is on, and trying again."""

import pytest
import redis
from click.testing import CliRunner

from db import ledger
from db.enrichment import facts
from db.enrichment.facts import FactSource, FactValue
from db.maintenance import removal
from db.maintenance.maintenance_runs import history
from db.models import Album, EntityType, Fact, Kind, LedgerRow, State, utc_now
from db.sql.connection import transaction
from jobs import maintenance, worker_deferred_enrichment
from tests.enrichment.conftest import Has
from tests.enrichment.library import (
    RELEASE,
    album,
    artist,
    enrich_album,
    enrich_artist,
    need,
    said,
    standing,
    track,
)
from tests.providers.conftest import TurnOn
from tests.providers.server import WebServer, status
from tests.providers.shapes import mb_artist, mb_id
from worker import dispatch
from worker.cli.enqueue import lookup
from worker.process.fleet_worker import FleetWorker

QUEUE = "deferred_enrichment"
pick = worker_deferred_enrichment.process_enrichment_batch


def waiting() -> list[dict[str, list[int]]]:
    """The arguments of the jobs in the queue."""
    return [job.kwargs for job in dispatch.queue(QUEUE).jobs]


def work(queues: redis.Redis) -> None:
    """Have a worker do all that is in the queue."""
    FleetWorker("tests-1", [QUEUE], queues).work(burst=True, logging_level="CRITICAL")


def settle(entity_type: EntityType, entity_id: int, state: State) -> None:
    """Have a need end so."""
    need(entity_type, entity_id)
    LedgerRow.update(state=state, look_again_at=utc_now().replace(year=2100)).where(
        LedgerRow.entity_type == entity_type, LedgerRow.entity_id == entity_id
    ).execute()


def test_what_came_last_goes_first(database: str, turn_on: TurnOn, queues: redis.Redis) -> None:
    turn_on("musicbrainz")
    ids = [
        album(f"Album {number}", songs=())
        for number in range(worker_deferred_enrichment.AT_ONCE + 5)
    ]
    need(EntityType.ALBUM, *ids[:3])
    assert pick() == {"albums": worker_deferred_enrichment.AT_ONCE}
    rung = [album_id for arguments in waiting() for album_id in arguments["album_ids"]]
    assert rung == ids[: -worker_deferred_enrichment.AT_ONCE - 1 : -1]
    newest = album("Brand New", songs=())
    pick()
    assert waiting()[-1]["album_ids"][0] == newest


def test_what_waits_in_the_queue_is_not_put_there_twice(
    database: str, turn_on: TurnOn, queues: redis.Redis
) -> None:
    turn_on("musicbrainz")
    album()
    track("Single", 200.0)
    need(EntityType.ARTIST, artist())
    assert pick() == {"albums": 1, "tracks": 1, "artists": 1}
    assert pick() == {}
    assert len(waiting()) == 3


def test_tracks_of_an_album_wait_for_it(
    database: str, turn_on: TurnOn, queues: redis.Redis
) -> None:
    turn_on("musicbrainz")
    album()
    pick()
    assert [list(arguments) for arguments in waiting()] == [["album_ids"]]


@pytest.mark.parametrize("names", [(), ("coverartarchive", "deezer")])
def test_nothing_is_asked_for_while_nobody_with_facts_is_on(
    database: str, turn_on: TurnOn, queues: redis.Redis, names: tuple[str, ...]
) -> None:
    turn_on(*names)
    album()
    assert pick() == {}
    assert (LedgerRow.select().count(), waiting()) == (0, [])


def test_the_sweep_leaves_the_order_to_the_picking(
    database: str, turn_on: TurnOn, queues: redis.Redis
) -> None:
    turn_on("musicbrainz")
    need(EntityType.ALBUM, album(songs=()))
    maintenance.reconcile()
    assert waiting() == []


def test_a_worker_goes_on_until_all_is_done(
    database: str, server: WebServer, musicbrainz: Has, queues: redis.Redis
) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    musicbrainz(f"artist/{mb_id(1)}", mb_artist(1, "Somebody"))
    for _ in range(2):
        album(musicbrainz_release_id=mb_id(100))
    dispatch.enqueue(worker_deferred_enrichment.PICK)
    work(queues)
    assert {row.state for row in LedgerRow.select()} == {State.DONE}
    assert sorted(server.paths()) == [
        f"/musicbrainz/artist/{mb_id(1)}",
        f"/musicbrainz/release/{mb_id(100)}",
    ]
    told = worker_deferred_enrichment.get_enrichment_stats()
    assert told["sources"] == {"musicbrainz": {"album": 2, "track": 6, "artist": 1}}


def test_a_job_whose_provider_is_away_leaves_its_reason_and_waits_when_its_tries_are_over(
    database: str, server: WebServer, musicbrainz: Has, queues: redis.Redis
) -> None:
    album_id = album(musicbrainz_release_id=mb_id(100))
    server.routes[f"/musicbrainz/release/{mb_id(100)}"] = status(401)
    need(EntityType.ALBUM, album_id)
    dispatch.enqueue(worker_deferred_enrichment.ENRICH, album_ids=[album_id])
    scheduled = dispatch.queue(QUEUE).scheduled_job_registry
    for _ in range(4):
        work(queues)
        for job_id in scheduled.get_job_ids(cleanup=False):
            queues.zrem(scheduled.key, job_id)
            queues.rpush(dispatch.queue(QUEUE).key, job_id)
    row = standing(EntityType.ALBUM, album_id)
    assert (row.state, row.cause) == (State.WAITING, ledger.Cause.PROVIDER_AWAY)
    assert "check its key and FLEET_CONTACT" in row.reason
    assert row.look_again_at > utc_now()


def test_stats_count_by_state_and_source(database: str, queues: redis.Redis) -> None:
    for state in (State.DONE, State.DONE, State.FAILED):
        settle(EntityType.ALBUM, album(songs=()), state)
    album(songs=())
    settle(EntityType.ARTIST, artist(), State.NONE)
    with transaction():
        source = FactSource("lastfm", utc_now(), 1.0)
        facts.replace_facts(
            EntityType.ARTIST, 1, source, [FactValue("plays", 1), FactValue("listeners", 2)]
        )
    stats = worker_deferred_enrichment.get_enrichment_stats()
    albums = {state: count for state, count in stats["album"].items() if count}
    assert albums == {"done": 2, "failed": 1, "never_asked": 1}
    assert stats["artist"]["none"] == 1
    assert stats["sources"] == {"lastfm": {"artist": 1}}
    (run,) = history("worker_deferred_enrichment.get_enrichment_stats")
    assert "albums: 2 done, 1 failed, 1 never asked" in run.notes


def test_what_failed_is_done_again(database: str, turn_on: TurnOn, queues: redis.Redis) -> None:
    turn_on("musicbrainz")
    failed, done = album(songs=()), album(songs=())
    settle(EntityType.ALBUM, failed, State.FAILED)
    settle(EntityType.ALBUM, done, State.DONE)
    assert worker_deferred_enrichment.retry_failed_enrichments() == 1
    assert standing(EntityType.ALBUM, failed).state == State.TODO
    assert standing(EntityType.ALBUM, done).state == State.DONE
    assert [job.func_name for job in dispatch.queue(QUEUE).jobs] == [
        f"jobs.{worker_deferred_enrichment.PICK}"
    ]
    assert worker_deferred_enrichment.retry_failed_enrichments() == 0


def test_a_lookup_of_one_album_counts_no_answer_of_before(
    database: str, server: WebServer, musicbrainz: Has, queues: redis.Redis
) -> None:
    musicbrainz(f"release/{mb_id(100)}", {**RELEASE, "country": "IS"})
    album_id = album(songs=(), musicbrainz_release_id=mb_id(100))
    enrich_album(album_id)
    musicbrainz(f"release/{mb_id(100)}", {**RELEASE, "country": "FR"})
    asked = len(server.asked)
    enrich_album(album_id)  # by the answers that are kept
    assert (said(EntityType.ALBUM, album_id)["country"], len(server.asked)) == ("IS", asked)
    looked = CliRunner().invoke(lookup, [f"album:{album_id}", "--facts"], catch_exceptions=False)
    (job,) = (each for each in dispatch.queue(QUEUE).jobs if "asked_since" in each.kwargs)
    assert looked.output == f"{job.id}\n"
    work(queues)
    assert said(EntityType.ALBUM, album_id)["country"] == "FR"
    assert standing(EntityType.ALBUM, album_id).state == State.DONE
    assert len(server.asked) > asked


def test_what_no_database_takes_in_a_text_is_left_out(
    database: str, server: WebServer, musicbrainz: Has
) -> None:
    artist_id = artist(musicbrainz_id=mb_id(1))
    musicbrainz(f"artist/{mb_id(1)}", mb_artist(1, "Some\0body", disambiguation="a\ud800b"))
    assert enrich_artist(artist_id).state == State.DONE
    assert said(EntityType.ARTIST, artist_id)["disambiguation"] == "a?b"


def test_a_batch_that_kills_its_process_is_split_by_its_own_ids(database: str) -> None:
    for argument, entity_type in (("track_ids", EntityType.TRACK), ("album_ids", EntityType.ALBUM)):
        found = ledger.need_of(worker_deferred_enrichment.ENRICH, {argument: [1]})
        assert found is not None
        assert (found.kind, found.entity_type) == (Kind.ENRICHMENT, entity_type)


def test_facts_go_with_what_they_are_of(database: str, musicbrainz: Has) -> None:
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    album_id = album(songs=(), musicbrainz_release_id=mb_id(100))
    enrich_album(album_id)
    assert Fact.select().count()
    with transaction():
        removal.drop_empty_albums([album_id])
    assert (Album.select().count(), Fact.select().count()) == (0, 0)
