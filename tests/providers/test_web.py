"""Asking for a URL: what is sent, how much is taken, how long it may take, and where it leads."""

import gzip
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from jobs.providers.errors import BadDownloadError, StumbledError
from jobs.providers.web import Content, Timeouts, Web
from tests.providers.server import (
    Request,
    WebServer,
    picture,
    redirect,
    status,
    unstoppable,
)

MOST = 100_000
IMPATIENT = Timeouts(connect=1, read=0.3, total=0.6)


@pytest.fixture
def web(server: WebServer) -> Iterator[Web]:
    """A client whose service is the test's server."""
    with Web("owner@example.org", own_url=server.url, timeouts=IMPATIENT) as client:
        yield client


def no_pause() -> None:
    """Bytes as fast as they are taken."""


def test_the_server_is_told_who_asks(server: WebServer, web: Web) -> None:
    web.get(f"{server.url}/", MOST)
    assert server.headers[0]["User-Agent"].startswith("musicfleet/")
    assert server.headers[0]["User-Agent"].endswith("( owner@example.org )")


def test_no_cookie_is_sent_back(server: WebServer, web: Web) -> None:
    server.routes["/"] = status(200, Set_Cookie="visitor=1; Path=/")
    for _ in range(2):
        web.get(f"{server.url}/", MOST)
    assert "Cookie" not in server.headers[1]


def test_a_proxy_of_the_environment_is_left_out(
    server: WebServer, inner: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", inner.url)
    monkeypatch.setenv("ALL_PROXY", inner.url)
    with Web(own_url=server.url) as client:
        assert client.get(f"{server.url}/", MOST).status == 404


def test_a_compressed_answer_is_unpacked(server: WebServer, web: Web) -> None:
    body = b"text " * 1000
    server.routes["/"] = status(200, gzip.compress(body), Content_Encoding="gzip")
    assert web.get(f"{server.url}/", MOST).body == body


def test_a_body_that_is_declared_too_large_is_not_taken(server: WebServer, web: Web) -> None:
    server.routes["/"] = picture(bytes(MOST + 1))
    with pytest.raises(BadDownloadError, match="more than 100,000 bytes"):
        web.get(f"{server.url}/", MOST)


def test_an_endless_body_is_not_taken(server: WebServer, web: Web) -> None:
    server.routes["/"] = unstoppable(bytes(10_000), no_pause)
    with pytest.raises(BadDownloadError, match="more than 100,000 bytes"):
        web.get(f"{server.url}/", MOST)


def test_a_gzip_bomb_is_not_unpacked(server: WebServer, web: Web) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    data = b"".join([*(bomb.compress(bytes(2**20)) for _ in range(64)), bomb.flush()])
    assert len(data) < MOST
    server.routes["/"] = status(200, data, Content_Encoding="gzip")
    with pytest.raises(BadDownloadError, match="more than 100,000 bytes"):
        web.get(f"{server.url}/", MOST)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(
    server: WebServer, web: Web, encoding: str
) -> None:
    server.routes["/"] = status(200, b"?", Content_Encoding=encoding)
    with pytest.raises(StumbledError, match="in the encoding"):
        web.get(f"{server.url}/", MOST)


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
def test_an_answer_that_breaks_off_is_no_answer(
    server: WebServer, web: Web, headers: dict[str, str]
) -> None:
    def answer(request: Request) -> None:
        status(200, gzip.compress(b"text"), Content_Length="1000", **headers)(request)
        request.close_connection = True

    server.routes["/"] = answer
    with pytest.raises(StumbledError):
        web.get(f"{server.url}/", MOST)


def test_gzip_that_breaks_off_is_no_answer(server: WebServer, web: Web) -> None:
    server.routes["/"] = status(200, gzip.compress(b"text")[:-4], Content_Encoding="gzip")
    with pytest.raises(StumbledError, match="before its end"):
        web.get(f"{server.url}/", MOST)


def test_a_server_that_says_nothing_is_left(server: WebServer, web: Web) -> None:
    server.routes["/"] = lambda _: time.sleep(1)
    with pytest.raises(StumbledError, match="does not answer"):
        web.get(f"{server.url}/", MOST)


def test_a_server_that_sends_a_byte_at_a_time_is_left(server: WebServer, web: Web) -> None:
    """Each byte comes well within the time for reading; all of them within none."""
    server.routes["/"] = unstoppable(b".", lambda: time.sleep(0.05))
    with pytest.raises(StumbledError, match="does not answer"):
        web.get(f"{server.url}/", MOST)


def test_a_server_that_sends_headers_without_end_is_left(server: WebServer, web: Web) -> None:
    def answer(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            request.wfile.write(f"X-{number}: .\r\n".encode())
            request.wfile.flush()
            time.sleep(0.05)

    server.routes["/"] = answer
    with pytest.raises(StumbledError, match="does not answer"):
        web.get(f"{server.url}/", MOST)


def test_a_server_that_is_not_there_does_not_answer(web: Web, server: WebServer) -> None:
    server_url = server.url
    server.stop()
    with pytest.raises(StumbledError, match="does not answer"):
        web.get(server_url, MOST)
    server.__post_init__()  # for the fixture to stop


def test_a_redirect_is_followed(server: WebServer, web: Web) -> None:
    server.routes |= {"/a": redirect("/b", 307), "/b": picture(b"there")}
    assert web.get(f"{server.url}/a", MOST).body == b"there"


def test_redirects_in_a_circle_end(server: WebServer, web: Web) -> None:
    server.routes |= {"/a": redirect("/b"), "/b": redirect("/a")}
    with pytest.raises(BadDownloadError, match="redirects more than 5 times"):
        web.get(f"{server.url}/a", MOST)
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "https://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0/",
        "http://10.0.0.1/router",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://[fe80::1]/",
        "http://168.63.129.16/",
    ],
)
def test_a_redirect_to_a_host_that_is_not_public_is_not_followed(
    server: WebServer, web: Web, place: str
) -> None:
    server.routes["/"] = redirect(place)
    with pytest.raises(BadDownloadError, match="no public host"):
        web.get(f"{server.url}/", MOST)


