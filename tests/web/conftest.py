"""The page over a small library: in this process for most tests, over a real fleet for the rest."""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from db import settings
from db.sql.connection import close_database, open_database
from db.sql.schema import migrate
from tests.chaos.orders import Orders
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import picture, write_track
from web.app import create_app
from worker import dispatch
from worker.process.fleet_worker import FleetWorker
from worker.supervisor.web_address import WebAddress

ADDRESS = WebAddress("127.0.0.1", 8310)
ORIGIN = "http://127.0.0.1:8310"
SCRIPT = "<script>alert(1)</script>"
TAG = "<img src=x onerror=alert(2)>"
"""As SCRIPT, for names of files: it holds no slash."""

_STOPS = Path(__file__).parents[1] / "chaos" / "stops"

NewPage = Callable[..., FlaskClient]


class Browser(FlaskClient):
    """Reads every answer to its end, so that files are closed."""

    def open(self, *arguments: Any, **more: Any) -> TestResponse:
        """Send a request."""
        return super().open(*arguments, **{"buffered": True, "base_url": ORIGIN, **more})


def client_of(app: Flask) -> FlaskClient:
    """A browser that opened the page, and whose requests come from it."""
    app.test_client_class = Browser
    client = app.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html,*/*;q=0.8", "HTTP_ORIGIN": ORIGIN}
    return client


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Path:
    """A data folder after a scan of four albums, one of which is hostile and one without art."""
    music = tmp_path_factory.mktemp("music")
    _write_albums(music)
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_DATA_DIR", str(data))
        patch.setenv("FLEET_REDIS_URL", valkey)
        for name in ("FLEET_DATABASE_URL", "FLEET_QUEUES"):
            patch.delenv(name, raising=False)
        dispatch.connection.cache_clear()
        open_database()
        migrate()
        dispatch.enqueue("scan.discovery", root=str(music), deep=False)
        names = list(dispatch.topology().queues)
        FleetWorker("tests-1", names, dispatch.connection()).work(
            burst=True, logging_level="WARNING"
        )
        close_database()
        dispatch.connection.cache_clear()
    return data


@pytest.fixture
def new_page(
    scanned: Path, data_dir: Path, queues: redis.Redis
) -> Iterator[NewPage]:  # each has a copy of the library, and an empty Redis
    """Makes the page of a library that was scanned, with a password or without."""
    shutil.copytree(scanned, data_dir, dirs_exist_ok=True)
    settings.prepare_data_dir()
    closing = threading.Event()
    yield lambda password="": client_of(create_app(ADDRESS, password, closing))
    closing.set()


@pytest.fixture
def page(new_page: NewPage) -> FlaskClient:
    """The page, without a password."""
    return new_page()


class PageFleet(NamedTuple):
    """A fleet that is up, with its page and the demo library."""

    command: FleetCommand
    music: Path
    url: str
    orders: Orders
    redis: redis.Redis

    def get(self, path: str) -> "Answer":
        """Ask for a path as it is written, without any tidying up."""
        host, port = urlsplit(self.url).netloc.split(":")
        connection = HTTPConnection(host, int(port), timeout=30)
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        with closing(connection), connection.getresponse() as response:
            return Answer(response.status, dict(response.getheaders()), response.read())

    @contextmanager
    def library(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """The fleet's database, open in this process."""
        with patch.context() as here:
            here.setenv("FLEET_DATA_DIR", str(self.command.data_dir))
            here.delenv("FLEET_DATABASE_URL", raising=False)
            open_database()
            try:
                yield
            finally:
                close_database()


class Answer(NamedTuple):
    """What the page of a fleet answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@pytest.fixture(scope="session")
def page_fleet() -> Iterator[PageFleet]:
    """One fleet over the demo library for all tests of this folder that need one."""
    for command in new_fleet():
        orders = Orders(command.data_dir.parent / "orders")
        command.environment |= {
            "FLEET_WEB": "127.0.0.1:0",
            "PYTHONPATH": str(_STOPS),
            "CHAOS_DIR": str(orders.folder),
        }
        music = Path(tempfile.mkdtemp(dir=command.data_dir.parent)) / "demo"
        make = ["-m", "demo", str(music)]
        subprocess.run(
            [sys.executable, *make],
            env=command.environment,
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
        )
        assert command("scan", str(music)).returncode == 0
        url = command("web").stdout.strip()
        socket = command.data_dir / "run" / "redis.sock"
        with redis.Redis.from_url(f"unix://{socket}") as connection:
            yield PageFleet(command, music, url, orders, connection)


def _write_albums(music: Path) -> None:
    for number, title in enumerate(["Jóga", "Bachelorette"], 1):
        write_track(
            music / "Björk" / "Homogenic" / f"{number}.flac",
            title=title,
            artist="Björk",
            album="Homogenic",
            date="1997",
            genre="Electronic",
            tracknumber=number,
            pitch=300 + number,
        )
    (music / "Björk" / "Homogenic" / "cover.jpg").write_bytes(picture("purple", (600, 600)))
    write_track(
        music / "Nobody" / "Bare" / "1.flac",
        title="Song",
        artist="Nobody",
        album="Bare",
        date="2003",
        genre="Jazz",
    )
    write_track(
        music / "Wide" / "Open" / "1.mp3",
        [picture("green", (1200, 900))],
        pitch=500,
        title="Horizon",
        artist="Wide",
        album="Open",
        date="2003",
        genre="Jazz",
    )
    tags = dict.fromkeys(("title", "artist", "album", "albumartist", "genre", "date"), SCRIPT)
    write_track(music / TAG / TAG / f"{TAG}.flac", [picture("red")], pitch=600, **tags)
    (music / TAG / f"{TAG}.mp3").write_bytes(b"This is not audio.")
