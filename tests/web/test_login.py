"""Who may look, where a password is set."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import ORIGIN, NewPage, values_for
from web.access.login import FREE

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
            urls = stranger.application.url_map.bind("")
            path = urls.build(rule.endpoint, values_for(rule), method="POST")
            answer = stranger.post(path)
            # Players are refused in their own form.
            assert answer.status_code == 401 or b'status="failed"' in answer.data, path


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


def cookie_of(client: FlaskClient, name: str = "musicfleet-8310") -> str:
    cookie = client.get_cookie(name, "127.0.0.1")
    assert cookie is not None
    return str(cookie.value)


def test_after_logging_out_the_page_is_closed(stranger: FlaskClient) -> None:
    log_in(stranger)
    stranger.post("/logout")
    assert stranger.get("/").location.startswith("/login")


def test_a_session_that_was_ended_stays_so_wherever_its_cookie_is(new_page: NewPage) -> None:
    browser, thief = new_page(PASSWORD), new_page(PASSWORD)
    log_in(browser)
    thief.set_cookie("musicfleet-8310", cookie_of(browser), domain="127.0.0.1")
    assert thief.get("/").status_code == 200
    other = new_page(PASSWORD)
    log_in(other)
    browser.post("/logout")
    assert thief.get("/").location.startswith("/login")
    later = new_page(PASSWORD)  # as after a restart
    later.set_cookie("musicfleet-8310", cookie_of(thief), domain="127.0.0.1")
    assert later.get("/").location.startswith("/login")
    later.set_cookie("musicfleet-8310", cookie_of(other), domain="127.0.0.1")
    assert later.get("/").status_code == 200  # only the one session ended


def test_there_are_never_more_sessions_than_a_hundred(new_page: NewPage, data_dir: Path) -> None:
    client = new_page(PASSWORD)
    for _ in range(103):
        client.delete_cookie("musicfleet-8310", domain="127.0.0.1")
        assert log_in(client).status_code == 303
    assert len(list((data_dir / "run" / "web.sessions").iterdir())) == 100
    assert client.get("/").status_code == 200


def from_(address: str) -> dict[str, dict[str, str]]:
    return {"environ_base": {"REMOTE_ADDR": address}}


def test_wrong_passwords_from_elsewhere_lock_out_no_other_address(new_page: NewPage) -> None:
    client = new_page(PASSWORD)
    for number in range(150):
        wrong = {"password": f"guess {number}"}
        client.post("/login", data=wrong, **from_(f"192.0.2.{number % 20}"))
    right = {"password": PASSWORD}
    assert client.post("/login", data=right, **from_("192.0.2.1")).status_code == 429
    assert client.post("/login", data=right, **from_("198.51.100.1")).status_code == 303


def test_a_browser_that_was_logged_in_is_let_in_whatever_others_try(new_page: NewPage) -> None:
    owner = new_page(PASSWORD)
    log_in(owner)
    owner.post("/logout")
    attacker = owner.application.test_client()
    for number in range(60):
        attacker.post("/login", data={"password": f"guess {number}"}, headers={"Origin": ORIGIN})
    assert log_in(owner).status_code == 303
    for number in range(260):
        wrong = {"password": f"guess {number}"}
        attacker.post("/login", data=wrong, headers={"Origin": ORIGIN}, **from_(f"10.0.{number}.1"))
    owner.post("/logout")
    assert log_in(owner).status_code == 303


def test_a_browser_that_was_logged_in_is_slowed_down_by_its_own_guesses(
    stranger: FlaskClient,
) -> None:
    log_in(stranger)
    stranger.post("/logout")
    for number in range(FREE + 1):
        log_in(stranger, f"guess {number}")
    assert log_in(stranger).status_code == 429


def test_nobody_claims_to_have_been_logged_in_once(new_page: NewPage) -> None:
    other = new_page("another")
    log_in(other, "another")
    known = cookie_of(other, "musicfleet-8310-browser")
    for forged in (known, known[:-1], "", "x", "\xff", "a.b.c"):
        client = new_page(PASSWORD)
        for number in range(FREE + 1):
            log_in(client, f"guess {number}")
        client.set_cookie("musicfleet-8310-browser", forged, domain="127.0.0.1")
        assert log_in(client).status_code == 429


def test_guesses_from_one_network_of_ipv6_count_together(new_page: NewPage) -> None:
    client = new_page(PASSWORD)
    for number in range(FREE + 1):
        wrong = {"password": f"guess {number}"}
        client.post("/login", data=wrong, **from_(f"2001:db8:1:2::{number}"))
    right = {"password": PASSWORD}
    assert client.post("/login", data=right, **from_("2001:db8:1:2:ffff::1")).status_code == 429
    assert client.post("/login", data=right, **from_("2001:db8:1:3::1")).status_code == 303


PROXY = "10.1.2.3"
HTTPS = "https://127.0.0.1:8310"


def through(proxy: str, sender: str, scheme: str = "https") -> dict[str, Any]:
    """A request that a proxy sends on."""
    headers = {"X-Forwarded-For": sender, "X-Forwarded-Proto": scheme, "Origin": HTTPS}
    return {"headers": headers, "environ_base": {"REMOTE_ADDR": proxy}}


@pytest.fixture
def behind_proxy(new_page: NewPage, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A page behind a proxy that it knows."""
    monkeypatch.setenv("FLEET_WEB_TRUSTED_PROXIES", "10.1.0.0/16, ::1")
    return new_page(PASSWORD)


