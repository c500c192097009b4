"""When a training is due, by what came since the last one."""

from datetime import timedelta

import pytest

from db.errors import SettingError
from db.models import Track, VectorModel, utc_now
from db.similarity import tag_vocabulary, vectors
from db.similarity.model_health import rules
from db.similarity.vectors import ModelInTraining, ModelVersion, TrainedModel
from jobs import vectorization
from jobs.maintenance import reconcile
from jobs.monitoring import Decision, monitor_tag_changes, retraining_due
from tests.databases import ON_SQLITE
from tests.monitoring.conftest import Library
from worker import dispatch

HOUR = timedelta(hours=1)


@pytest.fixture
def trained(library: Library) -> Library:
    """A library of 60 tracks with a model, of whose vectors nothing here depends."""
    library.fill()
    seen = tag_vocabulary.vocabulary()
    tag_vocabulary.notice(seen, utc_now(), forget_absent=True)
    known = TrainedModel(1, seen.tracks, 4, seen.signature, b"")
    ModelInTraining("test", known).put_in_use()
    return library


def model() -> ModelVersion:
    found = vectors.current_model()
    assert found is not None
    return found


def decided(age: timedelta) -> Decision:
    """What is decided when the model has this age."""
    now = model().trained_at + age
    seen = tag_vocabulary.vocabulary()
    tag_vocabulary.notice(seen, now)
    return retraining_due(tag_vocabulary.tag_changes(model(), seen), rules(), now)


def asked() -> list[str]:
    """The reasons of the trainings that wait."""
    jobs = dispatch.queue("deferred_vectors").jobs
    return [job.kwargs["reason"] for job in jobs if job.func_name == "jobs.vectorization.train"]


def many_more(count: int) -> None:
    """Have the model know of so many more tracks than there are, so that growth is no reason."""
    VectorModel.update(tracks=VectorModel.tracks + count).execute()


def test_a_library_that_did_not_change_needs_no_training(trained: Library) -> None:
    due, reason = decided(6 * 24 * HOUR)
    assert not due
    assert reason == "the model is 6 days old; 0 new tracks, 0 new genres, 0 new tags"


def test_a_model_of_seven_days_is_trained_anew(trained: Library) -> None:
    assert not decided(timedelta(days=7) - HOUR).due
    assert decided(timedelta(days=7)) == Decision(True, "the model is 7 days old")


def test_a_tenth_more_tracks_ask_for_a_training(trained: Library) -> None:
    for _ in range(5):
        trained.add(genres=["Genre 0"])
    assert not decided(HOUR).due
    trained.add(genres=["Genre 0"])
    assert decided(HOUR) == Decision(True, "66 tracks, 10% more than 60")


def test_a_new_genre_asks_for_one_when_the_model_is_a_quarter_of_an_hour_old(
    trained: Library,
) -> None:
    trained.add(genres=["Polka"])
    waits = "new genre polka: waits until the model is 15 minutes old"
    assert decided(timedelta(minutes=14)) == Decision(False, waits)
    assert decided(timedelta(minutes=15)) == Decision(True, "new genre polka")


@ON_SQLITE
def test_more_than_a_hundred_new_tracks_ask_for_one_after_two_hours(trained: Library) -> None:
    many_more(1_000)
    for _ in range(100):
        trained.add(genres=["Genre 0"])
    assert not decided(3 * HOUR).due
    trained.add(genres=["Genre 0"])
    due, reason = decided(HOUR)
    assert (due, reason) == (False, "101 new tracks: waits until the model is 2 hours old")
    assert decided(2 * HOUR) == Decision(True, "101 new tracks")


def test_tracks_that_were_heard_late_are_new_though_they_were_added_early(
    trained: Library,
) -> None:
    VectorModel.update(tracks=2_000).execute()
    for _ in range(50):
        trained.add(genres=["Genre 0"], added_at=model().trained_at - HOUR)
    VectorModel.update(tracks=60).execute()
    changes = tag_vocabulary.tag_changes(model(), tag_vocabulary.vocabulary())
    assert changes.new_tracks == 50


