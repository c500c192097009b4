"""Measurements of models, and the status of the model in use: age, health, rules of retraining."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from db.errors import SettingError
from db.models import AudioFeatures, ModelHealth, Track, Vector
from db.models import EntityType as Entity
from db.settings import value
from db.similarity import tag_vocabulary, vectors
from db.similarity.tag_vocabulary import Check
from db.similarity.vectors import ModelVersion
from db.sql.connection import transaction
from db.sql.queries import tuples


class Verdict(StrEnum):
    """What follows from a measurement."""

    GOOD = "good"
    RETRAIN = "retrain"
    """A model that is trained now would do better."""
    POOR = "poor"
    """A measurement is bad, and a training would not improve it."""


class Measures(NamedTuple):
    """The health of a model; None for what could not be measured."""

    coverage: float | None
    """The share of the analysed tracks that have a vector by it."""
    drift: float | None
    """How far newer tracks lie from those it was trained on, in standard deviations."""
    stability: float | None
    """The share of the ten nearest that are the same as by the model before."""
    recall: float | None
    """The share of tracks whose held-out genre the ten nearest neighbours predict."""
    chance: float | None
    """The recall of always naming the most frequent genre."""


class Sample(NamedTuple):
    """The nearest of some tracks by a model."""

    newest: int
    """The highest id of a track that had a vector: later ones were no candidates."""
    nearest: dict[int, list[int]]


class Health(NamedTuple):
    """A measurement of a model."""

    checked_at: datetime
    measures: Measures
    verdict: Verdict
    reason: str


class HealthHistory:
    """The measurements of one model."""

    def __init__(self, model: ModelVersion) -> None:
        self._model = model.id

    def record(self, health: Health, sample: Sample) -> None:
        """Write a measurement; its sample takes the place of the model's earlier ones."""
        kept = {"newest": sample.newest, "nearest": {str(k): v for k, v in sample.nearest.items()}}
        with transaction():
            ModelHealth.update(neighbours={}).where(ModelHealth.model == self._model).execute()
            ModelHealth.create(
                model=self._model,
                checked_at=health.checked_at,
                verdict=health.verdict.value,
                reason=health.reason,
                neighbours=kept,
                **health.measures._asdict(),
            )

    def last(self) -> Health | None:
        """The newest measurement."""
        row = (
            ModelHealth.select()
            .where(ModelHealth.model == self._model)
            .order_by(ModelHealth.checked_at.desc(), ModelHealth.id.desc())
            .first()
        )
        if row is None:
            return None
        measures = Measures._make(getattr(row, name) for name in Measures._fields)
        return Health(row.checked_at, measures, Verdict(row.verdict), row.reason)

    def first_recall(self) -> float | None:
        """What recall was when it was first measured."""
        query = (
            ModelHealth.select(ModelHealth.recall)
            .where(ModelHealth.model == self._model, ModelHealth.recall.is_null(False))
            .order_by(ModelHealth.id)
            .limit(1)
        )
        return next((recall for (recall,) in tuples(query)), None)

    def sample_before(self) -> Sample | None:
        """The sample of the last model before this one that was measured."""
        row = (
            ModelHealth.select(ModelHealth.neighbours)
            .where(ModelHealth.model < self._model)
            .order_by(ModelHealth.model.desc(), ModelHealth.id.desc())
            .first()
        )
        if row is None or not row.neighbours:
            return None
        nearest = {int(track_id): ids for track_id, ids in row.neighbours["nearest"].items()}
        return Sample(row.neighbours["newest"], nearest)


def coverage(model: ModelVersion) -> float | None:
    """The share of the analysed, present tracks with a vector by this model.

    None without any. Silent tracks do not count.
    """
    analysed = (
        AudioFeatures.select()
        .join(Track)
        .where(AudioFeatures.rms.is_null(False), Track.missing_since.is_null())
    )
    total = analysed.count()
    with_vector = analysed.join(
        Vector,
        on=(
            (Vector.entity_id == Track.id)
            & (Vector.entity_type == Entity.TRACK)
            & (Vector.model == model.id)
        ),
    ).count()
    return with_vector / total if total else None


def tracks_analysed_since(model: ModelVersion, most: int) -> list[int]:
    """The tracks that were analysed last, after this model's training had begun."""
    query = (
        AudioFeatures.select(AudioFeatures.track)
        .join(Track)
        .where(
            AudioFeatures.analysed_at > model.trained_at,
            AudioFeatures.rms.is_null(False),
            Track.missing_since.is_null(),
        )
        .order_by(AudioFeatures.analysed_at.desc(), AudioFeatures.track)
        .limit(most)
    )
    return [track_id for (track_id,) in tuples(query)]


