"""Training a model and making all vectors by it, in parts. Imports scikit-learn.

However large the library is, memory holds a sample of it and a part at a time, and no transaction
is longer than the writing of a part, but for the last, in which the model takes over.
"""

import random
from collections.abc import Callable, Iterator

from db import tag_vocabulary, vector_inputs, vector_models
from db.models import EntityType, utc_now
from db.vector_inputs import TrackInput
from db.vector_models import Trained
from db.vectors import ModelVersion
from jobs.vectorization.first_model import FEWEST
from jobs.vectorization.fitting import fit
from jobs.vectorization.means import means
from jobs.vectorization.model import Model, to_bytes, vectors
from jobs.vectorization.words import genres

SAMPLE = 20_000
"""Tracks that a model is fitted to at most, drawn at random."""
_PART = 500


def train(reason: str, partway: Callable[[], None]) -> int | None:
    """Train a model and have it take over; its version. None when fewer than FEWEST were heard.

    `partway` is called after each part.
    """
    vector_models.drop_unfinished()
    # Before the tracks are read: what comes in between counts as new to the model.
    vocabulary = tag_vocabulary.vocabulary()
    sample, seen = _sample()
    if sum(map(_sounds, sample)) < FEWEST:
        return None
    tag_vocabulary.notice(vocabulary, utc_now(), forget_absent=True)
    model = fit(sample)
    trained = Trained(
        dimension=model.dimension,
        tracks=seen,
        genres=len({genre for track in sample for genre in genres(track)}),
        vocabulary=vocabulary.signature,
        parameters=to_bytes(model),
    )
    version = vector_models.begin(reason, trained)
    _write_all(model, version, partway)
    vector_models.take_over(version)
    vector_models.drop_old()
    return version.id


def _write_all(model: Model, version: ModelVersion, partway: Callable[[], None]) -> None:
    for part in _parts():
        vector_models.write(version, EntityType.TRACK, vectors(model, part))
        partway()
    for entity_type in (EntityType.ALBUM, EntityType.ARTIST):
        after = 0
        while ids := vector_inputs.ids_of(entity_type, after, _PART):
            after = ids[-1]
            vector_models.write(version, entity_type, means(entity_type, version, ids))
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
    """Whether anything was heard: of silence there are features, and most are None."""
    return track.features is not None and track.features["rms"] is not None


def _parts() -> Iterator[list[TrackInput]]:
    after = 0
    while ids := vector_inputs.track_ids(after, _PART):
        after = ids[-1]
        yield vector_inputs.inputs(ids)
