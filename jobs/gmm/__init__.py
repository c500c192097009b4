"""Clusters: groups of similar tracks, and of similar artists, from their vectors.

A mixture of Gaussians with diagonal covariance, or K-means while there are few. A cluster keeps its
id from model to model, and its name as long as that fits. NumPy is imported inside the jobs.
"""

from db.models import EntityType
from db.similarity import clusters, vectors
from worker.dispatch import job, only_when

MODELS_KEPT = 5
RETIRED_DAYS = 30


@job
def train_model(entity_type: str) -> str:
    """Fit a new model of `track` or `artist`, and put all of them into clusters.

    Does nothing when there are too few vectors (`db.similarity.clusters.FEW`). Returns the model's
    remark. Raises ValueError for another type.
    """
    kind = _kind(entity_type)
    state = clusters.cluster_state(kind)
    if state.vectors >= clusters.FEW[kind]:
        from jobs.gmm.cluster_model import train  # noqa: PLC0415  # brings NumPy and scikit-learn

        train(kind)
        state = clusters.cluster_state(kind)
    return state.remark


@job
def cluster_all_tracks() -> int:
    """Put every track into its clusters, by a new model when the present one does not fit."""
    return _cluster_all(EntityType.TRACK)


@job
def cluster_all_artists() -> int:
    """Put every artist into its clusters, by a new model when the present one does not fit."""
    return _cluster_all(EntityType.ARTIST)


@job
def cluster_track(track_id: int) -> int:
    """Put a track into its clusters by the model in use; 0 when it has no vector, else 1."""
    return _cluster(EntityType.TRACK, [track_id])


@job
def cluster_artist(artist_id: int) -> int:
    """Put an artist into its clusters by the model in use; 0 when it has no vector, else 1."""
    return _cluster(EntityType.ARTIST, [artist_id])


@job
@only_when(lambda: any(map(_is_stale, clusters.TYPES)))
def refresh_stale_clusters() -> dict[str, int]:
    """Put entities without clusters, or with newer vectors, into clusters.

    Returns how many, by type. Trains when there is no model for the present vectors, or when
    K-means was used and there are enough vectors for a mixture now.
    """
    return {str(kind): _refresh(kind) for kind in clusters.TYPES}


@job
def cleanup_old_clusters() -> dict[str, int]:
    """Delete old models, and clusters that retired long ago; return how many."""
    models, retired = clusters.drop_old(MODELS_KEPT, RETIRED_DAYS)
    return {"models": models, "clusters": retired}


def _kind(entity_type: str) -> EntityType:
    if entity_type not in clusters.TYPES:
        raise ValueError(f"the entity type is {entity_type!r} — write track or artist")
    return EntityType(entity_type)


def _due(state: clusters.ClusterState) -> bool:
    """Whether a new model is needed: there is none, or for other vectors, or K-means for now."""
    model, kind = state.model, state.entity_type
    if state.vectors < clusters.FEW[kind]:
        return False
    version = vectors.current_model()
    if model is None or version is None or model.vector_model != version.id:
        return True
    return model.entities < clusters.ENOUGH[kind] <= state.vectors


def _cluster_all(kind: EntityType) -> int:
    state = clusters.cluster_state(kind)
    if _due(state):
        train_model(str(kind))
        return state.vectors
    if state.model is None or state.vectors < clusters.FEW[kind]:
        return 0
    from jobs.gmm.cluster_model import assign_all  # noqa: PLC0415  # brings NumPy

    return assign_all(state.model)


def _refresh(kind: EntityType) -> int:
    state = clusters.cluster_state(kind)
    if _due(state):
        train_model(str(kind))
        return state.vectors
    if state.model is None or not clusters.stale(state.model, 0, 1):
        return 0
    from jobs.gmm.cluster_model import assign_stale  # noqa: PLC0415  # brings NumPy

    return assign_stale(state.model)


def _is_stale(kind: EntityType) -> bool:
    """Whether a new model is needed, or entities are to be put into clusters of the present one."""
    state = clusters.cluster_state(kind)
    return _due(state) or (state.model is not None and bool(clusters.stale(state.model, 0, 1)))


def _cluster(kind: EntityType, entity_ids: list[int]) -> int:
    model = clusters.current_model(kind)
    if model is None:
        return 0
    from jobs.gmm.cluster_model import assign  # noqa: PLC0415  # brings NumPy

    return assign(model, entity_ids)
