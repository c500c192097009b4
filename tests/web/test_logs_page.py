"""The page of the logs: by program, level, text and job, as JSON, and as they grow."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from web.pages import logs

HEAD = "2026-11-30T17:39:0{}.000+00:00 {} covers-1 [job={} name=covers.x entity=album:7]: {}\n"


@pytest.fixture
def covers_log(page: FlaskClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of a program, and a setting that is secret."""
    monkeypatch.setenv("FLEET_LASTFM_KEY", "abcdef0123456789")
    file = data_dir / "run" / "covers-1.log"
    file.write_text(
        HEAD.format(1, "INFO", "J1", "started: <b>one</b> album")
        + HEAD.format(2, "ERROR", "J2", "failed: key=abcdef0123456789")
        + "    Traceback of it\n"
    )
    (data_dir / "run" / "redis.log").write_text("odd words\n")
    return file


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("", ["started", "failed: key=***", "odd words", "Traceback of it"], ["abcdef"]),
        ("?program=covers", ["started", "failed"], ["odd words"]),
        ("?level=error", ["failed"], ["started"]),
        ("?text=ONE", ["&lt;b&gt;one"], ["failed", "<b>one"]),
        ("?job=J1", ["started", "All that was logged for <a", ">job J1</a>"], ["failed"]),
        ("?entity=album:7", ["started", "failed"], ["odd words"]),
        ("?entity=album:8", ["Nothing of that was logged"], ["started"]),
        ("?entity=album:x", ["Nothing of that was logged"], ["started"]),
        ("?entity=none", ["Nothing of that was logged"], ["started"]),
        ("?since=2026-11-30T17:39:02Z", ["failed"], ["started"]),
    ],
)
@pytest.mark.usefixtures("covers_log")
def test_entries_are_chosen_by_the_query(
    page: FlaskClient, query: str, there: list[str], not_there: list[str]
) -> None:
    text = page.get(f"/logs{query}").text
    assert [each for each in there if each not in text] == []
    assert [each for each in not_there if each in text.partition("<ol")[2]] == []


@pytest.mark.usefixtures("covers_log")
def test_a_query_that_nothing_can_meet_is_refused(page: FlaskClient) -> None:
    assert page.get("/logs?program=nothing").status_code == 404
    assert page.get("/logs?level=loud").status_code == 400
    assert page.get("/logs?since=soon").status_code == 400


@pytest.mark.usefixtures("covers_log")
def test_logs_are_json_in_the_order_of_time(page: FlaskClient) -> None:
    found = page.get("/logs?program=covers", headers={"Accept": "application/json"}).json
    assert found is not None
    assert found["version"] == 1
    assert [(each["job"], each["level"]) for each in found["entries"]] == [
        ("J1", "INFO"),
        ("J2", "ERROR"),
    ]


def test_what_is_added_is_sent_once_with_what_came_since_the_page_was_made(
    page: FlaskClient, covers_log: Path
) -> None:
    with page.application.test_request_context("/logs?after=2026-11-30T17:39:01.000%2B00:00"):
        growth = logs._Growth("covers", logs.Wanted())

    def polled() -> list[str]:
        entries = growth.poll()["entries"]
        assert isinstance(entries, list)
        return [each["text"] for each in entries]

    with covers_log.open("a") as file:
        file.write(HEAD.format(3, "INFO", "J1", "ended"))
    assert polled() == ["failed: key=***", "ended"]
    assert polled() == []
    with covers_log.open("a") as file:
        file.write(HEAD.format(4, "INFO", "J1", "again"))
    assert polled() == ["again"]
