"""What people call a cluster: the genres and synthetic tags that it has more than the others have.

A word's score is its share of the cluster's tracks times the logarithm of how many times its mean
share over the clusters that is (the lift): what is everywhere scores nothing, what is rare little.
Genres go before tags, for people wrote them; tempo and energy help where there is nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from math import log
from statistics import fmean, median

from db import cluster_terms, clusters
from db.cluster_terms import Terms
from db.models import EntityType

_LOOKED_AT = 200
_FITS = 3
"""A name stays while its first word is among so many of the most telling genres or tags."""
_LEAST_SHARE, _LEAST_LIFT = 0.2, 1.25
_PRIOR = 2
"""Tracks without any word, added to each cluster: one track alone tells little."""


def names(kind: EntityType, model_id: int, cluster_ids: Sequence[int]) -> dict[int, str]:
    """A name for each cluster, unique among them; one that still fits stays."""
    terms = {
        each: cluster_terms.terms(kind, clusters.sample(model_id, each, _LOOKED_AT))
        for each in cluster_ids
    }
    genres = _telling({each: (of.genres, of.tracks) for each, of in terms.items()})
    tags = _telling({each: (of.tags, of.tracks) for each, of in terms.items()})
    earlier = {each.id: each.name for each in clusters.clusters(kind)}
    chosen = {
        each: earlier[each]
        for each in cluster_ids
        if earlier.get(each) and _fits(earlier[each], genres[each][:_FITS] or tags[each][:_FITS])
    }
    taken = {name.casefold() for name in chosen.values()}
    for each in cluster_ids:
        if each not in chosen:
            words = [*_in_turn(genres[each], tags[each]), *_heard(terms[each])]
            chosen[each] = _unused(each, words, taken)
            taken.add(chosen[each].casefold())
    return chosen


def _telling(counted: dict[int, tuple[Counter[str], int]]) -> dict[int, list[str]]:
    """For each cluster the words that tell it from the others, the most telling first."""
    shares = {
        each: {word: times / (tracks + _PRIOR) for word, times in words.items()}
        for each, (words, tracks) in counted.items()
    }
    mean: dict[str, float] = defaultdict(float)
    for each in shares.values():
        for word, share in each.items():
            mean[word] += share / len(shares)
    return {each: _ordered(words, mean) for each, words in shares.items()}


def _ordered(shares: dict[str, float], mean: dict[str, float]) -> list[str]:
    scores = {
        word: share * log(share / mean[word])
        for word, share in shares.items()
        if share >= max(_LEAST_SHARE, _LEAST_LIFT * mean[word])
    }
    return sorted(scores, key=lambda word: (-scores[word], word))


def _fits(name: str, words: Sequence[str]) -> bool:
    """Whether it begins with one of these words; any does when there are none."""
    folded = f"{name.casefold()},"
    starts = tuple(f"{word.casefold()}{end}" for word in words for end in (",", " ("))
    return not words or folded.startswith(starts)


def _in_turn(genres: Sequence[str], tags: Sequence[str]) -> list[str]:
    """A genre, a tag, a genre and so on."""
    return [word for word in chain.from_iterable(zip_longest(genres, tags)) if word]


def _heard(terms: Terms) -> list[str]:
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
