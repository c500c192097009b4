"""The page over a small library: in this process for most tests, over a real fleet for the rest."""

import shutil
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter
from werkzeug.test import TestResponse

from db import settings
from db.models import Track
from db.sql.connection import close_database, open_database
from demo import files, sounds
from demo.catalogue import Song
from demo.library import make
from demo.sounds import Wave
from tests.chaos.orders import Orders
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import picture, write_track
from tests.pipeline.in_process import scanned_into
from tests.waiting import PATIENCE, until
from tests.web.players import Player
from tests.web.similar import give_features
from web.app import create_app, kept
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
    with scanned_into(data, music, valkey):
        give_features([track.id for track in Track.select()])
    return data


@pytest.fixture
def new_page(
    scanned: Path, data_dir: Path, queues: redis.Redis
) -> Iterator[NewPage]:  # each has a copy of the library, and an empty Redis
    """Makes the page of a library that was scanned, with a password or without."""
    _take(scanned, data_dir)
    closing = threading.Event()
    yield lambda password="": client_of(create_app(ADDRESS, password, closing))
    closing.set()


@pytest.fixture(scope="session")
def apps() -> list[Flask]:
    """The app that `page` made first, for making one costs as much as some pages."""
    return []


@pytest.fixture
def page(
    scanned: Path, data_dir: Path, queues: redis.Redis, apps: list[Flask]
) -> Iterator[FlaskClient]:
    """The page, without a password; the app knows nothing of another test's library."""
    _take(scanned, data_dir)
    closing = threading.Event()
    if apps:
        open_database().close()
        apps[0].extensions |= kept(closing)
    else:
        apps.append(create_app(ADDRESS, "", closing))
    yield client_of(apps[0])
    closing.set()


@pytest.fixture
def anna(page: FlaskClient) -> Player:
    """An administrator."""
    return Player(page, "anna", is_admin=True)


def _take(scanned: Path, data_dir: Path) -> None:
    shutil.copytree(scanned, data_dir, dirs_exist_ok=True)
    settings.prepare_data_dir()


class PageFleet(NamedTuple):
    """A fleet that is up, with its page and the demo library."""

    command: FleetCommand
    music: Path
    url: str
    orders: Orders
    redis: redis.Redis
    first_run: "list[Answer]"
    """What the pages answered by which the music was added."""

    def get(self, path: str) -> "Answer":
        """Ask for a path as it is written, without any tidying up."""
        return self._ask("GET", path, "")

    def post(self, path: str, /, **fields: str) -> "Answer":
        """Send a form of the page itself."""
        return self._ask("POST", path, urlencode(fields))

    def _ask(self, method: str, path: str, body: str) -> "Answer":
        host, port = urlsplit(self.url).netloc.split(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        connection.putrequest(method, path, skip_accept_encoding=True)
        if method == "POST":
            connection.putheader("Content-Type", "application/x-www-form-urlencoded")
            connection.putheader("Content-Length", str(len(body)))
            connection.putheader("Origin", self.url.rstrip("/"))
        connection.endheaders(body.encode())
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


def tone(song: Song, _: str) -> Wave:
    """Three tenths of a second of a pitch of the song's own, in place of it."""
    return sounds.tone(200 + zlib.crc32(song.title.encode()) % 300, 0.3, files.RATE)


@pytest.fixture(scope="session")
def page_fleet() -> Iterator[PageFleet]:
    """One fleet over the demo library for all tests of this folder that need one."""
    for command in new_fleet():
        orders = Orders(command.data_dir.parent / "orders")
        command.environment |= {
            "FLEET_WEB": "127.0.0.1:0",
            "PYTHONPATH": f"{_STOPS}:{command.environment['PYTHONPATH']}",
            "CHAOS_DIR": str(orders.folder),
        }
        music = Path(tempfile.mkdtemp(dir=command.data_dir.parent)) / "demo"
        command.environment["FLEET_MUSIC_PLACES"] = str(music.parent)
        make(music, tone)
        assert command("up").returncode == 0
        url = command("web").stdout.strip()
        socket = command.data_dir / "run" / "redis.sock"
        with redis.Redis.from_url(f"unix://{socket}") as connection:
            fleet = PageFleet(command, music, url, orders, connection, [])
            fleet.first_run.extend(_first_run(fleet))
            yield fleet


def _first_run(fleet: PageFleet) -> Iterator[Answer]:
    """Add the music as somebody without scripts does; what each step answered."""
    yield fleet.get("/")
    yield fleet.get("/folders")
    yield fleet.get(f"/folders/new?path={fleet.music}")
    begun = fleet.post("/folders", path=str(fleet.music), choices="1", analysis="off")
    yield begun
    yield until(lambda: _ended(fleet.get(begun.headers["Location"])), "the end of the scan", 0.2)
    yield fleet.get("/")


def _ended(scans: Answer) -> Answer | None:
    """The page of a scan, when it does not load itself again."""
    return None if "http-equiv" in scans.text else scans


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


def values_for(rule: Rule) -> dict[str, str]:
    """Something for each variable of a route: a number or a word, where it takes those."""
    values = {}
    for name, converter in rule._converters.items():
        known = "1" if isinstance(converter, NumberConverter) else "x"
        values[name] = min(getattr(converter, "items", {known}))
    return values | dict(rule.defaults or {})
