"""Vectors are made when the ledger asks for them, by one model at a time."""

from typing import Any

import pytest
import redis

from db import ledger
from db.errors import WrongDimensionError
from db.library import audio_features
from db.library.audio_features import EXTRACTOR
from db.maintenance import removal
from db.models import EntityType, Kind, LedgerRow, State, Vector, VectorModel
from db.similarity import vector_inputs, vectors
from db.similarity.vectors import ModelInTraining
from db.sql.connection import transaction
from jobs import vectorization
from jobs.errors import HeldUpError
from jobs.maintenance import reconcile
from jobs.vectorization.model import Model
from tests.databases import ON_SQLITE
from tests.vectorization.conftest import Library, heard, nearly, numbers
from worker import dispatch


def test_without_a_model_the_need_is_settled_with_what_is_waited_for(library: Library) -> None:
    vectorization.batch(library.everyone)
    row = library.need(library.drums[0])
    assert (row.state, row.cause) == (State.NONE, ledger.Cause.NO_MODEL)
    assert row.reason == ledger.NO_MODEL
    assert reconcile() == {}


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04 no archive", b"anything"])
@ON_SQLITE
def test_vectors_wait_for_another_model_when_that_in_use_cannot_be_read(
    trained: Library, damaged: bytes
) -> None:
    VectorModel.update(parameters=damaged).execute()
    vectorization.rebuild()
    with pytest.raises(HeldUpError, match="makes another model") as raised:
        vectorization.batch(trained.everyone)
    assert raised.value.obstacle == ledger.Obstacle(ledger.Cause.MODEL_DAMAGED)


@ON_SQLITE
def test_the_first_model_comes_by_itself_once(library: Library, queues: redis.Redis) -> None:
    vectorization.batch(library.everyone)
    reconcile()
    reconcile()
    (job,) = dispatch.queue("deferred_vectors").jobs
    assert job.func_name == "jobs.vectorization.train"
    vectorization.train(**job.kwargs)
    assert set(library.vectors()) == set(library.everyone)
    assert {row.state for row in LedgerRow.select().where(LedgerRow.kind == Kind.VECTOR)} == {
        State.DONE
    }


@ON_SQLITE
def test_no_first_model_is_trained_while_a_library_is_being_heard(
    library: Library, queues: redis.Redis
) -> None:
    vectorization.batch(library.everyone)
    ledger.need(Kind.ANALYSIS, EntityType.TRACK, [library.drums[0]])
    reconcile()
    jobs = {job.func_name for job in dispatch.queue("deferred_vectors").jobs}
    assert "jobs.vectorization.train" not in jobs


def test_too_few_tracks_make_no_model(database: str, queues: redis.Redis) -> None:
    Library.track("alone", heard("drums", 100.0))
    assert vectorization.train("test") is None
    assert VectorModel.select().count() == 0


def test_a_new_track_gets_its_vector_and_so_do_its_album_and_artist(trained: Library) -> None:
    track = trained.track("new", heard("drums", 106.0), artist="Somebody")
    album = trained.album("New", [track])
    vectorization.batch([track])
    assert trained.need(track).state == State.DONE
    (artist,) = ledger.with_state(_need(EntityType.ARTIST), [State.TODO])
    assert ledger.with_state(_need(EntityType.ALBUM), [State.TODO]) == [album]
    vectorization.batch_albums([album])
    vectorization.batch_artists([artist])
    assert numbers(trained.vectors(EntityType.ALBUM)[album]) == nearly(trained.vectors()[track])
    assert trained.need(artist, EntityType.ARTIST).state == State.DONE


def test_a_training_makes_the_vectors_of_albums_and_artists_too(library: Library) -> None:
    album = library.album("Drums", library.drums)
    vectorization.train("test")
    assert list(library.vectors(EntityType.ALBUM)) == [album]
    assert library.need(album, EntityType.ALBUM).state == State.DONE


@ON_SQLITE
def test_a_track_without_sound_or_known_tags_has_none_and_its_reason(trained: Library) -> None:
    track = trained.track("broken", None)
    vectorization.batch([track])
    row = trained.need(track)
    assert (row.state, row.reason) == (State.NONE, vectorization.NOTHING_KNOWN)


@ON_SQLITE
def test_a_track_that_cannot_be_heard_has_a_vector_of_its_tags(library: Library) -> None:
    for number in range(2):
        library.track(f"polka {number}", heard("drums", 100.0 + number), genres=["Polka"])
        library.track(f"choral {number}", heard("chords", number), genres=["Choral"])
    track = library.track("broken", None, genres=["polka "])
    vectorization.train("test")
    nearest = vectorization.search_similar(track, count=2)
    assert {each["track_id"] for each in nearest} == {
        each.id
        for each in vector_inputs.inputs(list(library.vectors()))
        if "Polka" in each.genres and each.id != track
    }


