"""The mission's acceptance: scan a small folder, and see in logs, tables and page what it did."""

import re
import threading
from collections import Counter
from pathlib import Path

import pytest

from db.models import Album, Artist, Cover, EntityType
from tests.mission.standing_fleet import StandingFleet
from tests.music import picture, write_track
from tests.web.conftest import ADDRESS, client_of
from web.app import create_app
from worker.errors import ExitCode

ARTIST_IMAGES, ALBUM_COVERS = "covers.process_artist_images", "covers.process_album_covers"


@pytest.fixture(scope="module")
def scanned(fleet: StandingFleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder after `fleet scan`."""
    folder = tmp_path_factory.mktemp("accepted") / "The Accepted"
    front = [picture("orange")]
    for number in (1, 2):
        tags = {"artist": "The Accepted", "album": "Accepted", "title": f"Song {number}"}
        write_track(folder / "Accepted" / f"{number}.flac", front, pitch=250 + number, **tags)
    (folder / "artist.jpg").write_bytes(picture("olive"))
    ended = fleet.command("scan", str(folder))
    assert ended.returncode == ExitCode.OK, ended.stderr
    return folder


@pytest.mark.parametrize("name", [ARTIST_IMAGES, ALBUM_COVERS])
def test_the_log_has_each_start_and_each_end_of_the_job(
    fleet: StandingFleet, scanned: Path, name: str
) -> None:
    log = fleet.command("logs", "covers").stdout.splitlines()
    mine = [line for line in log if name in line]
    begun, ended = _jobs(mine, "started"), _jobs(mine, "ended")
    assert begun
    assert begun == ended
    assert len(mine) == begun.total() + ended.total()
    assert any(": 1 done" in line for line in mine)


def _jobs(lines: list[str], verb: str) -> Counter[str]:
    """The ids of the jobs of the entries that have this verb behind the name and the id."""
    found = [re.search(rf"\[job=(\S+) .*\]: \S+ \1 {verb}\b", line) for line in lines]
    return Counter(each[1] for each in found if each)


def test_the_table_of_covers_has_rows_of_each_type(fleet: StandingFleet, scanned: Path) -> None:
    album, artist = Album.get(Album.title == "Accepted"), Artist.get(Artist.name == "The Accepted")
    of_album = (Cover.entity_type == EntityType.ALBUM) & (Cover.entity_id == album.id)
    of_artist = (Cover.entity_type == EntityType.ARTIST) & (Cover.entity_id == artist.id)
    rows = Cover.select().where(of_album | of_artist)
    assert {(row.entity_type, row.source) for row in rows} == {
        ("album", "embedded"),
        ("artist", "folder"),
    }


def test_the_page_shows_the_images(fleet: StandingFleet, scanned: Path) -> None:
    page = client_of(create_app(ADDRESS, "", threading.Event()))
    for kind, entity in (
        (EntityType.ALBUM, Album.get(Album.title == "Accepted")),
        (EntityType.ARTIST, Artist.get(Artist.name == "The Accepted")),
    ):
        shown = Cover.get((Cover.entity_type == kind) & (Cover.entity_id == entity.id))
        digest = shown.image.digest
        assert f"/images/{digest}/300" in page.get(f"/{kind}s/{entity.id}").text
        assert page.get(f"/images/{digest}/300.jpg").status_code == 200
