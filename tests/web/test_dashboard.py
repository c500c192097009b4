"""rq-dashboard at /rq: what it would not survive, or show, of itself."""

import pytest
import redis
from flask.testing import FlaskClient
from rq.job import Job, JobStatus

from tests.queues.conftest import fetched, stale
from worker import dispatch

CLEANUP = "maintenance.cleanup_expired_tasks"


def failed(name: str = CLEANUP) -> Job:
    """A job that failed, in the queue maintenance."""
    job = stale(name)
    job.origin = "maintenance"
    job.save()
    job.set_status(JobStatus.FAILED)
    dispatch.queue("maintenance").failed_job_registry.add(job, exc_string="Traceback: it failed")
    return job


def test_every_queue_of_the_fleet_is_listed(page: FlaskClient) -> None:
    dispatch.enqueue(CLEANUP)
    found = page.get("/rq/0/data/queues.json").json or {}
    assert {each["name"]: each["count"] for each in found["queues"]}["maintenance"] == 1


def test_jobs_are_read_as_the_fleet_writes_them(page: FlaskClient) -> None:
    job_id = dispatch.enqueue("covers.process_album_covers", album_ids=[1, 2])
    found = page.get("/rq/0/data/jobs/deferred_covers/queued/8/asc/1.json").json or {}
    assert [each["id"] for each in found["jobs"]] == [job_id]
    assert "covers.process_album_covers" in found["jobs"][0]["description"]
    assert page.get(f"/rq/0/data/job/{job_id}.json").status_code == 200


def test_a_requeued_job_begins_anew_with_all_its_retries(page: FlaskClient) -> None:
    job = failed()
    dispatch.connection().hset(job.key, "deaths", 2)
    assert page.post(f"/rq/job/{job.id}/requeue").status_code == 200
    assert dispatch.queue("maintenance").job_ids == [job.id]
    again = fetched(job.id)
    assert again.retries_left == dispatch.topology().queues["maintenance"].retries
    assert not dispatch.connection().hexists(job.key, "deaths")


def test_all_failed_jobs_of_a_queue_are_requeued(page: FlaskClient) -> None:
    jobs = {failed().id, failed().id}
    assert page.post("/rq/requeue/maintenance").status_code == 200
    assert set(dispatch.queue("maintenance").job_ids) == jobs


def test_a_job_that_is_gone_is_no_fault_of_the_page(page: FlaskClient) -> None:
    assert page.post("/rq/job/gone/requeue").status_code == 404
    assert page.post("/rq/job/gone/delete").json == {"status": "ERROR"}
    assert page.get("/rq/0/data/job/gone.json").status_code == 404


def test_only_a_failed_job_is_requeued(page: FlaskClient) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    assert page.post(f"/rq/job/{job_id}/requeue").status_code == 409
    assert dispatch.queue("maintenance").job_ids == [job_id]


def test_a_job_of_no_queue_of_today_is_not_requeued(page: FlaskClient) -> None:
    job = failed("maintenance.of_yesterday")
    assert page.post(f"/rq/job/{job.id}/requeue").status_code == 409


def test_a_job_of_another_making_is_passed_over_and_never_unpickled(
    page: FlaskClient, queues: redis.Redis
) -> None:
    evil = b"cos\nsystem\n(S'touch /tmp/unpickled-by-the-page'\ntR."
    queues.hset("rq:job:evil", mapping={"data": evil, "origin": "maintenance", "status": "queued"})
    queues.rpush("rq:queue:maintenance", "evil")
    job_id = dispatch.enqueue(CLEANUP)
    found = page.get("/rq/0/data/jobs/maintenance/queued/8/asc/1.json").json or {}
    assert [each["id"] for each in found["jobs"]] == [job_id]
    assert page.get("/rq/0/data/job/evil.json").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/rq/7/view/queues",
        "/rq/1/data/queues.json",
        "/rq/0/data/jobs/no_such_queue/queued/8/asc/1.json",
        "/rq/0/data/jobs/maintenance/queued/100000000/asc/1.json",
        "/rq/0/data/jobs/maintenance/queued/-1/asc/1.json",
        "/rq/0/data/jobs/maintenance/queued/8/asc/0.json",
        "/rq/0/data/jobs/maintenance/queued/8/sideways/1.json",
        "/rq/0/data/jobs/maintenance/no_registry/8/asc/1.json",
        "/rq/0/view/jobs/maintenance/queued/99999999/asc/1",
    ],
)
def test_what_it_has_no_page_for_is_not_found(page: FlaskClient, path: str) -> None:
    assert page.get(path).status_code == 404


