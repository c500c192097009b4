"""Audio features, similar tracks, and their clusters."""

from datetime import timedelta

from db.models import (
    AudioFeatures,
    Cluster,
    ClusterMembership,
    ClusterModel,
    EntityType,
    Kind,
    ModelHealth,
    State,
    TagCheck,
    Vector,
    VectorModel,
    utc_now,
)
from tests.mission.cases import Is, Prepared, case, needs, state
from tests.mission.standing_fleet import StandingFleet


def _is_heard(track_id: int) -> Is:
    """Delete the audio features of a track, and have it analysed."""
    AudioFeatures.delete().where(AudioFeatures.track == track_id).execute()
    needs(Kind.ANALYSIS, EntityType.TRACK, track_id)
    heard = AudioFeatures.select().where(AudioFeatures.track == track_id)
    return lambda _: heard.exists()


@case("audio_analysis.analyze_batch")
def _analyze_batch(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [5]}, _is_heard(5))


@case("audio_analysis.analyze_track")
def _analyze_track(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 6}, _is_heard(6))


def _has_vector(entity_type: EntityType, entity_id: int) -> Is:
    """Take an entity's vector away, and ask for it."""
    own = (Vector.entity_type == entity_type) & (Vector.entity_id == entity_id)
    assert Vector.delete().where(own).execute() == 1
    needs(Kind.VECTOR, entity_type, entity_id)
    return lambda _: Vector.select().where(own).exists()


@case("vectorization.batch")
def _vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_ids": [7]}, _has_vector(EntityType.TRACK, 7))


@case("vectorization.batch_albums")
def _album_vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"album_ids": [2]}, _has_vector(EntityType.ALBUM, 2))


@case("vectorization.batch_artists")
def _artist_vectors(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_ids": [2]}, _has_vector(EntityType.ARTIST, 2))


@case("vectorization.calculate")
def _calculate(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 8}, _has_vector(EntityType.TRACK, 8))


@case("vectorization.train")
def _train(fleet: StandingFleet) -> Prepared:
    before = VectorModel.select().count()
    return Prepared({"reason": "a test"}, lambda _: VectorModel.select().count() == before + 1)


@case("vectorization.rebuild")
def _rebuild(fleet: StandingFleet) -> Prepared:
    settled = state(Kind.VECTOR, EntityType.TRACK, 9)
    assert settled == State.DONE
    return Prepared({}, lambda _: state(Kind.VECTOR, EntityType.TRACK, 9) == State.TODO)


@case("vectorization.search_similar")
def _similar(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 1, "count": 5}, lambda job: len(job.return_value()) == 5)


@case("monitoring.monitor_tag_changes")
def _tags(fleet: StandingFleet) -> Prepared:
    TagCheck.delete().execute()
    return Prepared({}, lambda _: TagCheck.select().count() == 1)


@case("monitoring.check_model_health")
def _health(fleet: StandingFleet) -> Prepared:
    before = ModelHealth.select().count()
    return Prepared({}, lambda _: ModelHealth.select().count() == before + 1)


def _is_clustered(entity_type: EntityType, entity_id: int) -> Is:
    """Take an entity out of its clusters."""
    models = ClusterModel.select(ClusterModel.id).where(ClusterModel.entity_type == entity_type)
    own = (ClusterMembership.entity_id == entity_id) & ClusterMembership.model.in_(models)
    assert ClusterMembership.delete().where(own).execute()
    return lambda _: ClusterMembership.select().where(own).exists()


@case("gmm.cluster_all_tracks")
def _all_tracks(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.TRACK, 10))


@case("gmm.cluster_all_artists")
def _all_artists(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.ARTIST, 3))


@case("gmm.cluster_track")
def _one_track(fleet: StandingFleet) -> Prepared:
    return Prepared({"track_id": 11}, _is_clustered(EntityType.TRACK, 11))


@case("gmm.cluster_artist")
def _one_artist(fleet: StandingFleet) -> Prepared:
    return Prepared({"artist_id": 4}, _is_clustered(EntityType.ARTIST, 4))


@case("gmm.refresh_stale_clusters")
def _stale(fleet: StandingFleet) -> Prepared:
    return Prepared({}, _is_clustered(EntityType.TRACK, 12))


@case("gmm.train_model")
def _mixture(fleet: StandingFleet) -> Prepared:
    before = ClusterModel.select().count()
    return Prepared({"entity_type": "track"}, lambda _: ClusterModel.select().count() == before + 1)


@case("gmm.cleanup_old_clusters")
def _old_clusters(fleet: StandingFleet) -> Prepared:
    long_ago = utc_now() - timedelta(days=4000)
    old = Cluster.create(entity_type="track", name="Old", size=0, retired_at=long_ago)
    return Prepared({}, lambda _: Cluster.get_or_none(Cluster.id == old.id) is None)
