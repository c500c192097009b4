"""A fleet of its own for the tests of a file, with a small topology."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.conftest import FleetCommand, new_fleet

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


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetCommand]:
    """`fleet` for the tests of a file; whatever it starts is stopped."""
    yield from new_fleet(QUEUES)


@pytest.fixture(scope="module")
def data_dir(fleet: FleetCommand) -> Path:
    """Its data folder, whose path is short enough for unix sockets."""
    return fleet.data_dir


@pytest.fixture(scope="module")
def environment(fleet: FleetCommand) -> dict[str, str]:
    """The environment that it runs in."""
    return fleet.environment


@pytest.fixture(scope="module")
def in_environment(environment: dict[str, str]) -> Iterator[None]:
    """The test's own process in that environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLEET_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
