"""When the parts of a scan have jobs enqueued for what they need."""

from typing import Any

import pytest
import redis

from db import ledger
from db.models import Album, EntityType, Kind, Scan, utc_now
from db.sql.connection import transaction
from jobs.entities import enqueue_part
from tests.databases import ON_SQLITE
from worker import dispatch

ALBUMS = ledger.need_for(Kind.COVER, EntityType.ALBUM)
ARTISTS = ledger.need_for(Kind.PICTURE, EntityType.ARTIST)


def held(need: ledger.Need) -> list[Any]:
    """The ids that each job of a need is given that waits."""
    return [job.arguments[need.argument] for job in dispatch.held_jobs(need.job)]


@pytest.fixture
def albums(database: str, queues: redis.Redis) -> list[int]:
    """Albums that need covers."""
    ids = [int(Album.create(key=str(number)).id) for number in range(4)]
    with transaction():
        ledger.need(ALBUMS.kind, ALBUMS.entity_type, ids)
    return ids


@ON_SQLITE
def test_the_first_albums_of_a_scan_are_enqueued_at_once_and_the_next_are_gathered(
    albums: list[int],
) -> None:
    scan = Scan.create(root="/music")
    for album in albums:
        enqueue_part({ALBUMS: [album], ARTISTS: [1]}, scan)
    assert held(ALBUMS) == [albums[:1]]
    assert held(ARTISTS) == []


@ON_SQLITE
def test_the_end_of_a_scan_enqueues_whatever_is_left_to_do(albums: list[int]) -> None:
    scan = Scan.create(root="/music")
    enqueue_part({ALBUMS: albums[:2]}, scan)
    scan.finished_at = utc_now()
    enqueue_part({ALBUMS: albums[2:]}, scan)
    assert held(ALBUMS)[1:] == [albums]


@ON_SQLITE
def test_what_a_part_of_a_forgotten_scan_needs_is_enqueued_at_once(albums: list[int]) -> None:
    for album in albums:
        enqueue_part({ALBUMS: [album], ARTISTS: [1]}, None)
    assert held(ALBUMS) == [[album] for album in albums]
    assert held(ARTISTS) == [[1]] * len(albums)
