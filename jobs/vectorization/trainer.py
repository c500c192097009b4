"""Training a model and making all vectors by it, in parts. Imports scikit-learn.

However large the library is, memory holds a sample of it and a part at a time, and no transaction
is longer than the writing of a part, but for the last, in which the model takes over.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from db.models import EntityType, utc_now
from db.similarity import tag_vocabulary, vector_inputs
from db.similarity.vector_inputs import TrackInput
from db.similarity.vectors import ModelInTraining, TrainedModel
from jobs.vectorization.features import Array, genres, numbers, words
from jobs.vectorization.first_model import FEWEST
from jobs.vectorization.model import (
    Model,
    counts,
    mean_vectors,
    standardised,
    track_vectors,
)

MOST_WORDS = 500
"""The most frequent ones are taken: a library may have a genre for every album."""


class Choice(NamedTuple):
    """What `python -m bench similarity` found best; docs/design.md says on which music."""

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
    """A model of these tracks, of which two at least must have audio features."""
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
    """The words, sorted, without those of one track alone: they add no similarity."""
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


SAMPLE = 20_000
"""Tracks that a model is fitted to at most, drawn at random."""
_PART = 500


def train(reason: str, partway: Callable[[], None]) -> int | None:
    """Train a model and have it take over; its version. None when fewer than FEWEST are analysed.

    `partway` is called after each part.
    """
    ModelInTraining.drop_unfinished()
    # Before the tracks are read: what comes in between counts as new to the model.
    vocabulary = tag_vocabulary.vocabulary()
    sample, seen = _sample()
    if sum(map(_sounds, sample)) < FEWEST:
        return None
    tag_vocabulary.notice(vocabulary, utc_now(), forget_absent=True)
    model = fit(sample)
    trained = TrainedModel(
        dimension=model.dimension,
        tracks=seen,
        genres=len({genre for track in sample for genre in genres(track)}),
        vocabulary=vocabulary.signature,
        parameters=model.packed(),
    )
    training = ModelInTraining(reason, trained)
    _write_all(model, training, partway)
    training.put_in_use()
    return training.version.id


def _write_all(model: Model, training: ModelInTraining, partway: Callable[[], None]) -> None:
    for part in _parts():
        training.record(EntityType.TRACK, track_vectors(model, part))
        partway()
    for entity_type in (EntityType.ALBUM, EntityType.ARTIST):
        after = 0
        while ids := vector_inputs.ids_of(entity_type, after, _PART):
            after = ids[-1]
            training.record(entity_type, mean_vectors(entity_type, training.version, ids))
            partway()


def _sample() -> tuple[list[TrackInput], int]:
    """Tracks drawn at random, the same of the same library, and how many there are."""
    draw = random.Random(0)  # noqa: S311  # no secret
    drawn: list[int] = []
    seen = after = 0
    while ids := vector_inputs.track_ids(after, _PART):
        after = ids[-1]
        for track_id in ids:
            seen += 1
            if len(drawn) < SAMPLE:
                drawn.append(track_id)
            elif (place := draw.randrange(seen)) < SAMPLE:
                drawn[place] = track_id
    return vector_inputs.inputs(sorted(drawn)), seen


def _sounds(track: TrackInput) -> bool:
    """Whether the track is more than silence, most of whose features are None."""
    return track.features is not None and track.features["rms"] is not None


def _parts() -> Iterator[list[TrackInput]]:
    after = 0
    while ids := vector_inputs.track_ids(after, _PART):
        after = ids[-1]
        yield vector_inputs.inputs(ids)
