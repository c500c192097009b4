"""Asking a service: turns, tries, the breaker, and answers that are none."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from db.settings.providers import Service
from jobs.providers.caller import Caller, Patience, retry_after
from jobs.providers.errors import (
    BadDownloadError,
    RefusedError,
    StumbledError,
    UnavailableError,
)
from jobs.providers.limits import FAILURES, Breaker, Pace
from jobs.providers.web import Web
from tests.providers.server import (
    WebServer,
    one_after_the_other,
    page,
    picture,
    redirect,
    status,
)

ROOT = Path(__file__).parents[2]
BUSY = "Wed, 21 Oct 2026 07:28:00 GMT"
AT_ONCE = Patience(attempts=3, wait=0.001, most=0.001)


@pytest.fixture
def caller(server: WebServer, queues: redis.Redis) -> Iterator[Caller]:
    """Calls the test's server, and is in no hurry to be polite."""
    with Web(own_url=server.url) as web:
        yield Caller(Service("shop", server.url, 0.001), web, queues, AT_ONCE)


def failing(caller: Caller, times: int) -> None:
    """Have the service fail so often."""
    for _ in range(times):
        with pytest.raises(RefusedError):
            caller.json("/forbidden")


def test_what_the_service_answers_comes_back(server: WebServer, caller: Caller) -> None:
    server.routes["/albums"] = page({"album": "Blue"})
    assert caller.json("/albums", {"q": "blue & green"}) == {"album": "Blue"}
    assert server.asked == [("/albums", {"q": "blue & green"})]


@pytest.mark.parametrize("code", [400, 404, 410, 414, 422])
def test_nothing_there_is_an_answer(server: WebServer, caller: Caller, code: int) -> None:
    server.routes["/"] = status(code, b"<h1>Not Found</h1>")
    assert caller.json("/") is None
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_service_that_stumbles_is_asked_again(
    server: WebServer, caller: Caller, code: int
) -> None:
    server.routes["/"] = one_after_the_other(status(code), status(code), page(["there"]))
    assert caller.json("/") == ["there"]


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>", b'{"half": ', b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_none(server: WebServer, caller: Caller, body: bytes) -> None:
    server.routes["/"] = status(200, body, Content_Type="application/json")
    with pytest.raises(StumbledError, match="no JSON"):
        caller.json("/")
    assert len(server.asked) == AT_ONCE.attempts


def test_a_service_that_refuses_is_not_pressed(server: WebServer, caller: Caller) -> None:
    server.routes["/"] = status(401, b'{"error": "key"}')
    with pytest.raises(RefusedError, match="401"):
        caller.json("/")
    assert len(server.asked) == 1


def test_an_error_in_a_good_answer_is_an_error(server: WebServer, caller: Caller) -> None:
    """The status says 200, and the body that there were too many requests."""

    def check(body: Any) -> None:
        if "error" in body:
            raise StumbledError(body["error"])

    server.routes["/"] = one_after_the_other(page({"error": "Quota limit exceeded"}), page({}))
    assert caller.json("/", check=check) == {}
    assert len(server.asked) == 2


def test_retry_after_holds_for_the_whole_fleet(
    server: WebServer, caller: Caller, queues: redis.Redis
) -> None:
    server.routes["/"] = status(429, Retry_After="600")
    with pytest.raises(UnavailableError, match="allows no request for another"):
        caller.json("/")
    with (
        pytest.raises(UnavailableError, match="allows no request for another"),
        Pace(queues, "shop", 0.001).turn(),
    ):
        pass
    assert len(server.asked) == 1


def test_nobody_is_left_alone_for_years(
    server: WebServer, caller: Caller, queues: redis.Redis
) -> None:
    server.routes["/"] = status(503, Retry_After="999999999")
    with pytest.raises(UnavailableError):
        caller.json("/")
    assert 0 < int(queues.pttl("fleet:turn:shop")) <= 15 * 60 * 1000 + 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": BUSY}, 30),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": BUSY}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx2.Headers(headers)) == seconds


