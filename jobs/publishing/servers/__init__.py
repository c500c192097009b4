"""The music servers of the user's own that playlists are pushed to: one module for each API."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import redis

from db.settings.providers import Service
from jobs.providers.caller import Caller
from jobs.providers.web import Web
from jobs.publishing.servers.server import Login, MusicServer

_INTERVAL = 0.05
"""Seconds between two requests to a server."""


@contextmanager
def connected(
    name: str, kind: str, url: str, login: Login, connection: redis.Redis
) -> Iterator[MusicServer]:
    """The server at a URL, asked for a user; `kind` is the module of this package.

    `connection` leads to the Redis in which turns are kept.
    """
    with Web(own_url=url) as web:
        caller = Caller(Service(f"server {name}", url, _INTERVAL), web, connection)
        server: MusicServer = import_module(f"{__name__}.{kind}").connect(login, caller)
        yield server
