"""The life of a track, album or artist: what is kept of what happened to it, by time."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from db import ledger, settings
from db.models import (
    Album,
    AudioFeatures,
    ChosenImage,
    Cluster,
    ClusterMembership,
    ClusterModel,
    Cover,
    EntityType,
    Fact,
    Image,
    Kind,
    LedgerRow,
    Problem,
    Scan,
    State,
    Track,
    Vector,
)
from tests.clusters.groups import add_artist, add_tracks, hear, new_model, sound
from worker import dispatch
from worker.errors import BadInputError
from worker.status.life import life

DAY = datetime(2026, 11, 30, 12)
HEAD = "2026-11-30T12:{}:00.000+00:00 INFO covers-1 [job={} name=covers.x attempt=1{}]: {}\n"


def at(minutes: int) -> datetime:
    return DAY + timedelta(minutes=minutes)


def add_events() -> None:
    """One event of each kind for the track 1, a minute after the other."""
    add_tracks(2)
    add_artist(1, "Björk", 1)
    written = int(at(0).replace(tzinfo=UTC).timestamp() * 1e9)
    Track.update(added_at=at(1), mtime_ns=written, missing_since=at(20)).where(
        Track.id == 1
    ).execute()
    Scan.create(root="/music", started_at=at(1), finished_at=at(2))
    Scan.create(root="/other", started_at=at(1), finished_at=at(2))
    image = Image.create(digest="a", mime="image/png", bytes=1, added_at=at(3))
    of_it = {"entity_type": "track", "entity_id": 1}
    Cover.create(**of_it, image=image, source="embedded", rank=0, source_path="/music/1.mp3")
    ChosenImage.create(**of_it, image=image, source_path="/my.png", chosen_at=at(4))
    for field in ("title", "isrcs"):
        Fact.create(**of_it, field=field, value="x", source="web", fetched_at=at(5), score=1)
    sound(1)
    AudioFeatures.update(analysed_at=at(6)).execute()
    hear(EntityType.TRACK, new_model(), 1, 1)
    Vector.update(made_at=at(7)).execute()
    ledger.need(Kind.VECTOR, EntityType.TRACK, [1])
    LedgerRow.update(state=State.FAILED, reason="no model", attempt=2, lease="J0").execute()
    Problem.create(
        path="/music/1.mp3",
        stage="read",
        code="damaged",
        message="broken",
        first_seen=at(9),
        last_seen=at(10),
    )
    model = ClusterModel.create(
        entity_type="track",
        method="gmm",
        entities=1,
        searched=1,
        clusters=1,
        vector_model=1,
        parameters=b"",
    )
    cluster = Cluster.create(entity_type="track", name="calm", size=1)
    ClusterMembership.create(
        model=model, cluster=cluster, entity_id=1, probability=1, is_primary=True, made_at=at(8)
    )


@pytest.fixture
def logged(data_dir: object) -> None:
    """The log of a program: a batch with the track, one without it, and another job's line."""
    settings.prepare_data_dir()
    (settings.run_dir() / "covers-1.log").write_text(
        HEAD.format(11, "J1", " entity=track:1-2", "started: 2 tracks")
        + HEAD.format(11, "J1", " entity=track:2", "cover of 1 track none: of another")
        + HEAD.format(11, "J1", " entity=track:1", "cover of 1 track none: no picture")
        + HEAD.format(12, "J1", "", "ended: 2 done")
        + HEAD.format(12, "J2", " entity=track:2", "started: 1 track")
        + HEAD.format(12, "J2", "", "ended: of another")
    )


@pytest.mark.usefixtures("logged")
def test_the_life_of_a_track_is_every_event_by_time_and_what_has_no_date_last(
    database: str, queues: redis.Redis
) -> None:
    add_events()
    job_id = dispatch.enqueue("vectorization.batch", track_ids=[1, 2])
    dispatch.enqueue("vectorization.batch", track_ids=[2])
    found = life(EntityType.TRACK, 1)
    dated = [each for each in found if each.at and each.at < at(60).replace(tzinfo=UTC)]
    assert [(each.at.minute if each.at else None, each.kind, each.text) for each in dated] == [
        (0, "file", "its file was written last, by the date of the file"),
        (1, "file", "/music/1.mp3 was added"),
        (2, "scan", "scan 1 of /music ended"),
        (3, "cover", "the image that it shows as front was stored"),
        (4, "cover", "/my.png was chosen as front"),
        (5, "fact", "web said: isrcs, title"),
        (6, "sound", "its sound was analysed by soundfile: 61 s"),
        (7, "vector", "its vector was made by model 1"),
        (8, "cluster", "belongs to the cluster calm, by model 1"),
        (9, "problem", "first seen: /music/1.mp3: broken (read, damaged)"),
        (10, "problem", "last seen: /music/1.mp3: broken (read, damaged)"),
        (11, "log", "covers-1 covers.x started: 2 tracks"),
        (11, "log", "covers-1 covers.x cover of 1 track none: no picture"),
        (12, "log", "covers-1 covers.x ended: 2 done"),
        (20, "file", "/music/1.mp3 was found missing"),
    ]
    assert [(each.kind, each.text) for each in found if each.at is None] == [
        ("cover", "shows as front an image from embedded: /music/1.mp3"),
        ("need", "vector: failed; 2 attempts; no model"),
        ("job", "vectorization.batch in deferred_vectors is waiting"),
    ]
    enqueued = [each for each in found if each.kind == "job" and each.at]
    assert [(each.job, each.text) for each in enqueued] == [
        (job_id, "vectorization.batch in deferred_vectors was enqueued")
    ]


@pytest.mark.usefixtures("logged")
def test_the_life_of_an_album_and_an_artist_has_that_of_their_files(
    database: str, queues: redis.Redis
) -> None:
    add_events()
    album = Album.create(key="a", title="Debut", added_at=at(1))
    Track.update(album=album, added_at=at(1)).execute()
    for entity_type, entity_id in ((EntityType.ALBUM, album.id), (EntityType.ARTIST, 1)):
        texts = [each.text for each in life(entity_type, entity_id)]
        assert "scan 1 of /music ended" in texts
        assert "first seen: /music/1.mp3: broken (read, damaged)" in texts
        assert not any("covers-1" in text for text in texts)
    assert "the album came to be" in (each.text for each in life(EntityType.ALBUM, album.id))
    texts = [each.text for each in life(EntityType.ALBUM, album.id)]
    assert "/music/1.mp3 and 1 more were added" in texts
    with pytest.raises(BadInputError, match="there is no artist:99"):
        life(EntityType.ARTIST, 99)
