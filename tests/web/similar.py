"""Similar tracks, written as the jobs write them: a model, vectors, clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from db.models import AudioFeatures, EntityType, Kind, LedgerRow, State, VectorModel
from db.similarity import clusters, vectors
from db.similarity.clusters import Member

_FEATURES = {
    "extractor": 1,
    "content_id": "",
    "decoder": "soundfile",
    "start": 0,
    "seconds": 1,
    "peak": 0,
    "dynamic_range": 0,
}
"""What no test of pages or commands need know."""


def give_features(track_ids: Sequence[int], **columns: Any) -> None:
    """Have these tracks been analysed, with these features."""
    for each in track_ids:
        AudioFeatures.create(track=each, **{**_FEATURES, **columns})
    LedgerRow.update(state=State.DONE, reason=None).where(
        LedgerRow.kind == Kind.ANALYSIS, LedgerRow.entity_id.in_(list(track_ids))
    ).execute()


def give_vectors(rows: Mapping[int, Sequence[float]]) -> int:
    """A new model, by which these tracks lie in these directions; its id."""
    dimension = len(next(iter(rows.values())))
    VectorModel.create(
        reason="a test", dimension=dimension, tracks=0, genres=0, vocabulary="", parameters=b""
    )
    model = vectors.current_model()
    assert model is not None
    made = {each: np.asarray(row) / np.linalg.norm(row) for each, row in rows.items()}
    written = {each: row.astype("<f4").tobytes() for each, row in made.items()}
    vectors.record_vectors(EntityType.TRACK, model, written)
    return model.id


def give_clusters(
    groups: Mapping[str, Sequence[int]], kind: EntityType = EntityType.TRACK
) -> dict[str, int]:
    """Clusters of these names with these members; their ids."""
    columns = {
        "method": "gmm",
        "entities": 0,
        "searched": 0,
        "clusters": len(groups),
        "vector_model": 1,
        "parameters": b"",
    }
    made = clusters.ClustersInMaking(kind, columns, [None] * len(groups))
    by_name = dict(zip(groups, made.cluster_ids, strict=True))
    for name, members in groups.items():
        clusters.record(made.model_id, [Member(each, by_name[name], 1.0, True) for each in members])
    made.put_in_use(b"", {cluster: name for name, cluster in by_name.items()})
    return by_name
