"""The commands of the compose file, run by a small runner: a fleet without a supervisord."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose
from deploy.programs import ALIVE, PORT, described
from tests.databases import PostgresServer
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.music import write_track
from tests.waiting import PATIENCE, until
from worker.errors import ExitCode
from worker.topology import load

QUEUES = """\
[queues.all]
use = "every job there is"
jobs = ["*"]
timeout = "5m"
retries = 0

[programs.work]
queues = ["all"]
processes = 1
"""


class Runner:
    """Starts services as `docker compose up` does, in the folders of this test."""

    def __init__(self, command: FleetCommand, services: dict[str, Any], port: int) -> None:
        self.command, self.services, self.port = command, services, port
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.folder = command.data_dir.parent

    def environment(self, name: str) -> dict[str, str]:
        """What a service has in its environment, with paths of this machine."""
        own = self.command.environment
        given = {
            key: value.replace("0.0.0.0:8310", f"127.0.0.1:{self.port}")
            .replace("/run/secrets", str(self.folder))
            .replace(ALIVE, str(self.alive(name)))
            for key, value in self.services[name]["environment"].items()
        }
        kept = {key: own[key] for key in ("FLEET_QUEUES", "FLEET_REDIS_URL")}
        return own | given | kept

    def alive(self, name: str) -> Path:
        """The file that a service touches."""
        return self.folder / f"{name}.alive"

    def start(self, name: str) -> None:
        """Start a service."""
        python, *arguments = self.services[name]["command"]
        assert python == "python"
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment(name),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        """Whether a service passes its check."""
        _, *check = self.services[name]["healthcheck"]["test"]
        *shell, text = check
        text = text.replace("$$", "$").replace(f"/{PORT}", f"/{self.port}")
        text = text.replace(ALIVE, str(self.alive(name)))
        return not subprocess.run([*shell, text], capture_output=True, check=False).returncode

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`docker compose exec web fleet …`."""
        before = self.command.environment
        self.command.environment = self.environment("web")
        try:
            return self.command(*arguments)
        finally:
            self.command.environment = before


@pytest.fixture(scope="module")
def runner(postgres: PostgresServer, valkey: str) -> Iterator[Runner]:
    fleets = new_fleet(QUEUES)
    command = next(fleets)
    folder = command.data_dir.parent
    (folder / "database_url").write_text(postgres.empty())
    (folder / "web_password").write_text("a password")
    command.environment |= {"FLEET_REDIS_URL": valkey}
    command.environment.pop("PYTHONPATH")  # which leaves out the driver of PostgreSQL
    topology = load(folder / "queues.toml")
    services = yaml.safe_load(compose.files(described(topology))["compose.yaml"])["services"]
    ours = {name: each for name, each in services.items() if "build" in each}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    found = Runner(command, ours, port)
    for name, service in ours.items():
        if "profiles" not in service:
            found.start(name)
    yield found
    for process in found.processes.values():
        process.send_signal(signal.SIGTERM)
    for process in found.processes.values():
        process.wait(PATIENCE)
    next(fleets, None)


def test_a_fleet_that_compose_runs_scans_a_library(runner: Runner, tmp_path: Path) -> None:
    for number in (1, 2):
        write_track(tmp_path / f"{number}.ogg", title=f"Song {number}", album="Album", artist="Duo")
    answer = runner("scan", str(tmp_path))
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "2 tracks, 1 album" in answer.stdout
    assert "The fleet keeps running" not in answer.stderr


def test_each_program_shows_that_it_works(runner: Runner) -> None:
    for name in runner.processes:
        until(partial(runner.is_healthy, name), f"{name} to be healthy")


def test_a_worker_that_ends_has_a_successor_in_the_first_free_slot(runner: Runner) -> None:
    first = runner.processes["work"]
    first.kill()
    first.wait()
    runner.start("work")
    log = runner.folder / "work.log"
    until(lambda: log.read_text().count("begins: queues all") == 2)
    assert "work-2" not in log.read_text()


@pytest.mark.parametrize("command", ["up", "scale work 2"])
def test_what_compose_starts_and_stops_fleet_leaves_to_it(runner: Runner, command: str) -> None:
    answer = runner(*command.split())
    assert answer.returncode == ExitCode.BAD_INPUT
    assert "started and stopped by compose" in answer.stderr
    assert "docker compose up" in answer.stderr


def test_the_state_of_the_fleet_is_that_it_is_up(runner: Runner) -> None:
    assert '"up": true' in runner("status", "--json").stdout.replace('"up":true', '"up": true')
