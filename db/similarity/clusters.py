"""Clusters of tracks and artists: their models, who belongs to them, and what is missing.

A model's memberships are written before it is made ready, in small transactions, and readers look
at the ready one alone: who is interrupted leaves the clusters as they were.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from peewee import fn

from db.models import (
    Cluster,
    ClusterMembership,
    ClusterModel,
    EntityType,
    Vector,
    utc_now,
)
from db.similarity import vectors
from db.sql.connection import transaction
from db.sql.queries import slices, tuples, windows

TYPES = (EntityType.TRACK, EntityType.ARTIST)
"""What is clustered."""
ENOUGH = {EntityType.TRACK: 500, EntityType.ARTIST: 50}
"""From how many on a Gaussian mixture is fitted."""
FEW = {EntityType.TRACK: 60, EntityType.ARTIST: 12}
"""From how many vectors on K-means is used until there are enough; below there are no clusters."""
_ROWS = 2_000
"""Memberships that one transaction writes or deletes. Of a million tracks of 48 numbers, on SQLite
and a busy machine: 1,600 of them, each 0.06 s of the write lock in the mean and 1 s at most."""


class FittedModel(NamedTuple):
    """A model, without its parameters."""

    id: int
    entity_type: str
    method: str
    trained_at: datetime
    entities: int
    searched: int
    clusters: int
    bic: float | None
    vector_model: int


class ClusterInUse(NamedTuple):
    """A cluster that is in use."""

    id: int
    entity_type: str
    name: str
    size: int
    made_at: datetime


class Member(NamedTuple):
    """How far an entity belongs to a cluster."""

    entity_id: int
    cluster_id: int
    probability: float
    is_primary: bool


class ClusterState(NamedTuple):
    """How far the clusters of an entity type are."""

    entity_type: EntityType
    vectors: int
    """How many entities have a vector by the current vector model."""
    model: FittedModel | None

    @property
    def remark(self) -> str:
        """What there is to wait for; empty when nothing."""
        enough = ENOUGH[self.entity_type]
        waits = f"waits for more vectors: {self.vectors} of {enough} {self.entity_type}s"
        if self.model is None:
            return "not computed yet" if self.vectors >= FEW[self.entity_type] else waits
        if self.model.method == "kmeans" and self.vectors < enough:
            return f"by K-means; {waits}"
        return ""


_MODEL = tuple(getattr(ClusterModel, name) for name in FittedModel._fields)
_CLUSTER = tuple(getattr(Cluster, name) for name in ClusterInUse._fields)


def current_model(entity_type: EntityType) -> FittedModel | None:
    """The model in use; None when there are no clusters."""
    query = (
        ClusterModel.select(*_MODEL)
        .where(ClusterModel.entity_type == entity_type, ClusterModel.ready_at.is_null(False))
        .order_by(ClusterModel.id.desc())
        .limit(1)
    )
    return next((FittedModel._make(row) for row in tuples(query)), None)


def parameters(model_id: int) -> bytes:
    """What a model was stored with."""
    query = ClusterModel.select(ClusterModel.parameters).where(ClusterModel.id == model_id)
    return next(bytes(stored) for (stored,) in tuples(query))


def cluster_state(entity_type: EntityType) -> ClusterState:
    """How far the clusters of this type are, and what they wait for."""
    version = vectors.current_model()
    count = vectors.vector_count(entity_type, version) if version else 0
    return ClusterState(entity_type, count, current_model(entity_type))


def clusters(entity_type: EntityType) -> list[ClusterInUse]:
    """The clusters in use, the largest first."""
    query = (
        Cluster.select(*_CLUSTER)
        .where(Cluster.entity_type == entity_type, Cluster.retired_at.is_null())
        .order_by(Cluster.size.desc(), Cluster.id)
    )
    return [ClusterInUse._make(row) for row in tuples(query)]


def members(cluster: ClusterInUse, most: int | None = None) -> list[Member]:
    """Those that have this cluster as their primary one, the surest first."""
    model = current_model(EntityType(cluster.entity_type))
    if model is None:
        return []
    query = (
        ClusterMembership.select(*(getattr(ClusterMembership, name) for name in _MEMBER))
        .where(
            ClusterMembership.model == model.id,
            ClusterMembership.cluster == cluster.id,
            ClusterMembership.is_primary,
        )
        .order_by(ClusterMembership.probability.desc(), ClusterMembership.entity_id)
        .limit(most)
    )
    return [_member(row) for row in tuples(query)]


def memberships_of(entity_type: EntityType, entity_ids: Sequence[int]) -> dict[int, list[Member]]:
    """The clusters of each of these entities that has any, the most probable first."""
    model = current_model(entity_type)
    found: dict[int, list[Member]] = {}
    if model is None:
        return found
    for ids in slices(entity_ids):
        query = (
            ClusterMembership.select(*(getattr(ClusterMembership, name) for name in _MEMBER))
            .where(
                ClusterMembership.model == model.id,
                ClusterMembership.entity_id.in_(list(ids)),
            )
            .order_by(ClusterMembership.probability.desc(), ClusterMembership.cluster)
        )
        for row in tuples(query):
            found.setdefault(row[0], []).append(_member(row))
    return found


_MEMBER = ("entity_id", "cluster_id", "probability", "is_primary")


def _member(row: tuple[int, int, float, bool]) -> Member:
    return Member(row[0], row[1], row[2], bool(row[3]))


def stale(model: FittedModel, after: int, most: int) -> list[int]:
    """The next entities after this id whose vector is newer than their membership, or has none."""
    fresh = ClusterMembership.select(ClusterMembership.id).where(
        ClusterMembership.model == model.id,
        ClusterMembership.entity_id == Vector.entity_id,
        ClusterMembership.made_at >= Vector.made_at,
    )
    query = (
        Vector.select(Vector.entity_id)
        .where(
            Vector.entity_type == model.entity_type,
            Vector.model == model.vector_model,
            Vector.entity_id > after,
            ~fn.EXISTS(fresh),
        )
        .order_by(Vector.entity_id)
        .limit(most)
    )
    return [entity_id for (entity_id,) in tuples(query)]


def record(model_id: int, members: Sequence[Member]) -> None:
    """Write memberships by a model, in place of those that these entities have by it."""
    by_entity: dict[int, list[Member]] = {}
    for each in members:
        by_entity.setdefault(each.entity_id, []).append(each)
    now = utc_now()
    for ids in slices(list(by_entity), _ROWS // 3):
        rows = [
            {
                "model": model_id,
                "cluster": member.cluster_id,
                "entity_id": entity_id,
                "probability": member.probability,
                "is_primary": member.is_primary,
                "made_at": now,
            }
            for entity_id in ids
            for member in by_entity[entity_id]
        ]
        with transaction():
            for part in slices(ids):
                ClusterMembership.delete().where(
                    ClusterMembership.model == model_id,
                    ClusterMembership.entity_id.in_(list(part)),
                ).execute()
            for some in slices(rows):
                ClusterMembership.insert_many(some).execute()


def count_again(model: FittedModel) -> int:
    """Bring the sizes of the clusters up to date; how many were not."""
    sizes = _sizes(model.id)
    with transaction():
        known = {each.id: each.size for each in clusters(EntityType(model.entity_type))}
        wrong = [each for each in {*known, *sizes} if known.get(each) != sizes.get(each, 0)]
        for cluster_id in wrong:
            size = sizes.get(cluster_id, 0)
            now_used = {"retired_at": None} if size else {}  # one that was empty may have members
            Cluster.update(size=size, **now_used).where(Cluster.id == cluster_id).execute()
    return len(wrong)


def _sizes(model_id: int) -> dict[int, int]:
    """How many entities have each cluster as their primary one."""
    mine = (ClusterMembership.model == model_id, ClusterMembership.is_primary)
    query = ClusterMembership.select(ClusterMembership.cluster, fn.COUNT(ClusterMembership.id))
    last = ClusterMembership.select(fn.MAX(ClusterMembership.entity_id)).where(
        ClusterMembership.model == model_id
    )
    sizes: Counter[int] = Counter()
    for first, end in windows(last.scalar(), 50_000):
        part = query.where(*mine, ClusterMembership.entity_id.between(first, end))
        sizes.update(dict(tuples(part.group_by(ClusterMembership.cluster))))
    return dict(sizes)


class ClustersInMaking:
    """A model whose memberships are being written, and its clusters; it is not in use yet."""

    def __init__(
        self,
        entity_type: EntityType,
        columns: Mapping[str, object],
        kept: Sequence[int | None],
    ) -> None:
        """Store the model, and a cluster for each of its components.

        `kept` has, for each component, the cluster that goes on, or None for a new one.
        """
        now = utc_now()
        with transaction():
            model = ClusterModel.create(entity_type=entity_type, **columns)
            self.cluster_ids: list[int] = [
                Cluster.create(
                    entity_type=entity_type, name="", size=0, made_at=now, retired_at=now
                ).id
                if each is None
                else each
                for each in kept
            ]
            """In the order of the components."""
        self.model_id: int = model.id

    def sample(self, cluster_id: int, most: int) -> list[int]:
        """Some of those whose primary cluster by this model it is, the surest."""
        query = (
            ClusterMembership.select(ClusterMembership.entity_id)
            .where(
                ClusterMembership.model == self.model_id,
                ClusterMembership.cluster == cluster_id,
                ClusterMembership.is_primary,
            )
            .order_by(ClusterMembership.probability.desc(), ClusterMembership.entity_id)
            .limit(most)
        )
        return [entity_id for (entity_id,) in tuples(query)]

    def put_in_use(self, parameters: bytes, names: Mapping[int, str]) -> None:
        """Have the model, whose memberships are all written, be the one in use."""
        now = utc_now()
        sizes = _sizes(self.model_id)
        with transaction():
            model = ClusterModel.get_by_id(self.model_id)
            mine = Cluster.entity_type == model.entity_type
            Cluster.update(retired_at=now).where(
                mine, Cluster.retired_at.is_null(), Cluster.id.not_in(self.cluster_ids)
            ).execute()
            for each in self.cluster_ids:
                size = sizes.get(each, 0)
                Cluster.update(name=names[each], size=size, retired_at=None if size else now).where(
                    Cluster.id == each
                ).execute()
            ClusterModel.update(ready_at=now, parameters=parameters).where(
                ClusterModel.id == self.model_id
            ).execute()


def drop_old(models: int, retired_days: int) -> tuple[int, int]:
    """Delete models beyond the newest few of a type, and clusters that retired long ago.

    Of earlier models that are kept, the memberships go too; a model that never became ready goes
    after a day. Returns how many models and clusters went.
    """
    gone = 0
    for entity_type in TYPES:
        ready, lost = _ready(entity_type), _lost(entity_type)
        for model_id in ready[1:] + lost:
            _drop_memberships(model_id)
        for model_id in ready[models:] + lost:
            with transaction():
                gone += ClusterModel.delete().where(ClusterModel.id == model_id).execute()
    before = utc_now() - timedelta(days=retired_days)
    with transaction():
        used = ClusterMembership.select().where(ClusterMembership.cluster == Cluster.id)
        retired = Cluster.delete().where(Cluster.retired_at < before, ~fn.EXISTS(used)).execute()
    return gone, retired


def _ready(entity_type: EntityType) -> list[int]:
    """The models that became ready, the newest first."""
    query = (
        ClusterModel.select(ClusterModel.id)
        .where(ClusterModel.entity_type == entity_type, ClusterModel.ready_at.is_null(False))
        .order_by(ClusterModel.id.desc())
    )
    return [model_id for (model_id,) in tuples(query)]


def _lost(entity_type: EntityType) -> list[int]:
    """The models whose training ended a day ago without their becoming ready."""
    query = ClusterModel.select(ClusterModel.id).where(
        ClusterModel.entity_type == entity_type,
        ClusterModel.ready_at.is_null(),
        ClusterModel.trained_at < utc_now() - timedelta(days=1),
    )
    return [model_id for (model_id,) in tuples(query)]


def _drop_memberships(model_id: int) -> None:
    """In small transactions, for there may be millions."""
    while ids := [
        row[0]
        for row in tuples(
            ClusterMembership.select(ClusterMembership.id)
            .where(ClusterMembership.model == model_id)
            .limit(_ROWS)
        )
    ]:
        with transaction():
            ClusterMembership.delete().where(ClusterMembership.id.in_(ids)).execute()
