"""A complete fleet for the tests here."""

from collections.abc import Iterator

import pytest

from tests.mission.standing_fleet import StandingFleet, standing_fleet


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingFleet]:
    """A fleet for all of them."""
    with standing_fleet(tmp_path_factory.mktemp("mission")) as running:
        yield running
