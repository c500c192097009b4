"""/api answers what its document says, takes nothing else, and asks each request for a key."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.test import TestResponse

from db.models import ApiKey, Image, Track, User
from db.users import accounts
from tests.web.conftest import NewPage
from tests.web.similar import give_clusters, give_vectors
from worker import dispatch

ROWS = {"Jóga": [1, 0, 0], "Bachelorette": [9, 1, 0], "Horizon": [5, 5, 0], "Song": [0, 9, 4]}
Ask = Callable[..., TestResponse]


def new_key(*, is_admin: bool = True) -> str:
    """The key of a new user, without the price of hashing a password."""
    name = f"user {User.select().count()}"
    User.create(key=name, name=name, password="", is_admin=is_admin)
    return accounts.new_key(name, "a test")


@pytest.fixture
def ids() -> dict[str, int]:
    """Tracks by title; each has a vector, and two are a cluster."""
    found = {title: int(Track.get(Track.title == title).id) for title in ROWS}
    give_vectors({found[title]: row for title, row in ROWS.items()})
    give_clusters({"Icelandic": [found["Jóga"], found["Bachelorette"]]})
    return found


@pytest.fixture
def ask(page: FlaskClient) -> Ask:
    """Asks with the key of an administrator, as a program: without an Origin."""
    key = new_key()

    def ask_(path: str, method: str = "GET", **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}", "Origin": ""} | more.pop("headers", {})
        return page.open(f"/api/{path}", method=method, headers=headers, **more)

    return ask_


class Described:
    """The OpenAPI document."""

    def __init__(self, ask: Ask) -> None:
        self.document = ask("openapi.json").json
        assert self.document is not None

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Path, method and description of each."""
        for path, methods in self.document["paths"].items():
            for method, each in methods.items():
                yield path, method, each

    def faults(self, operation: dict[str, Any], answer: TestResponse) -> list[str]:
        """How an answer is not as described."""
        responses = operation["responses"]
        response = responses.get(str(answer.status_code), responses["default"])
        if "$ref" in response:
            response = self.document["components"]["responses"]["Problem"]
        (media_type, content), *_ = response["content"].items()
        if media_type == "image/*":
            return [] if answer.mimetype.startswith("image/") else [answer.mimetype]
        assert answer.mimetype == media_type, answer.text
        schema = {**content["schema"], "components": self.document["components"]}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        return [each.message[:300] for each in validator.iter_errors(json.loads(answer.text))]


def filled(path: str, ids: dict[str, int]) -> Iterator[str]:
    """A path of the document with what the library has in place of its parameters."""
    digest = Image.select().where(Image.fault.is_null()).first().digest
    named = {"{digest}": digest, "{size}": "300", "{job}": "none", "{id}": "1"}
    query = {
        "/api/path": f"?first={ids['Jóga']}&last={ids['Song']}&count=4",
        "/api/search": "?query=bj",
        "/api/similar_tracks": f"?item_id=tr-{ids['Jóga']}",
        "/api/find_path": f"?start_song_id=tr-{ids['Jóga']}&end_song_id={ids['Song']}&max_steps=4",
        "/api/search_tracks": "?search_query=song",
        "/api/track": f"?item_id={ids['Song']}",
    }.get(path, "")
    path = path.replace("/tracks/{id}", f"/tracks/{ids['Jóga']}")
    for name, value in named.items():
        path = path.replace(name, value)
    for kind in ("albums", "artists", "tracks") if "{type}" in path else ("",):
        yield path.replace("{type}", kind).removeprefix("/api/") + query


def test_every_answer_is_as_the_document_says(ask: Ask, ids: dict[str, int]) -> None:
    described = Described(ask)
    Draft202012Validator.check_schema({"$defs": described.document["components"]["schemas"]})
    answered = 0
    for path, method, operation in described.operations():
        for filled_path in filled(path, ids) if method == "get" else ():
            answer = ask(filled_path)
            wanted = 404 if path.startswith("/api/jobs/") else 200
            assert (answer.status_code, filled_path) == (wanted, filled_path), answer.text
            assert described.faults(operation, answer) == [], filled_path
            answered += 1
    assert answered > 25


