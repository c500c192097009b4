"""What connections and requests do to the server, which no browser would open or send."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet.conftest import REPOSITORY
from tests.waiting import PATIENCE
from web.__main__ import _server

PASSWORD = "correct horse"
LEFT_AFTER = 10
"""Seconds after which a connection that sent no whole request is left."""
BEGUN = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = BEGUN + b"Content-Length: 60000\r\n\r\npassword="


class Server(NamedTuple):
    """The web UI as supervisord starts it, with a password, and where it listens."""

    process: "subprocess.Popen[bytes]"
    host: str
    port: int
    database: Path

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address; reading from it ends at last."""
        return socket.create_connection((self.host, self.port), PATIENCE, (source, 0))

    def status(self, path: str = "/login") -> int:
        """The status of the answer to a GET, on a connection of its own."""
        with closing(HTTPConnection(self.host, self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status


@pytest.fixture(scope="module")
def server(
    valkey: str, scanned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A web UI with a library in a process of its own, for all tests of this module."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(scanned, data, dirs_exist_ok=True)
    few_files = ("prlimit", "--nofile=256:256")
    environment = {
        "PATH": os.environ["PATH"],
        "FLEET_DATA_DIR": str(data),
        "FLEET_REDIS_URL": valkey,
        "FLEET_WEB": "127.0.0.1:0",
        "FLEET_WEB_PASSWORD": PASSWORD,
        "FLEET_WEB_TRUSTED_PROXIES": "127.0.0.1",
    }
    log = data / "web.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*few_files, sys.executable, "-m", "web"],
            env=environment,
            cwd=REPOSITORY,
            stderr=stderr,
        )
    while "listening at" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    parts = urlsplit(log.read_text().split()[-1])
    assert parts.hostname
    assert parts.port
    yield Server(process, parts.hostname, parts.port, data / "library.db")
    process.terminate()
    process.wait(PATIENCE)
    faults = ("Traceback", "uncaptured", "unforeseen")
    assert [
        line for line in log.read_text().splitlines() if any(map(line.__contains__, faults))
    ] == []


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side ends the connection before the time is over."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("addresses", [1, 4])
@pytest.mark.parametrize("sent", [b"", b"GET", BEGUN, BODY], ids=["idle", "half", "header", "body"])
def test_connections_that_send_no_whole_request_make_it_deaf_to_nobody(
    server: Server, sent: bytes, addresses: int
) -> None:
    with ExitStack() as stack:
        for number in range(400):
            connection = stack.enter_context(server.connect(f"127.0.0.{1 + number % addresses}"))
            if sent:
                connection.sendall(sent)
        begun = time.monotonic()
        assert server.status() == 200
        assert time.monotonic() - begun < LEFT_AFTER


def test_connections_that_were_served_and_stay_make_it_deaf_to_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(220):
            connection = stack.enter_context(server.connect())
            connection.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert server.status() == 200


def test_an_answer_that_the_other_side_does_not_read_on_is_kept_for_a_minute() -> None:
    def large(_: object, start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * 2**25]  # more than fits between two sockets

    listener = socket.create_server(("127.0.0.1", 0))
    waitress = _server(large, listener)
    with closing(socket.create_connection(listener.getsockname(), 20)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        channels: list[Any] = []
        while not channels or not channels[0].total_outbufs_len:
            waitress.asyncore.loop(0.01, map=waitress._map, count=1)
            channels = [*waitress.active_channels.values()]
        for seconds, is_over in ((59, False), (2, True)):
            channels[0].last_activity -= seconds  # as if nothing was read for so much longer
            waitress.maintenance(time.time())
            assert channels[0].will_close is is_over
        while waitress.active_channels:
            waitress.asyncore.loop(0.01, map=waitress._map, count=1)
        assert is_ended(client)
    waitress.close()


def test_a_request_has_ten_seconds_to_arrive_however_slowly_it_is_sent(server: Server) -> None:
    with ExitStack() as stack:
        idle, header, body, again = (stack.enter_context(server.connect()) for _ in range(4))
        again.sendall(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert again.recv(12) == b"HTTP/1.1 200"
        header.sendall(BEGUN)
        body.sendall(BODY)
        again.sendall(BEGUN)
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < PATIENCE:
                header.sendall(b"X: y\r\n")
                body.sendall(b"x")
                time.sleep(0.5)
        except OSError:
            pass
        assert LEFT_AFTER - 1 < time.monotonic() - begun < PATIENCE
        assert all(map(is_ended, (idle, header, body, again)))


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/login")
            assert connection.getresponse().read()
            time.sleep(0.5)
        assert connection.sock is first


NUMBERS = st.sampled_from(
    ["1", "0", "-1", "01", "1.0", "1e9", "2147483648", "9" * 30, "%00", "%F0%9F%8E%B5", "\xb2", "x"]
)
TEXTS = st.one_of(
    NUMBERS,
    st.text(max_size=30).map(lambda text: quote(text, errors="surrogatepass")),
    st.sampled_from(["", "%", "%ff", "%zz", "..", "%2e%2e%2f", "[", "%0d%0aX:y", "a" * 3000]),
)
PATHS = [
    "/",
    "/albums/{}",
    "/albums/{}.json",
    "/artists",
    "/artists/{}",
    "/artists/{}.json",
    "/clusters/{}",
    "/clusters/{}.m3u8",
    "/health",
    "/healthz",
    "/history",
    "/images/{}/{}.jpg",
    "/images/{}/original",
    "/login",
    "/logs",
    "/maintenance",
    "/map",
    "/map/points",
    "/metrics",
    "/path",
    "/path.m3u8",
    "/problems",
    "/queues",
    "/queues/{}/{}",
    "/queues/table",
    "/rq/",
    "/rq/{}/",
    "/rq/0/data/job/{}.json",
    "/rq/0/data/jobs/insert/{}/{}/{}/{}.json",
    "/rq/0/data/queues.json",
    "/rq/0/data/workers.json",
    "/rq/0/view/job/{}",
    "/rq/0/view/jobs/insert/{}/{}/{}/{}",
    "/rq/favicon.ico",
    "/rq/job/{}/delete",
    "/rq/job/{}/requeue",
    "/exports",
    "/exports/plan",
    "/rq/queue/{}/{}/empty",
    "/rq/queue/{}/compact",
    "/rq/queue/insert/compact",
    "/rq/requeue/{}",
    "/rq/static/{}",
    "/scans",
    "/search",
    "/search/suggestions",
    "/static/{}",
    "/static/style.css",
    "/tracks/{}",
    "/tracks/{}.json",
    "/tracks/{}.m3u8",
    "/tracks/{}/life",
    "/upkeep",
    "/{}",
    "//{}/{}",
    "*",
    "http://[{}",
]
FIELDS = [
    "program",
    "level",
    "text",
    "since",
    "entity",
    "job",
    "period",
    "q",
    "art",
    "genre",
    "year",
    "sort",
    "all",
    "page",
    "from",
    "to",
    "count",
    "bpm",
    "key",
    "album",
    "next",
    "password",
    "root",
    "v",
]
HEADERS: dict[str, list[str]] = {
    "Host": [
        "127.0.0.1",
        "localhost:1",
        "",
        "[::1]",
        "[:::]",
        "[",
        "a..b",
        "x" * 300,
        "\xff",
        "a b",
    ],
    "Origin": ["http://127.0.0.1", "https://127.0.0.1", "null", "http://[", "http://[::1", "\xff"],
    "Cookie": ["a", "a=b;" * 900, "=;=", "musicfleet=\xff", 'a="\\', "\x01=\x02"],
    "Range": ["bytes=0-", "bytes=-1", "bytes=9-1", "bytes=a-b", "bytes=" + "0-1," * 500, "x=1-"],
    "Content-Length": ["0", "-1", "1e3", "99999999999", "", "+1", "1, 1", "\xb2"],
    "Transfer-Encoding": ["chunked", "gzip", "chunked, chunked", "x"],
    "Content-Type": ["application/json", "multipart/form-data", "multipart/form-data; boundary=x"],
    "X-Forwarded-For": ["1.2.3.4", "," * 2000, "[", "\xff", "unknown"],
    "X-Forwarded-Proto": ["https", "ftp", "", "https,http"],
    "X-Forwarded-Host": ["evil.example", "[", ""],
    "Accept": ["*/*", "text/html;q=x", ";;;", "\xff", "text/html," * 500],
    "Authorization": ["Basic", "Basic !", "Basic /w==", "Basic Og==", "Bearer x", "\xff"],
    "If-None-Match": ['"', "*", 'W/"x', "\xff"],
    "If-Modified-Since": ["yesterday", "Mon, 99 Jan 0000 00:00:00 GMT", "-1"],
    "Sec-Fetch-Site": ["cross-site", "none", "\xff"],
    "Expect": ["100-continue", "x"],
    "Connection": ["close", "keep-alive, x", "upgrade"],
    "User-Agent": ["\x00", "x" * 9000],
}


MORE = {"Transfer-Encoding", "Expect"}


class Asked(NamedTuple):
    """A request as a program may write it."""

    start: bytes
    rest: bytes
    path: str
    is_whole: bool
    """Whether the server has no reason to wait for more of it."""


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Requests of which some part is odd."""
    path = draw(st.sampled_from(PATHS))
    path = path.format(*(draw(TEXTS) for _ in range(path.count("{}"))))
    query = draw(st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=4))
    target = path + ("?" + "&".join(map("=".join, query)) if query else "")
    method = draw(st.sampled_from(["GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT"]))
    form = draw(st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=3))
    body = "&".join(map("=".join, form)).encode("latin-1")
    if draw(st.integers(0, 9)) == 0:
        body = draw(st.binary(max_size=60))
    headers = {
        "Host": "127.0.0.1",
        "Origin": "http://127.0.0.1",
        "Content-Length": str(len(body)),
        "Content-Type": "application/x-www-form-urlencoded",
        "Connection": "close",
    }
    for name in draw(st.lists(st.sampled_from(list(HEADERS)), max_size=2)):
        headers[name] = draw(st.sampled_from(HEADERS[name]))
    is_whole = headers["Content-Length"] == str(len(body)) and not headers.keys() & MORE
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return Asked(start, f"{lines}\r\n".encode("latin-1") + body, path, is_whole)


def logged_in(server: Server) -> bytes:
    """The cookie of a browser that has logged in."""
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        origin = {"Origin": f"http://{server.host}:{server.port}"}
        connection.request("POST", "/login", f"password={quote(PASSWORD)}", form | origin)
        cookies = connection.getresponse().headers.get_all("Set-Cookie") or []
    return "; ".join(each.partition(";")[0] for each in cookies).encode()


@pytest.mark.parametrize("is_in", [True, False], ids=["logged in", "stranger"])
def test_no_request_ends_in_a_fault_or_blocks_what_comes_after(server: Server, is_in: bool) -> None:
    cookie = b"Cookie: " + logged_in(server) + b"\r\n" if is_in else b""

    @settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")), derandomize=True)
    @given(requests())
    def ask(request: Asked) -> None:
        with server.connect() as connection:
            connection.sendall(request.start + cookie + request.rest)
            connection.settimeout(10 if request.is_whole else 0.2)
            try:
                answer = connection.recv(12)
            except TimeoutError:
                assert not request.is_whole, request
                return
        assert answer or not request.is_whole, request
        status = int(answer[9:12] or 400)
        assert status < 500 or status == 501 or (status, request.path) == (503, "/healthz"), request

    ask()
    assert server.process.poll() is None
    assert [server.status() for _ in range(20)] == [200] * 20


def test_the_login_needs_no_database_and_health_checks_hold_one_thread(server: Server) -> None:
    with ExitStack() as stack:
        locker = stack.enter_context(closing(sqlite3.connect(server.database)))
        locker.execute("PRAGMA locking_mode = EXCLUSIVE")
        locker.execute("BEGIN EXCLUSIVE")
        for _ in range(30):
            connection = stack.enter_context(server.connect())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        begun = time.monotonic()
        assert [server.status() for _ in range(3)] == [200] * 3
        assert time.monotonic() - begun < LEFT_AFTER


WHOLE = [
    BEGUN + b"Origin: http://127.0.0.1\r\nContent-Length: 10\r\n\r\npassword=x",
    BEGUN
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    BEGUN + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 62\r\n\r\n--x\r\n"
    b'Content-Disposition: form-data; name="password"\r\n\r\nx\r\n--x--\r\n',
    b"GET /?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=b\r\nRange: bytes=0-1\r\n\r\n",
]
EDITS = st.tuples(st.integers(0, 300), st.integers(0, 8), st.binary(max_size=6))


def test_no_bytes_end_in_a_fault_or_block_what_comes_after(server: Server) -> None:
    @settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")), derandomize=True)
    @given(st.sampled_from(WHOLE), st.lists(EDITS, min_size=1, max_size=6))
    def send(request: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        for place, deleted, inserted in edits:
            request = request[:place] + inserted + request[place + deleted :]
        with server.connect() as connection:
            connection.sendall(request)
            connection.settimeout(0.02)
            with suppress(TimeoutError, ConnectionResetError):  # it may wait for more
                status = int(connection.recv(12)[9:12] or 400)
                assert status < 500 or status == 501, request

    send()
    assert server.process.poll() is None
    assert [server.status() for _ in range(20)] == [200] * 20
