"""The web on loopback of the tests of providers, and an empty library."""

from collections.abc import Callable

import pytest
import redis

from tests.providers.conftest import (  # fixtures
    TurnOn,
    _nobody_is_on,  # noqa: F401
    server,  # noqa: F401
    tables,  # noqa: F401
    turn_on,  # noqa: F401
)
from tests.providers.server import WebServer, page

Has = Callable[..., None]


@pytest.fixture
def musicbrainz(server: WebServer, turn_on: TurnOn, queues: redis.Redis) -> Has:  # noqa: F811
    """Has MusicBrainz answer this body under a path, and turns it on."""
    turn_on("musicbrainz")

    def has(path: str, body: object) -> None:
        server.routes[f"/musicbrainz/{path}"] = page(body)

    return has
