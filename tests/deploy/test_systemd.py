"""The fleet under a real systemd: that of a user, in a mount namespace of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.programs import described
from deploy.systemd import Place, units_of
from tests.fleet.conftest import FleetCommand, new_fleet
from tests.fleet.forking import REPOSITORY
from tests.music import write_track
from tests.waiting import PATIENCE, until
from worker.errors import ExitCode
from worker.topology import load

SYSTEMD = Path("/lib/systemd/systemd")
QUEUES = """\
[queues.all]
use = "every job there is"
jobs = ["*"]
timeout = "5m"
retries = 0

[programs.work]
queues = ["all"]
processes = 1
start = "on-demand"
"""
BOOTED = """
mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system
mkdir -p /var/lib/systemd/linger && mount -t tmpfs tmpfs /var/lib/systemd/linger
touch "/var/lib/systemd/linger/$(id -un)"
exec "$0" --user --log-target=console
"""
"""The machine as it would be had systemd booted it, for what is below this shell alone."""
pytestmark = [
    pytest.mark.skipif(
        "TEST_SYSTEMD" not in os.environ,
        reason="two fleets take nine seconds of a core: `make units` has them run",
    ),
    pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has mount namespaces"),
]


class Session:
    """A user's systemd, and commands that have it as theirs."""

    def __init__(self, command: FleetCommand) -> None:
        self.command, self.home = command, Path(command.environment["HOME"])
        runtime = command.data_dir.parent / "runtime"
        runtime.mkdir(mode=0o700)
        kept = {"PATH", "HOME", *(key for key in command.environment if key.startswith("FLEET_"))}
        self.environment = {key: command.environment[key] for key in kept}
        self.environment["XDG_RUNTIME_DIR"] = str(runtime)
        self.log = (command.data_dir.parent / "systemd.log").open("wb")
        self.manager = subprocess.Popen(
            [str(shutil.which("unshare")), "--mount", "sh", "-c", BOOTED, str(SYSTEMD)],
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where this systemd is."""
        namespace = [str(shutil.which("nsenter")), f"--target={self.manager.pid}", "--mount", "--"]
        return subprocess.run(
            [*namespace, *command],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def fleet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`fleet`."""
        return self.run(sys.executable, "-m", "worker.cli", *arguments)

    def systemctl(self, *arguments: str) -> str:
        """`systemctl --user`, and what it prints."""
        return self.run("systemctl", "--user", *arguments).stdout.strip()

    def is_up(self) -> bool:
        """Whether it can be asked."""
        return self.systemctl("is-system-running") in {"running", "degraded"}

    def end(self) -> None:
        """End it with all that it runs."""
        if self.manager.poll() is None:
            self.manager.send_signal(signal.SIGTERM)
        self.manager.wait(PATIENCE)
        self.log.close()


@pytest.fixture
def session() -> Iterator[Session]:
    fleets = new_fleet(QUEUES)
    found = Session(next(fleets))
    try:
        until(lambda: found.manager.poll() is not None or found.is_up())
        if found.manager.poll() is not None:
            pytest.skip("systemd does not run in a namespace of this machine")
        yield found
    finally:
        found.end()
        next(fleets, None)


def test_a_service_runs_the_fleet_until_it_is_uninstalled(session: Session) -> None:
    answer = session.fleet("service", "install")
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert session.systemctl("is-enabled", "musicfleet.service") == "enabled"
    assert session.systemctl("is-active", "musicfleet.service") == "active"
    assert session.fleet("service", "uninstall").returncode == ExitCode.OK
    assert not list(session.home.rglob("musicfleet.service"))
    assert not (session.command.data_dir / "run/supervisor.sock").exists()


def test_units_of_single_programs_scan_a_library_and_start_what_runs_on_demand(
    session: Session, tmp_path: Path
) -> None:
    write_track(tmp_path / "1.ogg", title="Song", album="Album", artist="Duo")
    folder = session.home / ".config/systemd/user"
    folder.mkdir(parents=True)
    place = Place(
        is_system=False,
        bin=str(Path(sys.executable).parent),
        data_dir=str(session.command.data_dir),
        queues=session.environment["FLEET_QUEUES"],
        environment=(("FLEET_ANALYSIS_SECONDS", "off"), ("PYTHONPATH", str(REPOSITORY))),
    )
    fleet = described(load(Path(session.environment["FLEET_QUEUES"])))
    for name, text in units_of(fleet, place).items():
        (folder / name).write_text(text)
    session.systemctl("daemon-reload")
    session.systemctl("mask", "musicfleet-web.service")  # whose port others may have
    session.systemctl("start", "musicfleet.target")
    assert session.systemctl("is-active", "musicfleet-work@1.service") == "inactive"
    session.environment["FLEET_SUPERVISOR"] = "systemd"
    until((session.command.data_dir / "run/slots/recovery-1.lock").exists)
    answer = session.fleet("scan", str(tmp_path))
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert "1 track" in answer.stdout
    assert session.systemctl("is-active", "musicfleet-work@1.service") == "active"
