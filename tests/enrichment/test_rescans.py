"""What a scan finds changed is enriched again, and what never was waits for its turn."""

from pathlib import Path

import redis

from db.models import EntityType, Kind, LedgerRow, State, Track
from tests.enrichment.library import standing
from tests.music import write_track
from tests.pipeline.test_vectors import scan_alone


def settled(entity_type: EntityType, entity_id: int) -> None:
    """It was enriched."""
    LedgerRow.create(
        kind=Kind.ENRICHMENT, entity_type=entity_type, entity_id=entity_id, state=State.DONE
    )


def test_other_tags_ask_for_what_was_enriched_by_the_old_ones(
    database: str, queues: redis.Redis, tmp_path: Path
) -> None:
    write_track(tmp_path / "album" / "a.mp3", title="a", album="A", artist="Ann")
    write_track(tmp_path / "single" / "b.mp3", title="b", artist="Bob")
    scan_alone(tmp_path, queues)
    rows = {row.title: row for row in Track.select()}
    settled(EntityType.ALBUM, rows["a"].album_id)
    settled(EntityType.TRACK, rows["a"].id)
    settled(EntityType.TRACK, rows["b"].id)
    scan_alone(tmp_path, queues)
    assert standing(EntityType.ALBUM, rows["a"].album_id).state == State.DONE
    write_track(tmp_path / "album" / "a.mp3", title="aa", album="A", artist="Ann")
    write_track(tmp_path / "single" / "b.mp3", title="bb", artist="Bob")
    scan_alone(tmp_path, queues)
    assert standing(EntityType.ALBUM, rows["a"].album_id).state == State.TODO
    assert standing(EntityType.TRACK, rows["a"].id).state == State.DONE
    assert standing(EntityType.TRACK, rows["b"].id).state == State.TODO


def test_a_scan_alone_asks_for_no_enrichment(
    database: str, queues: redis.Redis, tmp_path: Path
) -> None:
    write_track(tmp_path / "a.mp3", title="a", album="A", artist="Ann")
    scan_alone(tmp_path, queues)
    assert not LedgerRow.select().where(LedgerRow.kind == Kind.ENRICHMENT).exists()
