"""A web on loopback, with every service at its own path, and nobody turned on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from db.settings.providers import PROVIDERS, SERVICES
from jobs.providers.provider import PictureProvider
from jobs.providers.registry import opened
from tests.databases import open_sqlite
from tests.providers.server import WebServer

TurnOn = Callable[..., None]


@pytest.fixture
def server() -> Iterator[WebServer]:
    """The web."""
    running = WebServer()
    yield running
    running.stop()


@pytest.fixture
def inner() -> Iterator[WebServer]:
    """A server of the owner's own network, which nothing on the web may make us ask."""
    running = WebServer()
    yield running
    running.stop()
    assert running.connections == 0


@pytest.fixture(autouse=True)
def _nobody_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [provider.key.setting for provider in PROVIDERS if provider.key]
    for name in (
        "FLEET_PROVIDERS",
        "FLEET_CONTACT",
        "FLEET_PROVIDER_URLS",
        "FLEET_PROVIDER_PACES",
        *keys,
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def turn_on(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> TurnOn:
    """Turns providers on, which find each service at the test's server."""
    urls = ",".join(f"{name}={server.url}/{name}" for name in SERVICES)
    monkeypatch.setenv("FLEET_PROVIDER_URLS", urls)
    monkeypatch.setenv("FLEET_PROVIDER_PACES", ",".join(f"{name}=0" for name in SERVICES))
    monkeypatch.setenv("FLEET_CONTACT", "owner@example.org")
    monkeypatch.setenv("FLEET_FANARTTV_KEY", "fanartkey")
    monkeypatch.setenv("FLEET_LASTFM_KEY", "lastfmkey")
    monkeypatch.setenv("FLEET_ACOUSTID_KEY", "acoustidkey")

    def turn(*names: str) -> None:
        monkeypatch.setenv("FLEET_PROVIDERS", ",".join(names))

    return turn


@pytest.fixture
def opened_provider(
    tables: None, queues: redis.Redis, turn_on: TurnOn
) -> Iterator[Callable[[str], PictureProvider]]:
    """Opens a provider of a name."""
    contexts = []

    def open_(name: str) -> PictureProvider:
        turn_on(name)
        context = opened(queues)
        contexts.append(context)
        (provider,) = context.__enter__()
        return provider

    yield open_
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture
def tables(data_dir: Path, queues: redis.Redis) -> None:
    """Empty tables in SQLite, and an empty Redis."""
    open_sqlite()
