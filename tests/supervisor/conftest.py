"""A fleet of its own for a test: a data folder with a short path, and `fleet` as a process."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

QUEUES = """\
[queues.all]
use = "every job there is"
jobs = ["*"]
timeout = "5m"
retries = 0

[programs.work]
queues = ["all"]
processes = 2
"""

Fleet = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder whose path is short enough for unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def environment(data_dir: Path) -> dict[str, str]:
    """The environment in which `fleet` uses that folder and a small topology."""
    queues = data_dir.parent / "queues.toml"
    queues.write_text(QUEUES)
    own = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    home = data_dir.parent / "home"
    home.mkdir()
    return own | {
        "FLEET_DATA_DIR": str(data_dir),
        "FLEET_QUEUES": str(queues),
        "HOME": str(home),
    }


@pytest.fixture(scope="module")
def fleet(environment: dict[str, str]) -> Iterator[Fleet]:
    """Run `fleet` with arguments (and other settings, by name); whatever it starts is stopped."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "worker.cli", *arguments],
            cwd=REPOSITORY,
            env=environment | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    yield run
    run("down")


@pytest.fixture(scope="module")
def in_environment(environment: dict[str, str]) -> Iterator[None]:
    """The test's own process in that environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLEET_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