NOT_TAKEN = [
    *("albums?limit=0", "albums?limit=501", "albums?limit=x", "albums?limit=", "albums?limit=1.5"),
    *("albums?limit=1&limit=2", "albums?after=-1", "albums?after=2147483648", "albums?colour=red"),
    *("albums?year=19", "albums?missing_cover=yes", "search", "search?query=", "search?query=%00"),
    *("tracks/1/similar?count=0", "tracks/1/similar?bpm=nan", "tracks/1/similar?bpm=1e400"),
    *(
        "path?first=1",
        "clusters?type=album",
        f"search?query={'x' * 101}",
        f"albums?after={'9' * 30}",
    ),
    *("track?item_id=../1", "similar_tracks?item_id=tr-0", "find_path?start_song_id=1"),
]
NOT_THERE = [
    *("albums/99", "albums/0", "albums/x", f"albums/{'9' * 5000}", "tracks/99/features", "nothing"),
    *("genres/1/covers", "albums/99/covers", "tracks/99/facts", "tracks/99/similar", "clusters/99"),
    *(
        "path?first=99&last=98",
        "scans/99",
        "jobs/none",
        f"pictures/{'0' * 64}/300",
        "track?item_id=99",
    ),
    *("pictures/../300", f"pictures/{'0' * 64}/301", "similar_tracks", "", "albums/1/"),
]


def test_what_cannot_be_is_refused_with_a_problem(ask: Ask, ids: dict[str, int]) -> None:
    for status, paths in ((400, NOT_TAKEN), (404, NOT_THERE)):
        for path in paths:
            answer = ask(path)
            assert (answer.status_code, path) == (status, path)
            assert answer.mimetype == "application/problem+json"
            assert answer.json is not None
            assert answer.json["status"] == status
            assert answer.json["detail"]
    faults = ask("albums?limit=0&colour=red").json["errors"]  # type: ignore[index]  # it is there
    assert [each["where"] for each in faults] == ["colour", "limit"]


BODIES: list[tuple[str, dict[str, Any], int]] = [
    ("", {}, 415),
    ("no JSON", {"content_type": "application/json"}, 400),
    ("[]", {"content_type": "application/json"}, 400),
    ("[" * 50_000, {"content_type": "application/json"}, 400),
    ('{"job": "\\ud800"}', {"content_type": "application/json"}, 400),
    ('{"job": NaN}', {"content_type": "application/json"}, 400),
    ('{"job": 1}', {"content_type": "application/json"}, 400),
    ('{"job": "x", "more": 1}', {"content_type": "application/json"}, 400),
    ('{"arguments": {}}', {"content_type": "application/json"}, 400),
    ('{"job": "os.system"}', {"content_type": "application/json"}, 404),
    ('{"job": "insert.direct_batch"}', {"content_type": "application/json"}, 409),
]


def test_bodies_that_cannot_be_are_refused_and_enqueue_nothing(ask: Ask) -> None:
    for body, more, status in BODIES:
        answer = ask("jobs", "POST", data=body, **more)
        assert (answer.status_code, body) == (status, body), answer.text
        assert answer.mimetype == "application/problem+json"
    assert [len(each) for each in dispatch.queues() if len(each)] == []


def test_a_job_is_enqueued_only_by_a_name_that_is_routed_and_for_work_that_is_to_do(
    ask: Ask,
) -> None:
    job = "covers.process_album_covers"
    settled = ask("jobs", "POST", json={"job": job, "arguments": {"album_ids": [1]}})
    assert settled.status_code == 202, settled.text
    assert (settled.json or {})["id"] is None
    assert "--again does that once more" in (settled.json or {})["remark"]
    call = {"job": job, "arguments": {"album_ids": [1]}, "again": True}
    made = ask("jobs", "POST", json=call).json
    assert made is not None
    shown = ask(f"jobs/{made['id']}")
    assert shown.status_code == 200
    assert (shown.json or {})["state"] == "queued"
    unknown = ask("jobs", "POST", json={"job": job, "arguments": {"album_ids": [99]}})
    assert (unknown.status_code, "there is no album 99" in unknown.text) == (409, True)


