"""`fleet web`, and where the page listens."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fleet.conftest import REPOSITORY, FleetCommand, new_fleet
from tests.waiting import PATIENCE
from tests.web.conftest import PageFleet
from worker.errors import ExitCode


def read(url: str) -> str:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


@pytest.fixture
def fleet() -> Iterator[FleetCommand]:
    """A fleet that is not up."""
    yield from new_fleet()


def test_the_fleet_tells_where_its_page_is(page_fleet: PageFleet) -> None:
    told = page_fleet.command("web", "--where")
    assert told.stdout == f"{page_fleet.url}\n"
    assert f"Web UI: {page_fleet.url}" in page_fleet.command("up").stderr
    assert "<title>Albums" in page_fleet.get("/").text


def test_without_a_fleet_it_serves_by_itself_until_it_is_told_to_stop(fleet: FleetCommand) -> None:
    process = fleet.start("web", "--listen", "127.0.0.1:0")
    assert process.stderr is not None
    line = process.stderr.readline()
    (url,) = re.findall(r"listening at (http://127\.0\.0\.1:\d+/)", line)
    assert "/folders" in read(url)  # nothing is scanned yet
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert "Traceback" not in process.stderr.read()
    process.communicate()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "example.org:80"])
def test_an_address_that_others_reach_demands_a_password(fleet: FleetCommand, address: str) -> None:
    for result in (fleet("web", "--listen", address), fleet("up", FLEET_WEB=address)):
        assert result.returncode == ExitCode.BAD_INPUT
        assert "FLEET_WEB_PASSWORD is not set" in result.stderr
    assert not (fleet.data_dir / "supervisord.conf").exists()


@pytest.mark.parametrize("text", ["8310", "localhost", "[::1]:99999", "a b:1", ":1", "h:-1", ""])
def test_what_is_no_address_is_said_to_be_none(fleet: FleetCommand, text: str) -> None:
    result = fleet("web", "--listen", text or " ")
    assert result.returncode == ExitCode.BAD_INPUT
    assert "write HOST:PORT" in result.stderr


def test_a_port_that_another_has_is_named_with_the_remedy(fleet: FleetCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        result = fleet("web", "--listen", address)
    assert result.returncode == ExitCode.BAD_INPUT
    assert f"cannot listen at {address}: another program has it" in result.stderr


def test_a_supervised_page_waits_for_its_port_and_then_takes_it(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "FLEET_DATA_DIR": str(tmp_path / "d")}
    with socket.create_server(("127.0.0.1", 0)) as other:
        environment["FLEET_WEB"] = f"127.0.0.1:{other.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "web"],
            env=environment,
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "another program has it" in process.stderr.readline()
    assert "listening at" in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=PATIENCE)


def test_the_password_is_written_nowhere(fleet: FleetCommand) -> None:
    fleet("config", "show", FLEET_WEB_PASSWORD="correct horse", FLEET_WEB="0.0.0.0:0")
    found = [each for each in fleet.data_dir.parent.rglob("*") if each.is_file()]
    assert not [each for each in found if b"correct horse" in each.read_bytes()]