def test_more_than_five_new_tags_ask_for_one_after_eight_hours(trained: Library) -> None:
    trained.add(genres=["Genre 0"], moods=["a", "b", "c"], sounds=["dark", "calm"])
    assert not decided(9 * HOUR).due
    trained.add(genres=["Genre 0"], date="1971")
    assert decided(7 * HOUR).reason == "6 new tags: waits until the model is 8 hours old"
    assert decided(8 * HOUR) == Decision(True, "6 new tags")


def test_the_rules_are_settings(trained: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_RETRAIN_DAYS", "0.5")
    assert decided(12 * HOUR).due
    monkeypatch.setenv("FLEET_RETRAIN_DAYS", "soon")
    with pytest.raises(SettingError, match="FLEET_RETRAIN_DAYS is 'soon' — write a number"):
        monitor_tag_changes()


@pytest.mark.parametrize("text", ["-1", "nan", "inf"])
def test_a_rule_that_is_no_number_of_zero_or_more_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_RETRAIN_GROWTH", text)
    with pytest.raises(SettingError, match="FLEET_RETRAIN_GROWTH"):
        rules()


def test_the_job_asks_for_a_training_once_and_keeps_why(trained: Library) -> None:
    VectorModel.update(trained_at=utc_now() - timedelta(days=8)).execute()
    assert monitor_tag_changes()["asked"]
    assert not monitor_tag_changes()["asked"]
    assert asked() == ["the model is 8 days old"]
    check = tag_vocabulary.last_check()
    assert check is not None
    assert (check.retrain, check.reason, check.model_id, check.tracks) == (
        True,
        "the model is 8 days old",
        model().id,
        60,
    )


def test_the_job_keeps_why_it_asked_for_none_and_what_is_new(trained: Library) -> None:
    trained.add(genres=["Polka"], moods=["wild"])
    told = monitor_tag_changes()
    check = tag_vocabulary.last_check()
    assert check is not None
    assert told == {"retrain": False, "reason": check.reason, "asked": False}
    assert check.reason == "new genre polka: waits until the model is 15 minutes old"
    assert [word for word, _ in check.new_genres] == ["genre:polka"]
    assert [word for word, _ in check.new_tags] == ["genre:polka", "mood:wild"]
    assert check.signature == tag_vocabulary.vocabulary().signature != model().vocabulary
    assert asked() == []


def test_what_the_training_asked_for_knows_is_new_no_more(trained: Library) -> None:
    trained.add(genres=["Polka"])
    monitor_tag_changes()
    vectorization.train("polka")
    assert model().vocabulary == tag_vocabulary.vocabulary().signature
    assert not decided(HOUR).due


def test_what_a_training_took_in_before_anybody_looked_is_not_new(library: Library) -> None:
    library.fill(3)
    vectorization.train("test")
    library.add(genres=["Tango"])
    assert decided(HOUR).reason == "new genre tango"


def test_a_signature_that_the_model_was_trained_on_has_no_new_words(trained: Library) -> None:
    tag_vocabulary.notice(tag_vocabulary.vocabulary()._replace(words={}), utc_now())
    tag_vocabulary.notice(tag_vocabulary.Vocabulary(0, {}), model().trained_at, forget_absent=True)
    assert not decided(HOUR).due


def test_without_a_model_one_is_asked_for_once_enough_was_heard(library: Library) -> None:
    for _ in range(9):
        library.add()
    assert monitor_tag_changes()["reason"].startswith("no model yet")
    assert asked() == []
    library.add()
    assert monitor_tag_changes() == {"retrain": True, "reason": "the first model", "asked": True}
    reconcile()
    assert asked() == ["the first model"]


def test_missing_tracks_do_not_make_a_library_look_grown(trained: Library) -> None:
    Track.update(missing_since=utc_now()).execute()
    assert not decided(HOUR).due
    Track.update(missing_since=None).execute()
    assert not decided(HOUR).due
