"""What the web says."""

from typing import Any

from db.models import Album, EntityType, Fact, Kind, LedgerRow, State
from tests.enrichment.library import RELEASE
from tests.mission.cases import Prepared, case, needs, recorded
from tests.mission.standing_fleet import StandingFleet
from tests.providers.server import page
from tests.providers.shapes import mb_id


def _enrichment(album_id: int) -> Any:
    return (
        (LedgerRow.kind == Kind.ENRICHMENT)
        & (LedgerRow.entity_type == EntityType.ALBUM)
        & (LedgerRow.entity_id == album_id)
    )


@case("metadata.enrich_batch")
def _enrich(fleet: StandingFleet) -> Prepared:
    fleet.web.routes[f"/musicbrainz/release/{mb_id(100)}"] = page(RELEASE)
    Album.update(musicbrainz_release_id=mb_id(100)).where(Album.id == 5).execute()
    needs(Kind.ENRICHMENT, EntityType.ALBUM, 5)
    told = Fact.select().where(Fact.entity_type == EntityType.ALBUM, Fact.entity_id == 5)
    assert not told.exists()
    return Prepared({"album_ids": [5]}, lambda _: told.exists())


@case("worker_deferred_enrichment.process_enrichment_batch")
def _pick(fleet: StandingFleet) -> Prepared:
    LedgerRow.delete().where(_enrichment(6)).execute()
    return Prepared({}, lambda _: LedgerRow.select().where(_enrichment(6)).exists())


@case("worker_deferred_enrichment.get_enrichment_stats")
def _stats(fleet: StandingFleet) -> Prepared:
    LedgerRow.delete().where(_enrichment(8)).execute()
    needs(Kind.ENRICHMENT, EntityType.ALBUM, 8)
    LedgerRow.update(state=State.FAILED).where(_enrichment(8)).execute()
    is_recorded = recorded("worker_deferred_enrichment.get_enrichment_stats")
    return Prepared({}, lambda job: job.return_value()["album"]["failed"] >= 1 and is_recorded(job))


@case("worker_deferred_enrichment.retry_failed_enrichments")
def _retry(fleet: StandingFleet) -> Prepared:
    needs(Kind.ENRICHMENT, EntityType.ALBUM, 7)
    LedgerRow.update(state=State.FAILED).where(_enrichment(7)).execute()
    # By the time of the look the work may have been done, and have failed for a reason of its own.
    untouched = _enrichment(7) & (LedgerRow.state == State.FAILED) & LedgerRow.reason.is_null()
    assert LedgerRow.select().where(untouched).exists()
    return Prepared({}, lambda _: not LedgerRow.select().where(untouched).exists())