class ModelStatus(NamedTuple):
    """The model in use, and the results of the last checks of it and of the tags."""

    model: ModelVersion
    age: float
    """Seconds since its training began."""
    health: Health | None
    """None until it was measured."""
    check: Check | None
    """None until tags were checked since it took over."""

    @property
    def retrain(self) -> str | None:
        """Why a training is due; None when none is."""
        if self.check and self.check.retrain:
            return self.check.reason
        if self.health and self.health.verdict is Verdict.RETRAIN:
            return self.health.reason
        return None

    @property
    def reason(self) -> str:
        """Why a training is due, or why none is."""
        return self.retrain or (self.check.reason if self.check else "not checked yet")

    @property
    def new_genres(self) -> list[str]:
        """The genres that were noticed since the training, oldest first."""
        return _names(self.check.new_genres) if self.check else []

    @property
    def new_tags(self) -> list[str]:
        """The other words of tags that were noticed since, oldest first: moods, decades, sounds."""
        genres = set(map(tuple, self.check.new_genres)) if self.check else set()
        rest = [each for each in self.check.new_tags if each not in genres] if self.check else []
        return _names(rest)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        health = self.health
        return {
            "version": self.model.id,
            "trained_at": f"{self.model.trained_at.isoformat(timespec='seconds')}Z",
            "trained_because": self.model.reason,
            "age": round(self.age),
            "tracks": self.model.tracks,
            "health": None
            if health is None
            else {
                "checked_at": f"{health.checked_at.isoformat(timespec='seconds')}Z",
                "verdict": health.verdict.value,
                "reason": health.reason,
                **health.measures._asdict(),
            },
            "retrain": self.retrain is not None,
            "reason": self.reason,
            "new_genres": self.new_genres,
            "new_tags": self.new_tags,
        }


def _names(dated: Sequence[tuple[str, str]]) -> list[str]:
    """The words without their kind, in the order in which they were first seen."""
    return [word.partition(":")[2] or word for word, _ in sorted(dated, key=lambda each: each[1])]


def model_status(now: datetime) -> ModelStatus | None:
    """How it stands; None while there is no model."""
    model = vectors.current_model()
    if model is None:
        return None
    check = tag_vocabulary.last_check()
    of_it = check if check and check.model_id == model.id else None
    age = (now - model.trained_at).total_seconds()
    return ModelStatus(model, age, HealthHistory(model).last(), of_it)


class Rules(NamedTuple):
    """The values that the user set, or the defaults."""

    age: timedelta
    """A model this old is retrained."""
    growth: float
    """Tracks more by this share, such as 0.1."""
    genre_after: timedelta
    """How old a model must be to be retrained for a genre that it does not know."""
    tracks: int
    """More new tracks than so many."""
    tracks_after: timedelta
    tags: int
    """More new tags than so many."""
    tags_after: timedelta
    coverage: float
    """The least share of analysed tracks with a vector."""
    drift: float
    """The most that newer tracks may lie off, in standard deviations."""
    recall_drop: float
    """How much recall may fall below what it was at first."""


def rules() -> Rules:
    """The rules in force. Raises SettingError for a setting that is no number of 0 or more."""
    return Rules(
        age=timedelta(days=_number("FLEET_RETRAIN_DAYS")),
        growth=_number("FLEET_RETRAIN_GROWTH") / 100,
        genre_after=timedelta(minutes=_number("FLEET_RETRAIN_GENRE_MINUTES")),
        tracks=int(_number("FLEET_RETRAIN_TRACKS")),
        tracks_after=timedelta(hours=_number("FLEET_RETRAIN_TRACKS_HOURS")),
        tags=int(_number("FLEET_RETRAIN_TAGS")),
        tags_after=timedelta(hours=_number("FLEET_RETRAIN_TAGS_HOURS")),
        coverage=_number("FLEET_RETRAIN_COVERAGE", most=100) / 100,
        drift=_number("FLEET_RETRAIN_DRIFT"),
        recall_drop=_number("FLEET_RETRAIN_RECALL_DROP", most=100) / 100,
    )


def _number(name: str, most: float = 100_000) -> float:
    text = value(name)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:  # NaN is not, either
        raise SettingError(
            f"{name} is {text!r} — write a number from 0 to {most:g}, or leave it unset"
        )
    return number
