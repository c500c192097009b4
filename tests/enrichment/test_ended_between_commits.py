"""Enrichment and remote covers that end after any commit are completed by the next pick."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis

from db.models import Cover, EntityType, Fact, Kind, LedgerRow, State, utc_now
from jobs import covers, metadata
from jobs.worker_deferred_enrichment import process_enrichment_batch, retry_failed_enrichments
from tests.ended import end_after_each_commit, run_jobs
from tests.enrichment.conftest import Has
from tests.enrichment.library import RELEASE, album, artist, need
from tests.providers import library as pictures
from tests.providers.conftest import TurnOn
from tests.providers.server import WebServer, page, picture
from tests.providers.shapes import data, deezer_album, deezer_artist, mb_artist, mb_id

pytestmark = pytest.mark.usefixtures("tables")
Run = Callable[[], object]


@pytest.fixture
def end(
    tables: None, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Ends something after each of its commits; the next are picked afterwards."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")

    def pick() -> None:
        while process_enrichment_batch():
            run_jobs()

    return partial(end_after_each_commit, tmp_path / "kept", queues, later=pick)


@pytest.fixture
def known(musicbrainz: Has) -> tuple[int, int]:
    """An album and an artist that MusicBrainz knows; nobody asked for their enrichment yet."""
    musicbrainz(f"release/{mb_id(100)}", RELEASE)
    musicbrainz(f"artist/{mb_id(1)}", mb_artist(1, "Somebody"))
    return album(musicbrainz_release_id=mb_id(100)), artist(musicbrainz_id=mb_id(1))


def _enrich_both(album_id: int, artist_id: int) -> None:
    metadata.enrich_batch(album_ids=[album_id], artist_ids=[artist_id])


def test_all_is_enriched(known: tuple[int, int], end: Callable[..., int]) -> None:
    need(EntityType.ALBUM, known[0])
    need(EntityType.ARTIST, known[1])
    assert end(partial(_enrich_both, *known)) >= 4
    assert _states() == {State.DONE}


@pytest.mark.parametrize("job", [process_enrichment_batch, retry_failed_enrichments])
def test_all_that_is_to_be_enriched_is_picked(
    known: tuple[int, int], end: Callable[..., int], job: Run
) -> None:
    if job is retry_failed_enrichments:
        need(EntityType.ALBUM, known[0])
        need(EntityType.ARTIST, known[1])
        LedgerRow.update(state=State.FAILED, look_again_at=utc_now().replace(year=2100)).execute()
    assert end(job) >= 2
    assert _states() == {State.DONE}
    assert Fact.select().where(Fact.entity_type == EntityType.ARTIST).exists()


def test_all_remote_pictures_are_fetched(
    server: WebServer, turn_on: TurnOn, end: Callable[..., int]
) -> None:
    turn_on("deezer")
    url = f"{server.url}/blue.jpg"
    server.routes["/blue.jpg"] = picture(pictures.paint("blue", 40))
    server.routes["/deezer/search/album"] = page(
        data(deezer_album("Blue Record", "Somebody", url, tracks=0))
    )
    server.routes["/deezer/search/artist"] = page(data(deezer_artist("Somebody", url)))
    albums = [pictures.album(), pictures.album("Other", ("Nobody",))]
    artists = [pictures.artist("Some Band", None)]
    assert end(partial(covers.fetch_album_covers, albums)) >= 3
    assert end(partial(covers.fetch_artist_images, artists)) >= 2
    assert Cover.select().where(Cover.entity_type == EntityType.ALBUM).count() == 1


def _states() -> set[str]:
    query = LedgerRow.select(LedgerRow.state).where(LedgerRow.kind == Kind.ENRICHMENT)
    return {row.state for row in query.distinct()}
