"""What connections and requests do to the server, which no browser would open or send."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.fleet.conftest import REPOSITORY

PASSWORD = "correct horse"
BEGUN = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = BEGUN + b"Content-Length: 60000\r\n\r\npassword="


class Server(NamedTuple):
    """The web UI as supervisord starts it, with a password, and where it listens."""

    process: "subprocess.Popen[str]"
    host: str
    port: int

    def connect(self) -> socket.socket:
        """A connection; reading from it ends after twenty seconds."""
        return socket.create_connection((self.host, self.port), timeout=20)

    def status(self, path: str = "/login") -> int:
        """The status of the answer to a GET, on a connection of its own."""
        with closing(HTTPConnection(self.host, self.port, timeout=5)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status


@pytest.fixture(scope="module")
def server(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A web UI in a process of its own, for all tests of this module."""
    environment = {
        "PATH": os.environ["PATH"],
        "FLEET_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "FLEET_REDIS_URL": valkey,
        "FLEET_WEB": "127.0.0.1:0",
        "FLEET_WEB_PASSWORD": PASSWORD,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "web"],
        env=environment,
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = process.stderr.readline().split()[-1]
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    yield Server(process, parts.hostname, parts.port)
    process.terminate()
    assert "Traceback" not in process.communicate(timeout=10)[1]


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


@pytest.mark.parametrize("sent", [b"", b"GET", BEGUN, BODY], ids=["idle", "half", "header", "body"])
def test_connections_that_send_no_whole_request_make_it_deaf_to_nobody(
    server: Server, sent: bytes
) -> None:
    with ExitStack() as stack:
        for _ in range(400):
            connection = stack.enter_context(server.connect())
            if sent:
                connection.sendall(sent)
        begun = time.monotonic()
        assert server.status() == 200
        assert time.monotonic() - begun < 2


def test_connections_that_were_served_and_stay_make_it_deaf_to_nobody(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(220):
            connection = stack.enter_context(server.connect())
            connection.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert server.status() == 200


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
            while time.monotonic() - begun < 14:
                header.sendall(b"X: y\r\n")
                body.sendall(b"x")
                time.sleep(0.5)
        except OSError:
            pass
        assert 9 < time.monotonic() - begun < 13
        assert all(map(is_ended, (idle, header, body, again)))
        assert time.monotonic() - begun < 14


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with closing(HTTPConnection(server.host, server.port, timeout=5)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", "/login")
            assert connection.getresponse().read()
            time.sleep(0.5)
        assert connection.sock is first
