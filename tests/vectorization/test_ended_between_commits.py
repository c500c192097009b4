"""Vectors, clusters, analyses and checks that end after any commit come to the same in the end.

The tracks are rows without files. What only reads and writes rows asks for nothing else.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import (
    Cluster,
    ClusterMembership,
    ClusterModel,
    EntityType,
    Kind,
    LedgerRow,
    State,
    Track,
    Vector,
    VectorModel,
    utc_now,
)
from db.similarity import vectors
from db.sql.connection import transaction
from jobs import audio_analysis, gmm, monitoring, vectorization
from jobs.maintenance import validate_system_integrity
from jobs.vectorization import first_model
from tests.clusters import groups
from tests.databases import ON_SQLITE
from tests.ended import end_after_each_commit
from tests.monitoring.conftest import Library as Numbers
from tests.vectorization.conftest import Library

pytestmark = ON_SQLITE
Run = Callable[[], object]
TRACK, ARTIST = EntityType.TRACK, EntityType.ARTIST
LONG_AGO = timedelta(days=60)


@pytest.fixture
def end(
    database: str, queues: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Ends something after each of its commits; see `end_after_each_commit`. No analysis is on."""
    monkeypatch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    return partial(end_after_each_commit, tmp_path / "kept", queues)


@pytest.fixture
def numbers(database: str, queues: redis.Redis) -> Numbers:
    """Twenty tracks that were analysed, on one album and by one artist."""
    library = Numbers()
    ids = library.fill(5, 4)
    Library.album("Album", ids[:10])
    for number, name in ((0, "One"), (10, "Two")):
        groups.add_artist(number + 1, name, ids[number])
    need(TRACK, ids)
    return library


@pytest.fixture
def trained(numbers: Numbers) -> Numbers:
    """The same with a model, which was trained a while ago, and all vectors still to compute."""
    assert vectorization.train("a test")
    Vector.delete().execute()
    VectorModel.update(trained_at=utc_now() - LONG_AGO).execute()
    LedgerRow.update(state=State.TODO).where(LedgerRow.kind == Kind.VECTOR).execute()
    return numbers


def need(entity_type: EntityType, ids: list[int], kind: Kind = Kind.VECTOR) -> None:
    with transaction():
        ledger.need(kind, entity_type, ids)


OF_VECTORS: dict[str, Run] = {
    "batch": partial(vectorization.batch, list(range(1, 21))),
    "batch_albums": partial(vectorization.batch_albums, [1]),
    "batch_artists": partial(vectorization.batch_artists, [1, 11]),
    "calculate": partial(vectorization.calculate, 1),
    "rebuild": vectorization.rebuild,
}


@pytest.mark.parametrize("job", OF_VECTORS)
def test_vectors_are_all_made(trained: Numbers, end: Callable[..., int], job: str) -> None:
    assert end(OF_VECTORS[job]) >= 2
    assert Vector.select().count() == 20 + 1 + 2


def test_a_first_training_is_begun_again(numbers: Numbers, end: Callable[..., int]) -> None:
    assert end(partial(vectorization.train, first_model.REASON)) >= 5
    assert Vector.select().count() == 20 + 1 + 2


def test_the_model_before_stays_until_another_is_trained(
    trained: Numbers, end: Callable[..., int]
) -> None:
    vectorization.batch(list(range(1, 21)))
    train = partial(vectorization.train, "another test")
    assert end(train, again=train) >= 6
    assert {row.model_id for row in Vector.select()} == {VectorModel.select().count()}


