"""Making the clusters: fit on a sample, carry identities over, assign all in blocks, name them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from db import clusters, vectors
from db.clusters import FittedModel, Member
from db.models import EntityType
from db.vectors import ModelVersion
from jobs.gmm import fitting
from jobs.gmm.fitting import Fit, Floats, Mixture
from jobs.gmm.naming import names

_BLOCK = 5_000
_SHARED = 0.3
"""A cluster goes on in another when at least this part of both together is in both."""
_GROWN = 2
"""How many times as many entities have the number of clusters looked for anew."""


def train(kind: EntityType) -> None:
    """Fit a model on the current vectors, and have it be the one in use once all is written."""
    version = vectors.current_model()
    if version is None:
        return
    ids = _ids(kind, version)
    rows = _sample(kind, version, ids)
    earlier = clusters.current_model(kind)
    fit, warm = _fit(kind, version, rows[1], len(ids), earlier)
    kept = _kept(kind, fit.mixture, rows, earlier, warm)
    model_id, own = clusters.begin_model(
        kind,
        {
            "method": "kmeans" if fit.bic is None else "gmm",
            "entities": len(ids),
            "searched": earlier.searched if warm and earlier else len(ids),
            "clusters": len(fit.mixture.means),
            "bic": fit.bic,
            "vector_model": version.id,
            "parameters": fit.mixture.packed(),
        },
        kept,
    )
    mixture = fit.mixture._replace(clusters=np.array(own, np.int64))
    for block in vectors.blocks(kind, version):
        some = _array([numbers for _, numbers in block], version)
        clusters.record(model_id, _members(mixture, [each for each, _ in block], some))
    clusters.finish_model(model_id, mixture.packed(), own, names(kind, model_id, own))


def assign_all(model: FittedModel) -> int:
    """Assign every entity by this model; how many."""
    return _assign_ids(model, _ids(EntityType(model.entity_type), _version(model)).tolist())


def assign_stale(model: FittedModel) -> int:
    """Assign what has no membership by this model, or a newer vector; how many."""
    done, after = 0, 0
    while some := clusters.stale(model, after, _BLOCK):
        done += _assign_ids(model, some)
        after = some[-1]
    return done


def assign(model: FittedModel, entity_ids: Sequence[int]) -> int:
    """Assign these by this model; how many have a vector."""
    return _assign_ids(model, entity_ids)


def _assign_ids(model: FittedModel, entity_ids: Sequence[int]) -> int:
    version = _version(model)
    if version.id != model.vector_model:
        return 0
    mixture = fitting.unpacked(clusters.parameters(model.id))
    done = 0
    for start in range(0, len(entity_ids), _BLOCK):
        some = entity_ids[start : start + _BLOCK]
        found = vectors.some_of(EntityType(model.entity_type), version, some)
        if found:
            clusters.record(
                model.id, _members(mixture, list(found), _array(list(found.values()), version))
            )
        done += len(found)
    clusters.count_again(model)
    return done


def _version(model: FittedModel) -> ModelVersion:
    version = vectors.current_model()
    assert version is not None, model  # noqa: S101  # the model was made of its vectors
    return version


def _fit(
    kind: EntityType, version: ModelVersion, rows: Floats, count: int, earlier: FittedModel | None
) -> tuple[Fit, bool]:
    """A fit, and whether it goes on from the earlier one."""
    makeshift = count < clusters.ENOUGH[kind]
    if (
        earlier is not None
        and earlier.vector_model == version.id
        and count < _GROWN * earlier.searched
        and makeshift == (earlier.entities < clusters.ENOUGH[kind])
    ):
        go_on = fitting.divide_on if earlier.method == "kmeans" else fitting.fit_on
        return go_on(rows, fitting.unpacked(clusters.parameters(earlier.id))), True
    return (fitting.fit_kmeans(rows) if makeshift else fitting.fit_anew(rows)), False


def _kept(
    kind: EntityType,
    mixture: Mixture,
    rows: tuple[list[int], Floats],
    earlier: FittedModel | None,
    warm: bool,
) -> list[int | None]:
    """The cluster that goes on in each component, matched by the members that they share."""
    count = len(mixture.means)
    if earlier is None:
        return [None] * count
    if warm:
        return list(fitting.unpacked(clusters.parameters(earlier.id)).clusters.tolist())
    before = clusters.memberships_of(kind, rows[0])
    now = fitting.labels(mixture, rows[1])
    known = sorted({each[0].cluster_id for each in before.values()})
    shared = np.zeros((count, len(known)))
    for entity_id, component in zip(rows[0], now.tolist(), strict=True):
        if entity_id in before:
            shared[component, known.index(before[entity_id][0].cluster_id)] += 1
    together = shared.sum(1)[:, None] + shared.sum(0) - shared
    alike = shared / np.maximum(together, 1)
    kept: list[int | None] = [None] * count
    for component, old in zip(*linear_sum_assignment(-alike), strict=True):
        if alike[component, old] >= _SHARED:
            kept[component] = known[old]
    return kept


def _ids(kind: EntityType, version: ModelVersion) -> npt.NDArray[np.int64]:
    parts, after = [np.empty(0, np.int64)], 0
    while some := vectors.ids_of(kind, version, after, 50_000):
        parts.append(np.array(some, np.int64))
        after = some[-1]
    return np.concatenate(parts)


def _sample(
    kind: EntityType, version: ModelVersion, ids: npt.NDArray[np.int64]
) -> tuple[list[int], Floats]:
    chosen = ids
    if len(ids) > fitting.ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(ids, fitting.ROWS, replace=False))
    found = vectors.some_of(kind, version, chosen.tolist())
    return list(found), _array(list(found.values()), version)


def _array(numbers: Sequence[bytes], version: ModelVersion) -> Floats:
    return np.frombuffer(b"".join(numbers), "<f4").reshape(-1, version.dimension).astype(float)


def _members(mixture: Mixture, ids: Sequence[int], rows: Floats) -> list[Member]:
    own = mixture.clusters.tolist()
    return [
        Member(entity_id, own[component], chance, not place)
        for entity_id, found in zip(ids, fitting.memberships(mixture, rows), strict=True)
        for place, (component, chance) in enumerate(found)
    ]