def test_a_redirect_to_another_port_of_the_same_host_is_not_followed(
    server: WebServer, web: Web, inner: WebServer
) -> None:
    server.routes["/"] = redirect(inner.url)
    with pytest.raises(BadDownloadError, match="named with port"):
        web.get(f"{server.url}/", MOST)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/", "only http and https"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "only http and https"),
        ("http://user:password@example.org/", "user name"),
        ("http://example.org:6379/", "named with port"),
    ],
)
def test_a_redirect_to_what_is_not_the_web_is_not_followed(
    server: WebServer, web: Web, place: str, why: str
) -> None:
    server.routes["/"] = redirect(place)
    with pytest.raises(BadDownloadError, match=why):
        web.get(f"{server.url}/", MOST)


def test_a_redirect_to_nonsense_is_no_answer(server: WebServer, web: Web) -> None:
    server.routes["/"] = redirect("http://example.org:port/")
    with pytest.raises(BadDownloadError, match="this is no URL"):
        web.get(f"{server.url}/", MOST)


@pytest.fixture
def by_tls() -> Iterator[tuple[WebServer, trustme.CA]]:
    """A server that shows a certificate for localhost, and the authority that made it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    running = WebServer(tls=context)
    yield running, authority
    running.stop()


def test_a_certificate_of_an_authority_that_nobody_trusts_is_refused(
    by_tls: tuple[WebServer, trustme.CA],
) -> None:
    server, _ = by_tls
    refused = pytest.raises(StumbledError, match="certificate verify failed")
    with Web(own_url=server.url) as client, refused:
        client.get(f"{server.url}/", MOST)
    assert server.asked == []


@pytest.mark.parametrize(("host", "is_meant"), [("localhost", True), ("127.0.0.1", False)])
def test_the_certificate_is_checked_against_the_name(
    by_tls: tuple[WebServer, trustme.CA],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    host: str,
    is_meant: bool,
) -> None:
    server, authority = by_tls
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    url = server.url.replace("localhost", host)
    with Web(own_url=url) as client:
        if is_meant:
            assert client.get(f"{url}/", MOST).status == 404
        else:
            with pytest.raises(StumbledError, match="certificate verify failed"):
                client.get(f"{url}/", MOST)
    assert len(server.asked) == is_meant


def test_loopback_is_refused_to_a_service_that_is_not_there(inner: WebServer) -> None:
    with Web() as client, pytest.raises(BadDownloadError):
        client.get(inner.url, MOST)


def test_loopback_is_allowed_for_the_one_place_that_the_owner_named(
    server: WebServer, inner: WebServer
) -> None:
    with Web(own_url=server.url) as client:
        assert client.get(server.url, MOST).status == 404
        with pytest.raises(BadDownloadError):
            client.get(inner.url, MOST)


def test_a_name_is_resolved_once_and_the_connection_made_to_that_address(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers with another address each time (DNS rebinding) gains nothing."""
    port = int(server.url.rpartition(":")[2])
    answers = ["127.0.0.1", "10.255.255.1"]
    monkeypatch.setattr(socket, "getaddrinfo", _names(answers, socket.getaddrinfo))
    with Web(own_url=f"http://rebinding.test:{port}") as client:
        assert client.get(f"http://rebinding.test:{port}/", MOST).status == 404
    assert answers == ["10.255.255.1"]


def _names(answers: list[str], real: Callable[..., Any]) -> Callable[..., Any]:
    """A resolver that knows one more name, and gives the next of its answers each time."""

    def resolver(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "rebinding.test":
            host = answers.pop(0)
        return real(host, *arguments, **options)

    return resolver


def test_a_form_is_posted_with_each_value_of_a_field(server: WebServer, web: Web) -> None:
    server.routes["/"] = status(200, b"done")
    form = Content.form({"name": "A & b", "song": ["1", "2"]})
    assert web.send("POST", f"{server.url}/", MOST, form).body == b"done"
    assert server.bodies == [b"name=A+%26+b&song=1&song=2"]
    assert server.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def test_what_is_posted_follows_no_redirect(server: WebServer, web: Web) -> None:
    server.routes["/"] = redirect(f"{server.url}/elsewhere?t=secret")
    with pytest.raises(BadDownloadError, match="/elsewhere — give that address"):
        web.send("POST", f"{server.url}/", MOST, Content.json({}))
    assert [path for path, _ in server.asked] == ["/"]