@ON_SQLITE
def test_a_vector_follows_what_was_heard_anew(trained: Library) -> None:
    track = trained.chords[0]
    drums = nearly(trained.vectors()[trained.drums[0]])
    assert numbers(trained.vectors()[track]) != drums
    features = heard("drums", 100.0) | {"track": track, "extractor": EXTRACTOR, "content_id": "x"}
    with transaction():
        audio_features.record_features([features])
    vectorization.calculate(track)
    assert numbers(trained.vectors()[track]) == drums


def test_a_new_model_takes_over_and_the_vectors_of_the_old_one_go(trained: Library) -> None:
    old = vectors.current_model()
    new = vectorization.train("again")
    assert old is not None
    assert new == old.id + 1 == vectors.current_model().id  # type: ignore[union-attr]
    assert {row.model_id for row in Vector.select()} == {new}


def test_a_killed_training_leaves_the_old_model_whole(
    trained: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (vectors.current_model(), trained.vectors())
    near = similar_to(trained.drums[0])
    trained.album("Drums", trained.drums)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jobs.vectorization.trainer.mean_vectors", killed)
        with pytest.raises(KeyboardInterrupt):
            vectorization.train("killed")
    assert VectorModel.select().count() == 2
    assert vectors.current_model() == before[0]
    assert similar_to(trained.drums[0]) == near
    vectorization.train("again")
    assert [row.reason for row in VectorModel.select().order_by(VectorModel.id)] == [
        "test",
        "again",
    ]


def test_what_changed_while_a_model_was_in_training_is_made_anew_by_it(
    trained: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = ModelInTraining.__init__

    def changed_then(training: ModelInTraining, *arguments: Any) -> None:
        begin(training, *arguments)
        vectorization.calculate(trained.drums[0])

    monkeypatch.setattr(ModelInTraining, "__init__", changed_then)
    vectorization.train("again")
    assert trained.need(trained.drums[0]).state == State.TODO
    assert trained.need(trained.drums[1]).state == State.DONE


def test_an_attempt_that_a_new_model_overtook_writes_nothing(trained: Library) -> None:
    track = trained.drums[0]
    ledger.need(Kind.VECTOR, EntityType.TRACK, [track])
    overtaken = ledger.lease(Kind.VECTOR, EntityType.TRACK, [track], "old:1")
    vectorization.train("again")
    with overtaken.settling() as mine:
        assert mine == set()
    assert trained.need(track).state == State.TODO


@ON_SQLITE
def test_ten_models_are_kept(trained: Library) -> None:
    for number in range(11):
        vectorization.train(str(number))
    assert VectorModel.select().count() == vectors.MODELS_KEPT
    assert vectors.current_model().reason == "10"  # type: ignore[union-attr]


def test_a_vector_of_another_dimension_is_refused_wherever_it_comes_up(trained: Library) -> None:
    model = vectors.current_model()
    assert model is not None
    with pytest.raises(WrongDimensionError, match="has 1 numbers, its model says"):
        vectors.record_vectors(EntityType.TRACK, model, {trained.drums[0]: b"four"})
    Vector.update(numbers=b"four").where(Vector.entity_id == trained.drums[0]).execute()
    with pytest.raises(WrongDimensionError, match=r"vectorization\.rebuild"):
        vectorization.search_similar(trained.drums[0])


def test_rebuild_has_every_vector_made_anew(trained: Library) -> None:
    Vector.update(numbers=b"four").where(Vector.entity_id == trained.drums[0]).execute()
    vectorization.rebuild()
    assert ledger.with_state(_need(EntityType.TRACK), [State.TODO]) == trained.everyone
    vectorization.batch(trained.everyone)
    assert len(vectorization.search_similar(trained.drums[0], count=50)) == 11


def test_the_vector_of_an_album_goes_with_it(library: Library) -> None:
    album = library.album("Drums", library.drums)
    vectorization.train("test")
    library.album("Other", library.drums)
    assert removal.drop_empty_albums([album]) == [album]
    assert album not in library.vectors(EntityType.ALBUM)


def test_parameters_hold_no_pickles(trained: Library) -> None:
    model = vectors.current_model()
    assert model is not None
    assert Model.unpacked(vectors.parameters(model.id)).dimension == model.dimension


def similar_to(track_id: int) -> list[int]:
    return [each["track_id"] for each in vectorization.search_similar(track_id)]


def _need(entity_type: EntityType) -> ledger.Need:
    return next(
        need for need in ledger.NEEDS if (need.kind, need.entity_type) == (Kind.VECTOR, entity_type)
    )
