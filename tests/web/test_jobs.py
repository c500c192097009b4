"""The page of a job says what it is and how it went; it is cancelled and tried again there."""

import re

import pytest
import redis
from flask.testing import FlaskClient

from db import ledger
from db.models import EntityType, Kind, State, Track, database
from db.scanning import scans
from db.sql.connection import transaction
from tests.queues.conftest import fail, fetched
from tests.web.conftest import SCRIPT
from worker import dispatch
from worker.cli.fleet import run
from worker.errors import ExitCode
from worker.process.fleet_worker import FleetWorker

NEED = ledger.need_for(Kind.COVER, EntityType.TRACK)
JSON = {"Accept": "application/json"}


@pytest.fixture
def tracks(page: FlaskClient) -> list[int]:
    """The tracks, whose covers are to be chosen again."""
    with database.connection_context():
        ids = [track.id for track in Track.select()]
        with transaction():
            ledger.need(NEED.kind, NEED.entity_type, ids)
    return ids


def states(ids: list[int]) -> set[State]:
    with database.connection_context():
        return set(ledger.states_among(NEED, ids).values())


def test_a_job_is_shown_with_its_items_by_name_and_its_arguments_escaped(
    page: FlaskClient, tracks: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = dispatch.enqueue(NEED.job, track_ids=tracks)
    other_id = dispatch.enqueue("covers.make_thumbnails", digest=SCRIPT, size=150)
    html = page.get(f"/jobs/{job_id}").text
    assert re.search(r'<a href="/tracks/\d+">Jóga</a>', html)
    assert "Choose the cover of each of these tracks" in html
    html = page.get(f"/jobs/{other_id}").text
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html
    found = (page.get(f"/jobs/{job_id}", headers=JSON).json or {})["job"]
    assert (found["state"], found["queue"], len(found["items"])) == (
        "queued",
        "deferred_covers",
        len(tracks),
    )
    assert run(["queue", "show", job_id]) == ExitCode.OK
    assert "Jóga" in capsys.readouterr().out
    assert page.get("/jobs/none").status_code == 404
    assert run(["queue", "show", "none"]) == ExitCode.BAD_INPUT


def test_a_waiting_job_that_is_cancelled_is_gone_and_comes_back_only_when_asked_for(
    page: FlaskClient, tracks: list[int]
) -> None:
    job_id = dispatch.enqueue(NEED.job, track_ids=tracks)
    assert page.post(f"/jobs/{job_id}/cancel").status_code == 303
    assert list(dispatch.held_jobs()) == []
    assert states(tracks) == {State.CANCELLED}
    assert "cancelled" in page.get(f"/jobs/{job_id}").text
    assert page.post(f"/jobs/{job_id}/cancel").status_code == 409
    assert page.post(f"/jobs/{job_id}/retry").status_code == 409
    assert page.post("/queues/deferred_covers/again/missing").status_code == 303
    assert states(tracks) == {State.CANCELLED}
    assert page.post("/queues/deferred_covers/again/cancelled").status_code == 303
    assert states(tracks) == {State.TODO}


def test_a_failed_job_that_is_tried_again_has_its_items_to_do(
    page: FlaskClient, tracks: list[int]
) -> None:
    job_id = dispatch.enqueue(NEED.job, track_ids=tracks)
    fail([job_id])
    with database.connection_context():
        ledger.lease(NEED.kind, NEED.entity_type, tracks, f"{job_id}:1")
        ledger.give_up(job_id, "bad", again=True)
    assert "ValueError: bad" in page.get(f"/jobs/{job_id}").text
    assert page.post(f"/jobs/{job_id}/retry").status_code == 303
    assert fetched(job_id).get_status() == "queued"
    assert states(tracks) == {State.TODO}


def test_each_attempt_of_a_job_is_kept_with_its_times_and_its_error(
    page: FlaskClient, queues: redis.Redis
) -> None:
    job_id = dispatch.enqueue("covers.make_thumbnails", digest="0" * 64, size=150)
    FleetWorker("tests-1", ["thumbnails"], queues).work(burst=True, logging_level="CRITICAL")
    found = (page.get(f"/jobs/{job_id}", headers=JSON).json or {})["job"]
    assert (found["state"], found["attempt"]) == ("failed", 2)
    assert [each["outcome"] for each in found["attempts"]] == ["failed", "failed"]
    assert all("0000" in each["error"] for each in found["attempts"])
    assert all(each["began"] and each["ended"] for each in found["attempts"])
    assert page.get(f"/jobs/{job_id}").text.count("<summary>Traceback</summary>") == 2


def test_a_job_of_a_scan_is_cancelled_with_its_scan(page: FlaskClient) -> None:
    with database.connection_context():
        scan_id = scans.start("/music/wrong", deep=False)
    job_id = dispatch.enqueue(scans.DISCOVERY, scan_id=scan_id)
    assert "Cancel with its scan" in page.get(f"/jobs/{job_id}").text
    assert run(["queue", "cancel", job_id, "--yes"]) == ExitCode.OK
    with database.connection_context():
        assert [scan.fault for scan in scans.latest(1)] == [scans.CANCELLED]
    assert list(dispatch.held_jobs()) == []


@pytest.fixture
def failed(page: FlaskClient, tracks: list[int]) -> list[str]:
    """A failed job for each track, whose covers are to do."""
    job_ids = [dispatch.enqueue(NEED.job, track_ids=[each]) for each in tracks]
    fail(job_ids)
    return job_ids


LIST = "/queues/deferred_covers?state=failed"


@pytest.mark.parametrize(
    ("query", "found"), [("", 5), ("Jóga", 1), ("jóga nowhere", 0), ("VALUEERROR: BAD", 5)]
)
def test_failed_jobs_are_found_by_the_names_of_their_items_and_by_their_errors(
    page: FlaskClient, failed: list[str], query: str, found: int
) -> None:
    assert len(failed) == 5
    answer = page.get(f"{LIST}&q={query}", headers=JSON).json or {}
    assert answer["total"] == len(answer["jobs"]) == found
    html = page.get(f"{LIST}&q={query}").text
    assert html.count('<a class="title"') == found
    assert ("Retry" in html) == bool(found)


def test_found_jobs_are_tried_again_or_forgotten_once_their_number_is_confirmed(
    page: FlaskClient, failed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    some = f"{LIST}&q=Jóga"
    html = page.post(some, data={"action": "retry"}).text
    assert "Retry 1 job?" in html
    assert page.post(some, data={"action": "retry", "confirmed": "yes"}).status_code == 303
    assert len(list(dispatch.held_jobs())) == 1
    assert run(["queue", "jobs", "deferred_covers", "--state", "failed"]) == ExitCode.OK
    assert capsys.readouterr().out.count("ValueError: bad") == 4
    search = ["--search", "Bachelorette", "--yes"]
    assert run(["queue", "retry", "deferred_covers", *search]) == ExitCode.OK
    one = {"action": "drop-selected", "id": failed[0]}
    html = page.post(LIST, data=one).text
    assert "Forget 1 job?" in html
    assert f'<input type="hidden" name="id" value="{failed[0]}">' in html
    assert "Forget 3 jobs?" in page.post(LIST, data={"action": "drop"}).text
    assert run(["queue", "forget", "deferred_covers", "--dry-run"]) == ExitCode.OK
    assert page.post(LIST, data={"action": "drop", "confirmed": "yes"}).status_code == 303
    assert "No job is failed" in page.get(LIST).text
    assert len(list(dispatch.held_jobs())) == 2
    waiting = "/queues/deferred_covers?state=waiting"
    assert "Delete 2 jobs?" in page.post(waiting, data={"action": "clear"}).text
    assert page.post(waiting, data={"action": "clear", "confirmed": "yes"}).status_code == 303
    assert list(dispatch.held_jobs()) == []
    assert page.post(waiting, data={"action": "retry"}).status_code == 400
    assert page.post(LIST, data={"action": "eat"}).status_code == 400
    for wrong in ("/queues/none", "/queues/insert?state=none"):
        assert page.get(wrong).status_code == 404


def test_needs_that_failed_are_grouped_by_reason_and_tried_again_or_cancelled_by_it(
    page: FlaskClient, tracks: list[int]
) -> None:
    for reason, ids in (("a <b>bad</b> day", tracks[:3]), ("too large", tracks[3:])):
        with database.connection_context():
            ledger.lease(NEED.kind, NEED.entity_type, ids, f"{reason}:1")
            ledger.give_up(reason, reason, again=True)
    html = page.get("/needs").text
    assert "a &lt;b&gt;bad&lt;/b&gt; day" in html
    groups = (page.get("/needs", headers=JSON).json or {})["groups"]
    assert [(each["reason"], each["count"]) for each in groups] == [
        ("a <b>bad</b> day", 3),
        ("too large", 2),
    ]
    of = "/needs?state=failed&kind=cover&type=track&reason="
    assert page.get(f"{of}too large").text.count('<li><a href="/tracks/') == 2
    assert "Retry 2 items?" in page.post(f"{of}too large", data={"action": "retry"}).text
    answer = page.post(f"{of}too large", data={"action": "retry", "confirmed": "yes"})
    assert answer.status_code == 303
    (job,) = dispatch.held_jobs()
    assert sorted(job.arguments["track_ids"]) == sorted(tracks[3:])
    page.post(f"{of}a <b>bad</b> day", data={"action": "cancel", "confirmed": "yes"})
    assert states(tracks[:3]) == {State.CANCELLED}
    assert "Nothing failed" in page.get("/needs").text
    assert page.get("/needs?kind=none").status_code == 404