def test_tracks_are_all_analysed(
    database: str, end: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLEET_ANALYSIS_SECONDS", raising=False)
    groups.add_tracks(12)
    Track.update(missing_since=utc_now()).execute()
    need(TRACK, list(range(1, 13)), Kind.ANALYSIS)
    assert end(partial(audio_analysis.analyze_batch, list(range(1, 13)))) >= 3
    assert end(partial(audio_analysis.analyze_track, 1)) >= 3
    assert not LedgerRow.select().where(LedgerRow.state.in_((State.TODO, State.LEASED))).exists()


@pytest.fixture
def clustered(database: str, queues: redis.Redis) -> None:
    """Fifteen artists that have vectors, one more who has none, and no clusters yet."""
    model = groups.new_model()
    groups.add_tracks(16)
    settled = {"entity_type": TRACK, "state": State.DONE}
    LedgerRow.insert_many(
        {**settled, "entity_id": number, "kind": kind}
        for number in range(1, 17)
        for kind in (Kind.ANALYSIS, Kind.VECTOR)
    ).execute()
    groups.hear(ARTIST, model, 1, 15)
    for number in range(1, 17):
        groups.say(number, f"Genre {number % 5}")
        groups.add_artist(number, f"Artist {number}", number)


def tidied() -> None:
    """What comes by its schedules later: sizes are checked, and what is old is deleted."""
    gmm.refresh_stale_clusters()
    validate_system_integrity()
    old = utc_now() - LONG_AGO
    ClusterModel.update(trained_at=old).where(ClusterModel.ready_at.is_null()).execute()
    Cluster.update(retired_at=old).where(Cluster.retired_at.is_null(False)).execute()
    gmm.cleanup_old_clusters()


OF_FIRST_CLUSTERS: dict[str, Run] = {
    "train_model": partial(gmm.train_model, "artist"),
    "cluster_all_artists": gmm.cluster_all_artists,
    "refresh_stale_clusters": gmm.refresh_stale_clusters,
}


@pytest.mark.parametrize("job", OF_FIRST_CLUSTERS)
def test_first_clusters_are_made(clustered: None, end: Callable[..., int], job: str) -> None:
    assert end(OF_FIRST_CLUSTERS[job], later=tidied) >= 3
    assert ClusterMembership.select().where(ClusterMembership.is_primary).count() == 15


OF_PRESENT_CLUSTERS: dict[str, Run] = {
    "train_model": partial(gmm.train_model, "artist"),
    "cluster_artist": partial(gmm.cluster_artist, 16),
    "refresh_stale_clusters": gmm.refresh_stale_clusters,
    "cleanup_old_clusters": gmm.cleanup_old_clusters,
}


@pytest.mark.parametrize("job", OF_PRESENT_CLUSTERS)
def test_present_clusters_are_kept_up_to_date(
    clustered: None, end: Callable[..., int], job: str
) -> None:
    gmm.refresh_stale_clusters()
    gmm.train_model("artist")
    model = vectors.current_model()
    assert model is not None
    groups.hear(ARTIST, model, 16, 1)
    run = OF_PRESENT_CLUSTERS[job]
    assert end(run, again=run, later=tidied) >= 2
    assert ClusterMembership.select().where(ClusterMembership.is_primary).count() == 16


@pytest.mark.parametrize("present", [0, 60])
def test_tracks_are_clustered(
    database: str, queues: redis.Redis, end: Callable[..., int], present: int
) -> None:
    """All at first, and one that comes to present clusters."""
    model = groups.new_model()
    groups.add_tracks(61)
    for number in range(1, 62):
        groups.say(number, f"Genre {number % 5}")
    groups.hear(TRACK, model, 1, 60)
    run: Run = gmm.cluster_all_tracks
    if present:
        gmm.cluster_all_tracks()
        groups.hear(TRACK, model, 61, 1)
        run = partial(gmm.cluster_track, 61)
    settled = {"entity_type": TRACK, "state": State.DONE}
    LedgerRow.insert_many(
        {**settled, "entity_id": number, "kind": kind}
        for number in range(1, 62)
        for kind in (Kind.ANALYSIS, Kind.VECTOR)
    ).execute()
    assert end(run, again=run, later=tidied) >= 1
    count = ClusterMembership.select().where(ClusterMembership.is_primary).count()
    assert count == (61 if present else 60)


@pytest.mark.parametrize("check", [monitoring.monitor_tag_changes, monitoring.check_model_health])
def test_a_training_that_is_due_comes(
    trained: Numbers, end: Callable[..., int], check: Run
) -> None:
    vectorization.batch(list(range(1, 11)))  # the others have none, and no job computes them
    LedgerRow.update(state=State.DONE).where(LedgerRow.kind == Kind.VECTOR).execute()
    trained.add(5, genres=["Brand New"])
    assert end(check, again=check) >= 1
    assert VectorModel.select().count() == 2