def test_behind_a_trusted_proxy_senders_are_distinguished(behind_proxy: FlaskClient) -> None:
    wrong, right = {"password": "wrong"}, {"password": PASSWORD}
    for number in range(FREE + 1):
        # What the sender claims himself stands before what the proxy adds.
        claimed = f"203.0.113.{number}, 192.0.2.1"
        behind_proxy.post("/login", data=wrong, **through(PROXY, claimed))
    for sender in ("192.0.2.1", "192.0.2.1, 10.1.9.9", "8.8.8.8, 192.0.2.1:4321, 10.1.9.9"):
        answer = behind_proxy.post("/login", data=right, **through(PROXY, sender))
        assert answer.status_code == 429, sender
    for sender in ("192.0.2.2", "[2001:db8::1]:443", "::ffff:192.0.2.3"):
        answer = behind_proxy.post("/login", data=right, **through(PROXY, sender))
        assert answer.status_code == 303, sender


def test_another_proxy_is_not_believed(
    behind_proxy: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"password": "wrong"}
    for number in range(FREE + 1):
        sent = through("10.2.0.1", f"192.0.2.{number}", "http")
        sent["headers"]["Origin"] = ORIGIN
        code = behind_proxy.post("/login", data=wrong, **sent).status_code
    assert code == 429
    answer = behind_proxy.post("/login", data=wrong, **through("10.2.0.1", "192.0.2.1"))
    assert answer.status_code == 403
    assert "FLEET_WEB_TRUSTED_PROXIES" in answer.text
    assert caplog.text.count("10.2.0.1 says that it sends on requests of others") == 1


def test_behind_tls_cookies_go_by_tls_alone_and_only_its_origin_counts(
    behind_proxy: FlaskClient,
) -> None:
    right = {"password": PASSWORD}
    answer = behind_proxy.post("/login", data=right, **through(PROXY, "192.0.2.1"))
    assert answer.status_code == 303
    assert len(answer.headers.getlist("Set-Cookie")) == 2
    assert all("Secure" in each for each in answer.headers.getlist("Set-Cookie"))
    sent = through(PROXY, "192.0.2.1")
    sent["headers"]["Origin"] = ORIGIN
    assert behind_proxy.post("/login", data=right, **sent).status_code == 403


def test_without_tls_cookies_are_not_for_tls_alone(stranger: FlaskClient) -> None:
    assert not any("Secure" in each for each in log_in(stranger).headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("forwarded", ["", "unknown", "[", ",,,", "1.2.3.4.5", "x" * 9000])
def test_a_proxy_that_names_no_address_counts_itself(
    behind_proxy: FlaskClient, forwarded: str
) -> None:
    sent = through(PROXY, forwarded)
    assert behind_proxy.post("/login", data={"password": PASSWORD}, **sent).status_code == 303


def test_without_a_password_there_is_no_login(page: FlaskClient) -> None:
    assert page.post("/login", data={"password": "x"}).status_code == 404
    assert page.post("/login").status_code == 404
    assert page.post("/logout").status_code == 404
    assert page.get("/login").location == "/"


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
    [
        "http://[",
        "//[",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "evil",
        "",
    ],
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


def test_the_page_says_who_has_access_where_there_is_no_password(new_page: NewPage) -> None:
    says = "Every user of this machine has access"
    assert says in new_page().get("/health").text
    stranger = new_page(PASSWORD)
    log_in(stranger)
    assert says not in stranger.get("/health").text