def test_each_request_needs_a_key_and_a_change_that_of_an_administrator(
    page: FlaskClient, ask: Ask
) -> None:
    guest = new_key(is_admin=False)
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer nobody's"}, 401),
        ({"Authorization": f"Basic {guest}"}, 401),
        ({"Authorization": f"Bearer {guest}"}, 200),
    ):
        answer = page.get("/api/albums", headers=headers)
        assert answer.status_code == status, headers
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    body = {"json": {"job": "monitoring.monitor_tag_changes"}}
    theirs = {"headers": {"Authorization": f"Bearer {guest}"}}
    assert page.post("/api/jobs", **theirs, **body).status_code == 403  # type: ignore[arg-type]
    assert ask("jobs", "POST", **body).status_code == 202
    ApiKey.delete().execute()
    assert ask("albums").status_code == 401


def test_no_session_opens_it_and_a_key_opens_nothing_else(new_page: NewPage) -> None:
    browser = new_page("a long password")
    key = new_key()
    browser.post("/login", data={"password": "a long password"})
    assert browser.get("/albums/1").status_code == 200
    assert browser.get("/api/albums/1").status_code == 401
    browser.post("/logout")
    headers = {"Authorization": f"Bearer {key}"}
    assert browser.get("/api/albums/1", headers=headers).status_code == 200
    assert browser.get("/albums/1", headers=headers).status_code == 302


def test_another_method_is_refused_with_those_that_there_are(ask: Ask) -> None:
    answer = ask("albums", "DELETE")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert ask("albums", "OPTIONS").headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["albums", "artists?everyone=true", "tracks", "features"])
def test_pages_have_everything_once_in_any_size(ask: Ask, path: str) -> None:
    mark = "&" if "?" in path else "?"
    whole = ask(path).json
    assert whole is not None
    assert whole["next"] is None
    found, after = [], 0
    while after is not None:
        part = ask(f"{path}{mark}limit=2&after={after}").json
        assert part is not None
        found += part["items"]
        after = part["next"]
    assert found == whole["items"]
    assert len(found) > 2


def test_a_tempo_is_corrected_and_the_correction_withdrawn(ask: Ask, ids: dict[str, int]) -> None:
    path = f"tracks/{ids['Jóga']}/tempo"
    corrected = ask(path, "PUT", json={"bpm": 87.5}).json
    assert corrected is not None
    assert (corrected["bpm"], corrected["bpm_from"]) == (87.5, "owner")
    assert (ask(path, "PUT", json={"bpm": None}).json or {})["own_bpm"] is None
    assert ask(path, "PUT", json={"bpm": 5}).status_code == 400
    assert ask("tracks/99/tempo", "PUT", json={"bpm": 90}).status_code == 404


def test_clients_of_audiomuse_get_the_answers_that_they_know(ask: Ask, ids: dict[str, int]) -> None:
    by_id = ask(f"similar_tracks?item_id=tr-{ids['Jóga']}&n=2&eliminate_duplicates=true&server=x")
    assert [each["title"] for each in by_id.json or ()] == ["Bachelorette", "Horizon"]
    assert ask("similar_tracks?title=Jóga&artist=Björk&n=2").json == by_id.json
    near = (by_id.json or [{}])[0]
    assert set(near) == {"item_id", "title", "author", "album", "distance"}
    assert near["item_id"] == f"tr-{ids['Bachelorette']}"
    way = ask(f"find_path?start_song_id={ids['Jóga']}&end_song_id=tr-{ids['Song']}&max_steps=5")
    assert [each["title"] for each in (way.json or {})["path"]] == list(ROWS)
