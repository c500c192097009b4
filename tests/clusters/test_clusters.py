"""Clusters keep their identity, wait for enough, and survive whoever is killed at them."""

from datetime import timedelta

import numpy as np
import pytest

from db.models import Cluster, ClusterMembership, ClusterModel, EntityType, utc_now
from db.similarity import clusters, vectors
from jobs import gmm
from tests.clusters.groups import hear, new_model
from tests.databases import ON_SQLITE
from worker.topology import load, queues_file


def labels() -> dict[int, int]:
    rows = clusters.memberships_of(EntityType.ARTIST, range(1, 400))
    return {each: found[0].cluster_id for each, found in rows.items()}


def test_too_few_artists_are_waited_for(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 11)
    assert gmm.train_model("artist") == "waits for more vectors: 11 of 50 artists"
    assert not clusters.clusters(EntityType.ARTIST)


def test_a_few_artists_are_clustered_by_kmeans(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 37)
    assert gmm.train_model("artist") == "by K-means; waits for more vectors: 37 of 50 artists"
    assert sum(each.size for each in clusters.clusters(EntityType.ARTIST)) == 37


def test_the_groups_are_found_and_memberships_sum_to_one_at_most(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 300)
    gmm.refresh_stale_clusters()
    found = clusters.memberships_of(EntityType.ARTIST, range(1, 301))
    assert len({(each % 5, found[each][0].cluster_id) for each in found}) == 5
    assert all(sum(one.probability for one in each) <= 1 + 1e-9 for each in found.values())
    assert all([one.is_primary for one in each].count(True) == 1 for each in found.values())
    names = [each.name for each in clusters.clusters(EntityType.ARTIST)]
    assert len(set(names)) == 5
    assert all(names)


@ON_SQLITE
def test_clusters_keep_their_identity_when_a_tenth_is_added(database: str) -> None:
    model = new_model()
    hear(EntityType.ARTIST, model, 1, 300)
    gmm.train_model("artist")
    before = labels()
    hear(EntityType.ARTIST, model, 301, 30)
    gmm.train_model("artist")
    after = labels()
    assert len(after) == 330
    assert sum(after[each] == before[each] for each in before) >= 0.95 * len(before)


@ON_SQLITE
def test_clusters_keep_their_identity_in_another_space(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 300)
    gmm.train_model("artist")
    before = labels()
    hear(EntityType.ARTIST, new_model(), 1, 300)
    gmm.refresh_stale_clusters()
    after = labels()
    assert ClusterModel.select().count() == 2
    assert after == before


@ON_SQLITE
def test_new_artists_join_the_clusters_that_there_are(database: str) -> None:
    model = new_model()
    hear(EntityType.ARTIST, model, 1, 300)
    gmm.train_model("artist")
    hear(EntityType.ARTIST, model, 301, 5)
    assert gmm.refresh_stale_clusters()["artist"] == 5
    assert ClusterModel.select().count() == 1
    assert labels()[301] == labels()[1]
    assert gmm.refresh_stale_clusters()["artist"] == 0


@ON_SQLITE
def test_a_training_that_dies_leaves_the_clusters_as_they_were(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 300)
    gmm.train_model("artist")
    before = clusters.clusters(EntityType.ARTIST), labels()

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("jobs.gmm.cluster_model.clusters.record", die)
    with pytest.raises(SystemExit):
        gmm.train_model("artist")
    assert (clusters.clusters(EntityType.ARTIST), labels()) == before


def test_cleanup_leaves_the_model_in_use_alone(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 300)
    for _ in range(7):
        gmm.train_model("artist")
    before = labels()
    assert gmm.cleanup_old_clusters()["models"] == 2
    assert labels() == before
    assert ClusterMembership.select(ClusterMembership.model).distinct().count() == 1


def test_what_retired_long_ago_is_deleted_and_what_is_in_use_never(database: str) -> None:
    hear(EntityType.ARTIST, new_model(), 1, 37)
    gmm.train_model("artist")
    now = utc_now()
    recent, old = (
        Cluster.create(
            entity_type="artist", name="", size=0, retired_at=now - timedelta(days=days)
        ).id
        for days in (29, 31)
    )
    used = clusters.clusters(EntityType.ARTIST)[0].id
    Cluster.update(retired_at=now - timedelta(days=31)).where(Cluster.id == used).execute()
    assert gmm.cleanup_old_clusters() == {"models": 0, "clusters": 1}
    left = {each.id for each in Cluster.select()}
    assert {recent, used} <= left
    assert old not in left


def test_an_entity_alone_is_put_into_its_clusters(database: str) -> None:
    model = new_model()
    assert gmm.cluster_artist(41) == 0  # there is no model yet
    hear(EntityType.ARTIST, model, 1, 40)
    gmm.train_model("artist")
    hear(EntityType.ARTIST, model, 41, 1)
    assert gmm.cluster_artist(41) == 1
    assert gmm.cluster_artist(9999) == 0
    assert labels()[41] == labels()[1]
    assert sum(each.size for each in clusters.clusters(EntityType.ARTIST)) == 41


def test_a_track_alone_is_put_into_its_clusters(database: str) -> None:
    model = new_model()
    hear(EntityType.TRACK, model, 1, 60)
    gmm.train_model("track")
    hear(EntityType.TRACK, model, 61, 1)
    assert gmm.cluster_track(61) == 1
    found = clusters.memberships_of(EntityType.TRACK, [1, 61])
    assert found[61][0].cluster_id == found[1][0].cluster_id


def test_one_cloud_is_divided_by_kmeans_and_keeps_its_clusters(database: str) -> None:
    model = new_model()
    rows = np.random.default_rng(3).normal(size=(90, 24)).astype("<f4")
    numbers = {each: row.tobytes() for each, row in enumerate(rows, 1)}
    vectors.record_vectors(EntityType.ARTIST, model, dict(list(numbers.items())[:80]))
    gmm.train_model("artist")
    assert clusters.cluster_state(EntityType.ARTIST).remark == ""
    assert len(clusters.clusters(EntityType.ARTIST)) == 6  # Mardia's rule
    before = labels()
    rows_of = clusters.memberships_of(EntityType.ARTIST, range(1, 81)).values()
    assert max(len(found) for found in rows_of) > 1  # belonging is a matter of degree
    vectors.record_vectors(EntityType.ARTIST, model, dict(list(numbers.items())[80:]))
    assert gmm.refresh_stale_clusters()["artist"] == 10  # and no training each hour
    gmm.train_model("artist")
    after = labels()
    assert sum(after[each] == before[each] for each in before) >= 0.9 * len(before)


def test_what_is_due_each_hour_and_each_week_is_a_job_that_there_is() -> None:
    topology = load(queues_file())
    planned = {
        (each.job, each.cron.split()[-1], str(each.arguments.get("entity_type", "")))
        for each in topology.schedules.values()
        if each.job.startswith("gmm.")
    }
    assert planned == {
        ("gmm.refresh_stale_clusters", "*", ""),
        ("gmm.train_model", "0", "track"),
        ("gmm.train_model", "0", "artist"),
        ("gmm.cleanup_old_clusters", "0", ""),
    }
    assert all(callable(getattr(gmm, job.removeprefix("gmm."))) for job, _, _ in planned)