def test_dead_entries_of_a_queue_are_taken_out_and_jobs_stay_in_order(
    page: FlaskClient, queues: redis.Redis
) -> None:
    assert page.post("/rq/queue/maintenance/compact").status_code == 200  # an empty one
    ids = [dispatch.enqueue("covers.process_album_covers", album_ids=[n]) for n in (1, 2)]
    queues.lpush("rq:queue:deferred_covers", "gone", b"\xff")
    queues.rpush("rq:queue:deferred_covers", "gone")
    assert page.post("/rq/queue/deferred_covers/compact").json == {"status": "OK", "count": 3}
    assert queues.lrange("rq:queue:deferred_covers", 0, -1) == [each.encode() for each in ids]


def spoil(queues: redis.Redis) -> None:
    """Put into RQ's keys what no RQ writes."""
    dispatch.enqueue(CLEANUP)
    queues.rpush("rq:queue:maintenance", b"\xff", "", "../../x", "x" * 5000)
    queues.sadd("rq:queues", b"rq:queue:\xff", "rq:queue:", "elsewhere")
    queues.sadd("rq:workers", b"rq:worker:\xff", "rq:worker:none", "elsewhere")
    queues.hset("rq:worker:none", mapping={b"\xff": b"\xff", "birth": "never", "queues": b"\xff"})
    queues.hset("rq:job:odd", mapping={"data": b"\xff", "origin": b"\xff", "timeout": "1e30"})
    for registry in ("wip", "failed", "finished", "deferred", "scheduled", "canceled"):
        queues.zadd(f"rq:{registry}:maintenance", {b"\xff": 1e300, "odd": 1, "": 1})


@pytest.mark.parametrize("is_spoilt", [False, True])
def test_no_page_of_it_fails_whatever_redis_holds(
    page: FlaskClient, queues: redis.Redis, is_spoilt: bool
) -> None:
    urls = page.application.url_map.bind("")
    parts = {
        "queue_name": "maintenance",
        "registry_name": "failed",
        "instance_number": 0,
        "per_page": "8",
        "order": "asc",
        "page": "1",
        "job_id": "odd",
    }
    rules = [
        each
        for each in page.application.url_map.iter_rules()
        if each.endpoint.startswith("rq_dashboard.") and not each.endpoint.endswith("static")
    ]
    assert len(rules) > 15
    for rule in rules:
        if is_spoilt:
            spoil(queues)
        for method in {"GET", "POST"} & (rule.methods or set()):
            given = {name: parts.get(name, "x") for name in rule.arguments}
            path = urls.build(rule.endpoint, given, method=method)
            answer = page.open(path, method=method)
            assert answer.status_code < 500, (method, path, answer.text[-400:])


def test_without_redis_programs_are_answered_in_short_and_files_are_there(
    page: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_REDIS_URL", "unix:///nowhere/redis.sock")
    dispatch.connection.cache_clear()
    for path in ("/rq/0/data/queues.json", "/rq/0/data/workers.json"):
        answer = page.get(path)
        assert (answer.status_code, answer.mimetype) == (503, "application/json")
        assert "unix:///nowhere/redis.sock" in (answer.json or {})["says"]
    answer = page.post(
        "/rq/queue/insert/compact", headers={"Accept": "application/json, */*;q=0.01"}
    )
    assert (answer.status_code, answer.mimetype) == (503, "application/json")
    answer = page.get("/metrics")
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert answer.text.count("\n") == 1
    assert page.get("/rq/").mimetype == "text/html"
    assert page.get("/rq/favicon.ico").status_code == 200


def test_no_page_of_the_fleet_fails_whatever_redis_holds(
    page: FlaskClient, queues: redis.Redis
) -> None:
    spoil(queues)
    for path in ("/queues", "/queues/stages", "/scans", "/health", "/maintenance", "/metrics"):
        answer = page.get(path)
        assert answer.status_code == 200, (path, answer.text[-400:])
    for action in ("pause", "resume", "retry"):
        assert page.post(f"/queues/maintenance/{action}").status_code == 303
