"""A question is asked once, whoever asks it, and however many at the same time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import redis

from db.models import ProviderAnswer, database
from db.settings.providers import Service
from jobs.providers.answers import CachedCaller
from jobs.providers.caller import Caller
from jobs.providers.errors import RefusedError
from jobs.providers.web import Web
from tests.providers.server import WebServer, page, status

Asker = Callable[..., CachedCaller]

pytestmark = pytest.mark.usefixtures("tables")


@pytest.fixture
def asker(server: WebServer, queues: redis.Redis) -> Iterator[Asker]:
    """Makes what asks the test's server."""
    with ExitStack() as stack:

        def make(key: dict[str, str] | None = None) -> CachedCaller:
            web = stack.enter_context(Web(own_url=server.url))
            return CachedCaller(Caller(Service("shop", server.url, 0.0), web, queues), key)

        yield make


def test_of_those_who_ask_the_same_at_once_one_does(server: WebServer, asker: Asker) -> None:
    server.routes["/albums"] = page({"album": "Blue"})

    def ask(_: int) -> object:
        with database.connection_context():
            return asker().get("/albums", {"q": "blue"}, dict).body

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [{"album": "Blue"}] * 4
    assert server.asked == [("/albums", {"q": "blue"})]


def test_that_there_is_nothing_is_an_answer_too(server: WebServer, asker: Asker) -> None:
    server.routes["/albums"] = page({"albums": []})
    for _ in range(2):
        assert asker().get("/albums", {}, lambda body: body["albums"]).body is None
        assert asker().get("/none", {}, dict).body is None
    assert sorted(server.paths()) == ["/albums", "/none"]


def test_a_failure_is_no_answer(server: WebServer, asker: Asker) -> None:
    server.routes["/albums"] = status(401)
    with pytest.raises(RefusedError):
        asker().get("/albums", {}, dict)
    server.routes["/albums"] = page({"album": "Blue"})
    assert asker().get("/albums", {}, dict).body == {"album": "Blue"}


def test_a_key_goes_with_the_question_and_is_not_kept(server: WebServer, asker: Asker) -> None:
    server.routes["/albums"] = page({"album": "Blue"})
    asker({"api_key": "secret"}).get("/albums", {"q": "blue"}, dict)
    assert server.asked == [("/albums", {"q": "blue", "api_key": "secret"})]
    assert [row.question for row in ProviderAnswer.select()] == ["/albums?q=blue"]
