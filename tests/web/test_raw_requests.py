"""Requests as no browser writes them, against the page of a real fleet."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.waiting import PATIENCE
from tests.web.conftest import PageFleet

DIGEST = "0" * 64


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/images/../../library.db",
        "/images/%2e%2e/%2e%2e/library.db",
        "/images/%2e%2e%2f%2e%2e%2flibrary.db/original",
        "/images/..%5c..%5clibrary.db/original",
        f"/images/{DIGEST}/..%2f..%2f..%2flibrary.db",
        "/images//etc/passwd",
        "/images/%2fetc%2fpasswd/original",
        f"/images/{DIGEST}%00/original",
        f"/images/{'f' * 10_000}/original",
        "/images/%c0%ae%c0%ae/original",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "//etc/passwd",
        "/albums/%00",
        "/rq/static/..%2f..%2fweb.py",
    ],
)
def test_no_path_leads_out(page_fleet: PageFleet, path: str) -> None:
    answer = page_fleet.get(path)
    assert answer.status in {301, 308, 400, 404, 431}
    assert b"root:" not in answer.body
    assert b"SQLite format" not in answer.body
    assert b"import " not in answer.body


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"POST /queues/scan/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999999\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_a_malformed_request_is_refused_and_the_next_one_served(
    page_fleet: PageFleet, request_: bytes
) -> None:
    parts = urlsplit(page_fleet.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as connection:
        connection.sendall(request_ + b"\r\n\r\n")
        status = connection.recv(12)
    assert status.startswith(b"HTTP/1.")
    assert int(status.split()[1]) >= 400
    assert page_fleet.get("/login").status in {200, 302}


def test_only_this_machine_reaches_a_page_without_a_password(page_fleet: PageFleet) -> None:
    port = urlsplit(page_fleet.url).port
    listening = [
        line.split()[1].split(":")[0]
        for file in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(file).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    ]
    assert listening == ["0100007F"]


def test_a_size_that_was_not_made_yet_is_made_once_and_kept(page_fleet: PageFleet) -> None:
    originals = page_fleet.command.data_dir / "images" / "originals"
    sizes = {each.stat().st_size: each for each in originals.rglob("*") if each.is_file()}
    digest = sizes[max(sizes)].name
    answers = [page_fleet.get(f"/images/{digest}/500.jpg") for _ in range(2)]
    assert [each.status for each in answers] == [200, 200]
    made = page_fleet.command.data_dir / "images/500" / digest[:2] / digest[2:4] / f"{digest}.jpg"
    assert answers[1].body == made.read_bytes()
    assert "immutable" in answers[1].headers["Cache-Control"]
