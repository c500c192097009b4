"""Making the clusters: fit on a sample, carry identities over, assign all in blocks, name them.

A cluster's name is the genres and synthetic tags that it has more than the others have. A word's
score is its share of the cluster's tracks times the logarithm of how many times its mean share over
the clusters that is (the lift): what is everywhere scores nothing, what is rare little. Genres go
before tags, for people wrote them; tempo and energy help where there is nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from math import log
from statistics import fmean, median

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from db.models import EntityType
from db.similarity import cluster_terms, clusters, vectors
from db.similarity.cluster_terms import Terms
from db.similarity.clusters import FittedModel, Member
from db.similarity.vectors import ModelVersion
from jobs.gmm import mixtures
from jobs.gmm.mixtures import Fit, Floats, Mixture

_BLOCK = 5_000
_SHARED = 0.3
"""A cluster continues in another when at least this part of both together is in both."""
_GROWN = 2
"""By what factor the entities must grow for the number of clusters to be chosen again."""


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
    made = clusters.ClustersInMaking(
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
    mixture = fit.mixture._replace(clusters=np.array(made.cluster_ids, np.int64))
    for block in vectors.blocks(kind, version):
        some = _array([numbers for _, numbers in block], version)
        clusters.record(made.model_id, _members(mixture, [each for each, _ in block], some))
    made.put_in_use(mixture.packed(), cluster_names(kind, made))


def assign_all(model: FittedModel) -> int:
    """Assign every entity by this model; how many."""
    return assign(model, _ids(EntityType(model.entity_type), _version(model)).tolist())


def assign_stale(model: FittedModel) -> int:
    """Assign what has no membership by this model, or a newer vector; how many."""
    done, after = 0, 0
    while some := clusters.stale(model, after, _BLOCK):
        done += assign(model, some)
        after = some[-1]
    return done


def assign(model: FittedModel, entity_ids: Sequence[int]) -> int:
    """Assign these by this model; how many have a vector."""
    version = _version(model)
    if version.id != model.vector_model:
        return 0
    mixture = Mixture.unpacked(clusters.parameters(model.id))
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
    """A fit, and whether it continues the earlier one."""
    makeshift = count < clusters.ENOUGH[kind]
    if (
        earlier is not None
        and earlier.vector_model == version.id
        and count < _GROWN * earlier.searched
        and makeshift == (earlier.entities < clusters.ENOUGH[kind])
    ):
        mixture = Mixture.unpacked(clusters.parameters(earlier.id))
        return mixture.moved(rows, by_kmeans=earlier.method == "kmeans"), True
    return (mixtures.fit_kmeans(rows) if makeshift else mixtures.fit_new(rows)), False


def _kept(
    kind: EntityType,
    mixture: Mixture,
    rows: tuple[list[int], Floats],
    earlier: FittedModel | None,
    warm: bool,
) -> list[int | None]:
    """The cluster that continues in each component, matched by the members that they share."""
    count = len(mixture.means)
    if earlier is None:
        return [None] * count
    if warm:
        return list(Mixture.unpacked(clusters.parameters(earlier.id)).clusters.tolist())
    before = clusters.memberships_of(kind, rows[0])
    now = mixture.labels(rows[1])
    known = sorted({each[0].cluster_id for each in before.values()})
    shared = np.zeros((count, len(known)))
    for entity_id, component in zip(rows[0], now.tolist(), strict=True):
        if entity_id in before:
            shared[component, known.index(before[entity_id][0].cluster_id)] += 1
    together = shared.sum(1)[:, None] + shared.sum(0) - shared
    overlap = shared / np.maximum(together, 1)
    kept: list[int | None] = [None] * count
    for component, old in zip(*linear_sum_assignment(-overlap), strict=True):
        if overlap[component, old] >= _SHARED:
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
    if len(ids) > mixtures.ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(ids, mixtures.ROWS, replace=False))
    found = vectors.some_of(kind, version, chosen.tolist())
    return list(found), _array(list(found.values()), version)


def _array(numbers: Sequence[bytes], version: ModelVersion) -> Floats:
    return np.frombuffer(b"".join(numbers), "<f4").reshape(-1, version.dimension).astype(float)


def _members(mixture: Mixture, ids: Sequence[int], rows: Floats) -> list[Member]:
    own = mixture.clusters.tolist()
    return [
        Member(entity_id, own[component], chance, not place)
        for entity_id, found in zip(ids, mixture.memberships(rows), strict=True)
        for place, (component, chance) in enumerate(found)
    ]


_TRACKS_SAMPLED = 200
_WORDS_THAT_FIT = 3
"""A name stays while its first word is among so many of the most distinctive genres or tags."""
_LEAST_SHARE, _LEAST_LIFT = 0.2, 1.25
_PRIOR = 2
"""Tracks without any word, added to each cluster: one track alone proves little."""


def cluster_names(kind: EntityType, made: clusters.ClustersInMaking) -> dict[int, str]:
    """A name for each cluster, unique among them; one that still fits stays."""
    cluster_ids = made.cluster_ids
    terms = {
        each: cluster_terms.terms(kind, made.sample(each, _TRACKS_SAMPLED)) for each in cluster_ids
    }
    genres = _distinctive({each: (of.genres, of.tracks) for each, of in terms.items()})
    tags = _distinctive({each: (of.tags, of.tracks) for each, of in terms.items()})
    earlier = {each.id: each.name for each in clusters.clusters(kind)}
    chosen = {
        each: earlier[each]
        for each in cluster_ids
        if earlier.get(each)
        and _still_fits(
            earlier[each], genres[each][:_WORDS_THAT_FIT] or tags[each][:_WORDS_THAT_FIT]
        )
    }
    taken = {name.casefold() for name in chosen.values()}
    for each in cluster_ids:
        if each not in chosen:
            words = [*_in_turn(genres[each], tags[each]), *_sound_words(terms[each])]
            chosen[each] = _unused(each, words, taken)
            taken.add(chosen[each].casefold())
    return chosen


def _distinctive(counted: dict[int, tuple[Counter[str], int]]) -> dict[int, list[str]]:
    """For each cluster the words that distinguish it, the most distinctive first."""
    shares = {
        each: {word: times / (tracks + _PRIOR) for word, times in words.items()}
        for each, (words, tracks) in counted.items()
    }
    mean: dict[str, float] = defaultdict(float)
    for each in shares.values():
        for word, share in each.items():
            mean[word] += share / len(shares)
    return {each: _by_lift(words, mean) for each, words in shares.items()}


def _by_lift(shares: dict[str, float], mean: dict[str, float]) -> list[str]:
    scores = {
        word: share * log(share / mean[word])
        for word, share in shares.items()
        if share >= max(_LEAST_SHARE, _LEAST_LIFT * mean[word])
    }
    return sorted(scores, key=lambda word: (-scores[word], word))


def _still_fits(name: str, words: Sequence[str]) -> bool:
    """Whether it begins with one of these words; any does when there are none."""
    folded = f"{name.casefold()},"
    starts = tuple(f"{word.casefold()}{end}" for word in words for end in (",", " ("))
    return not words or folded.startswith(starts)


def _in_turn(genres: Sequence[str], tags: Sequence[str]) -> list[str]:
    """A genre, a tag, a genre and so on."""
    return [word for word in chain.from_iterable(zip_longest(genres, tags)) if word]


def _sound_words(terms: Terms) -> list[str]:
    words = []
    if terms.bpm:
        bpm = median(terms.bpm)
        words.append("slow" if bpm < 90 else "fast" if bpm > 135 else "medium tempo")
    if terms.energy:
        energy = fmean(terms.energy)
        words.append("calm" if energy < 0.35 else "energetic" if energy > 0.65 else "moderate")
    return words


def _unused(cluster_id: int, words: Sequence[str], taken: set[str]) -> str:
    """The fewest of the words, two at least, that make a name that is not taken."""
    words = list(dict.fromkeys(words))
    for count in range(min(2, len(words)), len(words) + 1):
        name = ", ".join(words[:count])
        if name and name.casefold() not in taken:
            return name
    return f"{', '.join(words[:2]) or 'Group'} ({cluster_id})"
