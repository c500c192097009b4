"""Who may look, where a password is set."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import ORIGIN, NewPage
from web.login import FREE

PASSWORD = "correct horse"


@pytest.fixture
def stranger(new_page: NewPage) -> FlaskClient:
    """A browser that has not logged in."""
    return new_page(PASSWORD)


def log_in(client: FlaskClient, password: str = PASSWORD, **more: str) -> TestResponse:
    return client.post("/login", data={"password": password, **more})


def test_a_stranger_gets_nothing_from_any_page(stranger: FlaskClient) -> None:
    rules = stranger.application.url_map.iter_rules()
    paths = [each.rule for each in rules if "GET" in (each.methods or ()) and not each.arguments]
    open_to_all = {"/login", "/healthz"}
    assert len(paths) > 10
    for path in set(paths) - open_to_all:
        answer = stranger.get(path)
        assert answer.status_code == 401 or answer.location.startswith("/login"), path


@pytest.mark.parametrize("path", ["/rq/", "/rq/0/data/queues.json", "/rq/0/data/workers.json"])
def test_a_stranger_gets_nothing_from_rq_dashboard(stranger: FlaskClient, path: str) -> None:
    assert stranger.get(path, headers={"Accept": "application/json"}).status_code == 401


def test_a_stranger_changes_nothing(stranger: FlaskClient) -> None:
    rules = stranger.application.url_map.iter_rules()
    for rule in rules:
        if "POST" in (rule.methods or ()) and rule.endpoint != "login.enter":
            values = dict.fromkeys(rule.arguments, "x")
            path = stranger.application.url_map.bind("").build(rule.endpoint, values, method="POST")
            assert stranger.post(path).status_code == 401, path


def test_the_password_opens_the_page_and_the_dashboard(stranger: FlaskClient) -> None:
    assert log_in(stranger).status_code == 303
    assert stranger.get("/").status_code == 200
    assert stranger.get("/rq/").status_code == 200


def test_a_wrong_password_opens_nothing(stranger: FlaskClient) -> None:
    assert log_in(stranger, "wrong").status_code == 401
    assert stranger.get("/").location.startswith("/login")


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(stranger: FlaskClient) -> None:
    cookie = log_in(stranger).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_guessing_is_slowed_down_even_for_the_right_password(stranger: FlaskClient) -> None:
    for number in range(FREE + 1):
        log_in(stranger, f"guess {number}")
    answer = log_in(stranger)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert stranger.get("/").location.startswith("/login")


def test_after_logging_out_the_page_is_closed(stranger: FlaskClient) -> None:
    log_in(stranger)
    stranger.post("/logout")
    assert stranger.get("/").location.startswith("/login")


def test_another_password_ends_every_session(new_page: NewPage) -> None:
    before = new_page(PASSWORD)
    log_in(before)
    cookie = before.get_cookie("musicfleet-8310", "127.0.0.1")
    assert cookie is not None
    after = new_page("another")
    after.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
    assert after.get("/").location.startswith("/login")


def test_whoever_logs_in_comes_where_the_way_led(stranger: FlaskClient) -> None:
    login = stranger.get("/albums/1?sort=year").location
    assert login == "/login?next=/albums/1?sort%3Dyear"
    assert log_in(stranger, next="/albums/1?sort=year").location == "/albums/1?sort=year"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_the_login_leads_to_no_other_site(stranger: FlaskClient, elsewhere: str) -> None:
    assert log_in(stranger, next=elsewhere).location == "/"


def test_metrics_take_the_password_with_the_request(stranger: FlaskClient) -> None:
    assert stranger.get("/metrics").status_code == 401
    assert stranger.get("/metrics", auth=("any", "wrong")).status_code == 401
    assert stranger.get("/metrics", auth=("any", PASSWORD)).status_code == 200


def test_a_password_with_the_request_opens_nothing_else(stranger: FlaskClient) -> None:
    assert stranger.get("/", auth=("any", PASSWORD)).location.startswith("/login")


def test_a_stranger_learns_of_its_health_only_the_status(stranger: FlaskClient) -> None:
    assert set(stranger.get("/healthz").json or {}) == {"status"}
    log_in(stranger)
    assert set(stranger.get("/healthz").json or {}) == {"status", "findings"}


def test_the_login_takes_no_password_from_another_site(stranger: FlaskClient) -> None:
    data = {"password": PASSWORD}
    answer = stranger.post("/login", data=data, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert stranger.post("/login", data=data, headers={"Origin": ORIGIN}).status_code == 303
