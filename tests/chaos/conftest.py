"""A fleet and a library for the tests here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from db.sql.connection import open_database
from tests.chaos.albums import write_album, write_albums
from tests.chaos.chaos_fleet import ChaosFleet, chaos_fleet, tables
from tests.chaos.recovery_times import RECORDED
from tests.pipeline.in_process import scanned_into
from tests.pipeline.tables import Content
from tests.sums import check_sums

SMALL_ALBUMS = 60


@pytest.fixture(scope="package")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of music: small albums, and the larger `flushed`."""
    parent = tmp_path_factory.mktemp("music")
    for number in range(SMALL_ALBUMS):
        write_album(parent, f"small{number:03}")
    write_albums(parent, "flushed", 20, 4)
    return parent


@pytest.fixture(scope="package")
def known(music: Path, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What the tables say after an undisturbed scan of it all."""
    with scanned_into(tmp_path_factory.mktemp("data"), music, valkey):
        return tables()


@pytest.fixture(scope="package")
def albums(music: Path) -> Iterator[Path]:
    """The small albums; a test takes one that nobody has scanned before."""
    return iter(sorted(music.glob("small*")))


@pytest.fixture
def album(albums: Iterator[Path]) -> Path:
    """An album for one test."""
    return next(albums)


@pytest.fixture(scope="package")
def running(known: Content) -> Iterator[ChaosFleet]:
    """A fleet for many tests."""
    with chaos_fleet() as started:
        started.up()
        yield started


@pytest.fixture(autouse=True)
def recovery_times(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What a test measures goes with its report, to be printed when all have ended."""
    yield
    for what, seconds in RECORDED:
        record_property(what, seconds)
    RECORDED.clear()


@pytest.fixture
def fleet(running: ChaosFleet) -> Iterator[ChaosFleet]:
    """A fleet that is up; a test that ends it starts it again."""
    open_database()
    yield running
    running.orders.withdraw()
    open_database()
    check_sums()
