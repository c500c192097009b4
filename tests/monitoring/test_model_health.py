"""How a model is found to hold up, and what follows."""

import random
from datetime import timedelta

import pytest

from db import ledger
from db.models import (
    AudioFeatures,
    EntityType,
    Kind,
    LedgerRow,
    ModelHealth,
    State,
    Track,
    TrackGenre,
    Vector,
    VectorModel,
    utc_now,
)
from db.similarity import vectors
from db.similarity.model_health import Health, HealthHistory, Measures, Verdict, rules
from db.similarity.vectors import ModelInTraining, TrainedModel
from db.sql.connection import transaction
from jobs import vectorization
from jobs.monitoring import assess, check_model_health
from tests.databases import ON_BOTH, ON_SQLITE
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from tests.monitoring.conftest import Library
from tests.monitoring.test_tag_changes import asked, model

ON_ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is computed of vectors, whatever the database."""
GOOD = Measures(coverage=1.0, drift=0.1, stability=0.9, recall=0.9, chance=0.3)


def trained_on(library: Library) -> list[int]:
    ids = library.fill()
    assert vectorization.train("test")
    return ids


def measured() -> Health:
    check_model_health()
    found = HealthHistory(model()).last()
    assert found is not None
    return found


def settle_vectors() -> None:
    LedgerRow.update(state=State.DONE).where(LedgerRow.kind == Kind.VECTOR).execute()


@ON_BOTH
def test_a_fresh_model_covers_all_and_is_good(library: Library) -> None:
    trained_on(library)
    health = measured()
    assert health.measures.coverage == 1.0
    assert health.measures.drift is None
    assert health.measures.stability is None
    assert health.verdict is Verdict.GOOD
    assert asked() == []


def test_vectors_that_nobody_makes_ask_for_a_training(library: Library) -> None:
    ids = trained_on(library)
    settle_vectors()
    vectors.forget(EntityType.TRACK, ids[:15])
    health = measured()
    assert health.measures.coverage == 0.75
    assert health.verdict is Verdict.RETRAIN
    assert asked() == ["25% of the analysed tracks have no vector, and no job computes them"]


@ON_BOTH
def test_vectors_by_a_model_in_training_cover_nothing_yet(library: Library) -> None:
    ids = trained_on(library)
    vectors.forget(EntityType.TRACK, ids[:15])
    one = TrainedModel(1, 60, 4, "", b"")
    training = ModelInTraining("next", one)
    training.record(EntityType.TRACK, dict.fromkeys(ids[:15], b"four"))
    assert measured().measures.coverage == 0.75


def test_vectors_that_are_being_made_are_waited_for(library: Library) -> None:
    ids = trained_on(library)
    vectors.forget(EntityType.TRACK, ids[:15])
    with transaction():
        ledger.need(Kind.VECTOR, EntityType.TRACK, ids[:15])
    health = measured()
    assert (health.verdict, health.reason) == (Verdict.GOOD, "vectors still to compute: 15")


@ON_BOTH
def test_silence_and_missing_tracks_do_not_count_as_uncovered(library: Library) -> None:
    ids = trained_on(library)
    vectors.forget(EntityType.TRACK, ids[:2])
    AudioFeatures.update(rms=None).where(AudioFeatures.track == ids[0]).execute()
    Track.update(missing_since=utc_now()).where(Track.id == ids[1]).execute()
    assert measured().measures.coverage == 1.0


@ON_ONE_DATABASE
def test_music_of_another_kind_has_drifted_and_asks_for_a_training(library: Library) -> None:
    trained_on(library)
    new = [library.add(99, genres=["Genre 0"]) for _ in range(40)]
    with transaction():
        ledger.need(Kind.VECTOR, EntityType.TRACK, new)
    health = measured()
    assert health.measures.drift is not None
    assert health.measures.drift > 0.75
    assert health.verdict is Verdict.RETRAIN
    (reason,) = asked()
    assert "standard deviations, more than 0.75" in reason


@ON_ONE_DATABASE
def test_more_of_the_same_music_has_not_drifted(library: Library) -> None:
    trained_on(library)
    library.fill(10)
    drift = measured().measures.drift
    assert drift is not None
    assert drift < 0.3


@ON_ONE_DATABASE
def test_a_few_newer_tracks_tell_of_no_drift(library: Library) -> None:
    trained_on(library)
    for _ in range(29):
        library.add(99)
    assert measured().measures.drift is None


def test_genres_that_lie_apart_are_told_by_their_neighbours(library: Library) -> None:
    trained_on(library)
    measures = measured().measures
    assert measures.recall is not None
    assert measures.recall > 0.95
    assert measures.chance == 0.25


@ON_ONE_DATABASE
def test_genres_at_random_are_told_no_better_than_by_chance(library: Library) -> None:
    draw = random.Random(1)
    with transaction():
        for _ in range(100):
            library.add(0, genres=[draw.choice(["A", "B", "C", "D"])])
    vectorization.train("test")
    measures = measured().measures
    assert measures.recall is not None
    assert measures.recall < 0.45  # the tracks' own genres, not held out, would predict them all


@ON_ONE_DATABASE
def test_recall_that_fell_since_it_was_first_measured_asks_for_a_training(
    library: Library,
) -> None:
    ids = trained_on(library)
    measured()
    draw = random.Random(2)
    shuffled = draw.sample(ids, len(ids))
    genres = {row.track_id: row.genre_id for row in TrackGenre.select()}
    for track_id, other in zip(ids, shuffled, strict=True):
        TrackGenre.update(genre=genres[other]).where(TrackGenre.track == track_id).execute()
    assert measured().verdict is Verdict.RETRAIN
    assert asked()[0].endswith("of the genres, at first 100%")


@ON_SQLITE
def test_the_same_model_trained_again_keeps_the_neighbours(library: Library) -> None:
    trained_on(library)
    measured()
    vectorization.train("again")
    assert measured().measures.stability == pytest.approx(1, abs=0.01)


@ON_ONE_DATABASE
def test_tracks_that_came_or_went_do_not_make_neighbours_unsteady(library: Library) -> None:
    ids = trained_on(library)
    measured()
    vectorization.train("again")
    numbers = vectors.some_of(EntityType.TRACK, model(), ids)
    added = {library.add(): numbers[each] for each in ids for _ in range(3)}
    vectors.record_vectors(EntityType.TRACK, model(), added)
    vectors.forget(EntityType.TRACK, ids[::4])
    assert measured().measures.stability == pytest.approx(1, abs=0.02)


@ON_ONE_DATABASE
def test_other_neighbours_than_by_the_model_before_are_poor_and_ask_for_nothing(
    library: Library,
) -> None:
    ids = trained_on(library)
    measured()
    vectorization.train("again")
    numbers = vectors.some_of(EntityType.TRACK, model(), ids)
    shuffled = random.Random(3).sample(ids, len(ids))
    mixed = {each: numbers[other] for each, other in zip(ids, shuffled, strict=True)}
    TrackGenre.delete().execute()
    vectors.record_vectors(EntityType.TRACK, model(), mixed)
    health = measured()
    assert health.measures.stability is not None
    assert health.measures.stability < 0.3
    assert health.verdict is Verdict.POOR
    assert asked() == []


def test_only_the_newest_measurement_of_a_model_keeps_its_sample(library: Library) -> None:
    trained_on(library)
    measured()
    measured()
    kept = [bool(row.neighbours) for row in ModelHealth.select().order_by(ModelHealth.id)]
    assert kept == [False, True]


def test_measurements_go_with_their_model(library: Library) -> None:
    trained_on(library)
    measured()
    Vector.delete().execute()
    VectorModel.delete().execute()
    assert ModelHealth.select().count() == 0


@ON_ONE_DATABASE
def test_parameters_that_cannot_be_read_ask_for_a_training(library: Library) -> None:
    trained_on(library)
    VectorModel.update(parameters=b"none").execute()
    health = measured()
    assert health.verdict is Verdict.RETRAIN
    assert asked() == [f"the parameters of model {model().id} cannot be read"]


@ON_ONE_DATABASE
def test_a_training_is_not_asked_for_twice(library: Library) -> None:
    trained_on(library)
    VectorModel.update(parameters=b"none", trained_at=utc_now() - timedelta(days=8)).execute()
    assert check_model_health()["asked"]
    assert not check_model_health()["asked"]
    assert len(asked()) == 1


def test_without_a_model_there_is_nothing_to_measure(library: Library) -> None:
    assert check_model_health()["reason"].startswith("no model yet")
    assert ModelHealth.select().count() == 0


def test_a_single_genre_is_no_fault_of_the_model() -> None:
    found = assess(GOOD._replace(recall=1.0, chance=1.0), 1.0, 0, rules())
    assert found.verdict is Verdict.GOOD
    found = assess(GOOD._replace(recall=0.3), 0.35, 0, rules())
    assert found.verdict is Verdict.POOR
