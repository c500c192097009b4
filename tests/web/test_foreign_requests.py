"""What another site's page can make a browser send, and what it gets for it."""

import pytest
from flask.testing import FlaskClient
from rq.job import Job, JobStatus

from tests.queues.conftest import stale
from tests.web.conftest import ORIGIN, values_for
from web.access.security import FOR_PROGRAMS
from worker import dispatch
from worker.queues import paused

FOREIGN = {"Origin": "http://evil.example"}


def changes(page: FlaskClient) -> list[str]:
    """A path of everything that changes something and that a browser may send by itself."""
    urls = page.application.url_map.bind("")
    return [
        urls.build(each.endpoint, values_for(each), method="POST")
        for each in page.application.url_map.iter_rules()
        if "POST" in (each.methods or ()) and not each.rule.startswith(FOR_PROGRAMS)
    ]


def failed_job() -> Job:
    """A job that failed for good."""
    job = stale("maintenance.cleanup_expired_tasks")
    job.origin = "maintenance"
    job.set_status(JobStatus.FAILED)
    job.save()
    dispatch.queue("maintenance").failed_job_registry.add(job, exc_string="it failed")
    return job


def is_failed(job: Job) -> bool:
    return job.id in dispatch.queue("maintenance").failed_job_registry.get_job_ids()


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:9999",
        "https://127.0.0.1:8310",
        "http://127.0.0.1:8310/",
        "http://127.0.0.1:8310@evil.example",
        "ftp://127.0.0.1:8310",
        "//127.0.0.1:8310",
        "http://[",
        "http://[::1",
        "http://[zz]:8310",
        "http://\xff",
        "null",
        "",
    ],
)
def test_nothing_is_changed_for_another_origin(page: FlaskClient, origin: str) -> None:
    paths = changes(page)
    assert len(paths) > 8
    for path in paths:
        assert page.post(path, headers={"Origin": origin}).status_code == 403, path


def test_the_buttons_of_the_page_itself_work(page: FlaskClient) -> None:
    assert page.post("/queues/insert/pause").status_code == 303
    assert paused() == {"insert"}
    assert page.post("/queues/insert/resume").status_code == 303
    assert paused() == set()


def test_no_get_changes_anything(page: FlaskClient) -> None:
    job = failed_job()
    page.post("/queues/insert/pause")
    for path in [
        "/logout",
        "/queues/insert/resume",
        "/queues/maintenance/retry",
        "/rq/requeue/maintenance",
        f"/rq/job/{job.id}/requeue",
        f"/rq/job/{job.id}/delete",
        "/rq/queue/maintenance/failed/empty",
    ]:
        assert page.get(path).status_code == 405, path
        assert page.head(path).status_code == 405, path
    assert is_failed(job)
    assert paused() == {"insert"}


def test_a_foreign_page_cannot_requeue_in_rq_dashboard(page: FlaskClient) -> None:
    job = failed_job()
    for path in ("/rq/requeue/maintenance", f"/rq/job/{job.id}/requeue"):
        assert page.post(path, headers=FOREIGN).status_code == 403
    assert is_failed(job)
    assert page.post(f"/rq/job/{job.id}/requeue").status_code == 200
    assert not is_failed(job)


def test_a_name_that_a_stranger_turned_to_this_machine_is_refused(page: FlaskClient) -> None:
    for host in ("evil.example", "evil.example:8310", "127.0.0.1.evil.example:8310"):
        answer = page.get("/", headers={"Host": host})
        assert answer.status_code == 421
        assert "Homogenic" not in answer.text


@pytest.mark.parametrize(
    "host",
    [
        "x" * 64,
        f"{'x' * 63}." * 5,
        "a" * 10_000,
        "[",
        "[]",
        "[::1",
        "a..b",
        ".a",
        "\xe9.example",
        "127.0.0.1:port",
        "127.0.0.1:123456",
        "a b",
        "user@127.0.0.1",
        "127.0.0.1/x",
    ],
)
def test_what_names_no_host_is_a_bad_request(page: FlaskClient, host: str) -> None:
    for method in (page.get, page.post):
        answer = method("/", headers={"Host": host})
        assert answer.status_code == 400
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("sender", ["192.0.2.1", "fec0::1", "fe80::1%eth0", "100.64.0.1", "::"])
def test_without_a_password_only_this_machine_is_served(page: FlaskClient, sender: str) -> None:
    assert page.get("/", environ_base={"REMOTE_ADDR": sender}).status_code == 403
    for own in ("127.0.0.2", "::1", "::ffff:127.0.0.1", "::1%lo"):
        assert page.get("/", environ_base={"REMOTE_ADDR": own}).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8310", "127.0.0.1:8310", "[::1]:8310"])
def test_this_machine_is_reached_by_its_own_names(page: FlaskClient, host: str) -> None:
    assert page.get("/", headers={"Host": host}).status_code == 200


def test_another_sites_page_gets_no_picture_and_no_event(page: FlaskClient) -> None:
    for path in ("/", "/scans/events", "/metrics"):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert page.get(path, headers=headers).status_code == 403


def test_a_link_from_another_site_leads_here(page: FlaskClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert page.get("/", headers=headers).status_code == 200


def test_every_answer_forbids_foreign_scripts_frames_and_guesses(page: FlaskClient) -> None:
    for path in ("/", "/albums/1", "/queues", "/rq/", "/nothing", "/metrics"):
        headers = page.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_foreign_origin_is_ever_invited(page: FlaskClient) -> None:
    answer = page.get("/", headers=FOREIGN)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert ORIGIN not in answer.text
