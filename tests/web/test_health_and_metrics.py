"""What machines ask for: /healthz and /metrics."""

import pytest
import redis
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from db import ledger
from db.ledger import Cause
from db.models import Album, EntityType, Kind, LedgerRow, State, Track, database, utc_now
from tests.pipeline.in_process import work_off
from tests.web.conftest import PageFleet
from worker import dispatch
from worker.dispatch import topology

CLEANUP = "maintenance.cleanup_expired_tasks"


def samples(text: str) -> dict[tuple[str, str], float]:
    """The value of each metric, by its name and its queue or job."""
    return {
        (sample.name, *sample.labels.values()): sample.value  # type: ignore[misc]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_queue_has_every_metric(page: FlaskClient) -> None:
    found = samples(page.get("/metrics").text)
    for queue in topology().queues:
        for name in ("depth", "oldest_seconds", "in_flight", "consumers", "failed", "paused"):
            assert found[f"musicfleet_queue_{name}", queue] == 0, name


def test_what_waits_and_for_how_long_is_told(page: FlaskClient, queues: redis.Redis) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    queues.hset(f"rq:job:{job_id}", "enqueued_at", "2020-01-01T00:00:00.000000Z")
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_queue_depth", "maintenance"] == 1
    assert found["musicfleet_queue_oldest_seconds", "maintenance"] > 1_000_000


def test_the_work_of_a_program_is_what_waits_what_is_due_and_what_is_taken(
    page: FlaskClient, queues: redis.Redis
) -> None:
    dispatch.enqueue(CLEANUP)
    queues.zadd("rq:scheduled:maintenance", {"due": 1.0, "later": 99_999_999_999.0})
    queues.zadd("rq:wip:maintenance", {"taken": 99_999_999_999.0})
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_program_work", "maintenance"] == 1 + 1 + 1
    queues.sadd("fleet:paused", "maintenance")
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_program_work", "maintenance"] == 1, "nothing may be taken"


def test_while_a_worker_of_a_program_is_busy_none_of_it_is_too_many(
    page: FlaskClient, queues: redis.Redis
) -> None:
    for number in (1, 2, 3):
        worker = f"analysis-{number}.host"
        queues.hset(f"rq:worker:{worker}", mapping={"birth": "now", "queues": "audio_analysis"})
        queues.sadd("rq:workers", f"rq:worker:{worker}")
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_program_work", "analysis"] == 0
    queues.zadd("rq:wip:audio_analysis", {"taken": 99_999_999_999.0})
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_program_work", "analysis"] == 3


def test_jobs_that_were_done_and_failed_are_counted_with_their_seconds(
    page: FlaskClient, queues: redis.Redis
) -> None:
    before = samples(page.get("/metrics").text)
    dispatch.enqueue(CLEANUP)
    dispatch.connection().hset("fleet:failed", CLEANUP, 2)
    work_off(queues)
    found = samples(page.get("/metrics").text)
    assert found["musicfleet_jobs_done_total", CLEANUP] == 1
    assert found["musicfleet_jobs_failed_total", CLEANUP] == 2
    assert found["musicfleet_job_seconds_total", CLEANUP] > 0
    assert found["musicfleet_job_cpu_seconds_total", CLEANUP] > 0
    assert ("musicfleet_jobs_done_total", CLEANUP) not in before


def test_what_waits_for_its_surroundings_is_one_line(page: FlaskClient) -> None:
    with database.connection_context():
        rows = LedgerRow.update(
            state=State.WAITING, cause=Cause.ROOT_AWAY, place="/music", look_again_at=utc_now()
        )
        count = rows.where(LedgerRow.kind == Kind.COVER).execute()
    assert f"root /music is away: {count} items wait" in page.get("/problems").text
    assert f"root /music is away: {count} items wait" in page.get("/health").text
    found = page.get("/queues", headers={"Accept": "application/json"}).json or {}
    work = [each for stage in found["stages"] for each in stage["work"]]
    assert sum(each["waiting"] for each in work) == count


@pytest.mark.parametrize("state", State)
def test_pages_say_how_each_need_stands(page: FlaskClient, state: State) -> None:
    with database.connection_context():
        LedgerRow.update(state=state, reason=f"because {state}").execute()
        for need in (Kind.ENRICHMENT, Kind.REMOTE):
            ledger.need(need, EntityType.ALBUM, [Album.get().id])
        LedgerRow.update(state=state, reason=f"because {state}").execute()
        album, track = Album.get().id, Track.get().id
    for address in (f"/albums/{album}", f"/tracks/{track}"):
        answer = page.get(address)
        assert answer.status_code == 200
        said = (f": because {state}" in answer.text, state is not State.DONE)
        assert said[0] == said[1], address
        assert "> : because" not in " ".join(answer.text.split())


def test_recoveries_are_told_by_queue(page: FlaskClient, queues: redis.Redis) -> None:
    queues.hset("fleet:recovered", "insert", 3)
    assert samples(page.get("/metrics").text)["musicfleet_recoveries_total", "insert"] == 3


def test_a_fleet_that_does_not_run_is_not_healthy(page: FlaskClient) -> None:
    answer = page.get("/healthz")
    assert answer.status_code == 503
    assert (answer.json or {})["status"] == "error"


def test_a_fleet_that_runs_is_healthy_and_its_workers_are_counted(page_fleet: PageFleet) -> None:
    assert page_fleet.get("/healthz").status == 200
    found = samples(page_fleet.get("/metrics").text)
    assert found["musicfleet_queue_consumers", "extract"] == 1
    assert found["musicfleet_jobs_done_total", "scan.discovery"] >= 1


def test_without_redis_pages_say_so_and_covers_are_still_there(
    page: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_REDIS_URL", "unix:///nonexistent/redis.sock")
    dispatch.connection.cache_clear()
    assert page.get("/").status_code == 200
    assert page.get("/metrics").status_code == 503
    assert page.get("/queues").status_code == 503
