"""Fitting a model to the tracks of a library. Imports scikit-learn."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from db.vector_inputs import TrackInput
from jobs.vectorization.audio import Array, numbers
from jobs.vectorization.model import Model, counts, standardised
from jobs.vectorization.words import words

MOST_WORDS = 500
"""The most frequent ones are taken: a library may have a genre for every album."""


class Choice(NamedTuple):
    """What `python -m bench.similarity` found best; docs/design.md says on which music."""

    components: int = 32
    """At most, of the audio part."""
    whitening: float = 0.5
    """0 leaves the principal components their variance, 1 gives all of them the same."""
    topics: int = 16
    """At most, of the tag part."""
    audio: float = 1.0
    """The weights of the two parts."""
    tags: float = 0.4


def fit(tracks: Sequence[TrackInput], choice: Choice | None = None, seed: int = 0) -> Model:
    """A model of these tracks, of which two at least must have been heard."""
    choice = choice or Choice()
    table = numbers([track.features for track in tracks])
    scaler = StandardScaler().fit(table[~np.isnan(table).all(axis=1)])
    mean, scale = np.nan_to_num(scaler.mean_), np.nan_to_num(scaler.scale_, nan=1.0)
    vocabulary = np.array(_vocabulary(tracks), dtype=np.str_)
    found = counts(vocabulary, tracks)
    idf, topics = _topics(found, choice.topics, seed)
    bare = Model(
        mean,
        scale,
        np.empty((0, 0)),
        vocabulary,
        idf,
        topics,
        np.array([choice.audio, choice.tags]),
    )
    return bare._replace(components=_components(standardised(bare, table), choice, seed))


def _components(table: Array, choice: Choice, seed: int) -> Array:
    """Principal axes, each divided by its deviation as far as it is to be whitened."""
    count = min(choice.components, len(table) - 1, table.shape[1])
    pca = PCA(count, random_state=seed).fit(table)
    deviations = np.sqrt(np.maximum(pca.explained_variance_, 1e-6))
    axes: Array = (pca.components_ / deviations[:, None] ** choice.whitening).T
    return axes


def _vocabulary(tracks: Sequence[TrackInput]) -> list[str]:
    """The words, sorted; of those of one track alone none: they tell of no likeness."""
    frequent = Counter(word for track in tracks for word in words(track))
    return sorted(word for word, count in frequent.most_common(MOST_WORDS) if count > 1)


def _topics(found: Array, most: int, seed: int) -> tuple[Array, Array]:
    """How rare each word is, and what it means: (words,) and (words, topics)."""
    if found.shape[1] < 2:
        return np.ones(found.shape[1]), np.eye(found.shape[1])
    idf: Array = TfidfTransformer().fit(found).idf_
    svd = TruncatedSVD(min(most, found.shape[1] - 1), random_state=seed)
    topics: Array = svd.fit(found * idf).components_.T
    return idf, topics