def test_a_download_is_what_lies_there(server: WebServer, caller: Caller) -> None:
    server.routes |= {"/front": redirect("/1.jpg", 307), "/1.jpg": picture(b"bytes")}
    assert caller.download(f"{server.url}/front", 100) == b"bytes"


@pytest.mark.parametrize("code", [204, 403, 404])
def test_a_download_that_is_gone_is_not_tried_again(
    server: WebServer, caller: Caller, code: int
) -> None:
    server.routes["/1.jpg"] = status(code)
    with pytest.raises(BadDownloadError, match=str(code)):
        caller.download(f"{server.url}/1.jpg", 100)
    assert len(server.asked) == 1


def test_a_download_may_come_at_the_second_try(server: WebServer, caller: Caller) -> None:
    server.routes["/1.jpg"] = one_after_the_other(status(503), picture(b"bytes"))
    assert caller.download(f"{server.url}/1.jpg", 100) == b"bytes"


def test_the_breaker_opens_after_five_failures(server: WebServer, caller: Caller) -> None:
    server.routes["/forbidden"] = status(403)
    failing(caller, FAILURES)
    server.routes["/"] = page([])
    with pytest.raises(UnavailableError, match="failed 5 times in a row"):
        caller.json("/")
    assert "/" not in server.paths()


def test_an_answer_in_between_keeps_the_breaker_closed(server: WebServer, caller: Caller) -> None:
    server.routes |= {"/forbidden": status(403), "/": page([])}
    failing(caller, FAILURES - 1)
    assert caller.json("/") == []
    failing(caller, FAILURES - 1)
    assert caller.json("/") == []


def admitted(breaker: Breaker) -> bool:
    """Whether a request is let through."""
    try:
        breaker.admit()
    except UnavailableError:
        return False
    return True


def open_breakers(queues: redis.Redis) -> tuple[Breaker, Breaker]:
    """Two processes' views of a service that failed, and was left alone long enough."""
    mine, other = (Breaker(queues, "shop", open_seconds=0.01) for _ in range(2))
    for _ in range(FAILURES):
        mine.failed()
    while not admitted(mine):
        pass
    return mine, other


def test_one_alone_tries_a_service_that_failed(queues: redis.Redis) -> None:
    _, other = open_breakers(queues)
    assert not admitted(other)


def test_the_breaker_closes_for_all_when_that_one_succeeds(queues: redis.Redis) -> None:
    mine, other = open_breakers(queues)
    mine.succeeded()
    assert admitted(other)
    assert admitted(mine)


def test_the_breaker_opens_again_when_that_one_fails(queues: redis.Redis) -> None:
    mine, _ = open_breakers(queues)
    patient = Breaker(queues, "shop")
    patient.failed()
    assert not admitted(mine)


def take_turn(valkey: str) -> Callable[[], str]:
    """Has another process take a turn, with an hour between two, or say why not."""
    code = (
        "from worker.dispatch import connection\n"
        "from jobs.providers.errors import UnavailableError\n"
        "from jobs.providers.limits import Pace\n"
        "try:\n"
        "    with Pace(connection(), 'shop', 3600).turn(): print('mine')\n"
        "except UnavailableError as error: print(error)"
    )

    def take() -> str:
        environment = {**os.environ, "FLEET_REDIS_URL": valkey}
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    return take


def test_processes_share_the_turns_of_a_service(valkey: str, queues: redis.Redis) -> None:
    take = take_turn(valkey)
    assert take() == "mine\n"
    assert "allows no request" in take()


def test_turns_of_different_services_are_their_own(queues: redis.Redis) -> None:
    for name in ("shop", "library"):
        with Pace(queues, name, 3600).turn():
            pass
    with pytest.raises(UnavailableError), Pace(queues, "library", 3600).turn():
        pass


def test_only_one_has_the_turn_however_long_it_takes(queues: redis.Redis) -> None:
    with Pace(queues, "shop", 0.001).turn():
        other = Pace(queues, "shop", 0.001, most_wait=0.01)
        with pytest.raises(UnavailableError, match="is busy with other requests"), other.turn():
            pass
