"""The words of the library's tags and their signature."""

from datetime import datetime, timedelta

from db.models import Track, TrackGenre, utc_now
from db.similarity import tag_vocabulary
from db.similarity.tag_vocabulary import Vocabulary
from db.similarity.vector_inputs import inputs
from db.similarity.vectors import ModelInTraining, TrainedModel
from jobs.vectorization.features import words
from tests.monitoring.conftest import Library

NOW = datetime(2030, 1, 1)


def test_words_come_from_genres_moods_dates_and_sound_with_how_many_tracks_use_them(
    library: Library,
) -> None:
    library.add(genres=["Jazz", "Folk; Rock"], moods=["Calm"], date="1973-05-01")
    library.add(genres=[" jazz"], date="2001", original_date="1979", sounds=["bright", "loud"])
    library.add(genres=["Jazz"], moods=["calm "], date="unknown", original_date="")
    assert tag_vocabulary.vocabulary() == Vocabulary(
        tracks=3,
        words={
            "genre:jazz": 3,
            "genre:folk": 1,
            "genre:rock": 1,
            "mood:calm": 2,
            "decade:1970": 2,
            "sound:bright": 1,
        },
    )


def test_the_words_are_those_that_a_model_is_trained_on(library: Library) -> None:
    ids = [
        library.add(genres=["\uff2aAZZ/Blues"], moods=["Ruhig", ""], date="12.3.1988"),
        library.add(None, genres=["Ärger,|x"], sounds=[]),
        library.add(genres=[], sounds=["dark", "quiet"]),
    ]
    seen = {word for track in inputs(ids) for word in words(track)}
    assert set(tag_vocabulary.vocabulary().words) == seen


def test_tracks_that_are_missing_or_not_heard_yet_do_not_count(library: Library) -> None:
    library.add(genres=["Jazz"])
    library.add(genres=["Gone"], missing_since=utc_now())
    broken = library.add(None, genres=["Broken"])
    Track.create(
        path="/new",
        folder="/",
        group_folder="/",
        codec="flac",
        container="flac",
        size=0,
        mtime_ns=0,
        content_id="new",
        moods=["waiting"],
    )
    seen = tag_vocabulary.vocabulary()
    assert (seen.tracks, set(seen.words)) == (2, {"genre:jazz", "genre:broken"})
    assert broken


def test_a_signature_depends_on_the_words_alone() -> None:
    one = Vocabulary(2, {"genre:jazz": 1, "mood:calm": 5})
    assert one.signature == Vocabulary(9, {"mood:calm": 1, "genre:jazz": 2}).signature
    assert one.signature == "f38138a52c9165d7"
    assert one.signature != Vocabulary(2, {"genre:jazz": 1}).signature


def test_the_signature_of_the_library_is_that_of_its_words(library: Library) -> None:
    library.add(genres=["Jazz"], moods=["Calm"])
    before = tag_vocabulary.vocabulary().signature
    library.add(genres=["JAZZ"])
    assert tag_vocabulary.vocabulary().signature == before == "f38138a52c9165d7"
    library.add(genres=["Rock"])
    assert tag_vocabulary.vocabulary().signature != before


def test_a_word_is_new_from_when_it_was_first_seen(library: Library) -> None:
    tag_vocabulary.notice(Vocabulary(1, {"genre:jazz": 1}), NOW - timedelta(days=1))
    model = ModelInTraining("test", TrainedModel(1, 1, 1, "", b"")).version._replace(trained_at=NOW)
    for hours in (1, 2):
        later = Vocabulary(2, {"genre:jazz": 1, "genre:rock": 1})
        tag_vocabulary.notice(later, NOW + timedelta(hours=hours))
    (new,) = tag_vocabulary.new_since(model)
    assert (new.name, new.is_genre, new.first_seen) == ("rock", True, NOW + timedelta(hours=1))


def test_a_word_that_comes_back_is_not_new_unless_a_model_was_trained_without_it(
    library: Library,
) -> None:
    model = ModelInTraining("test", TrainedModel(1, 1, 1, "", b"")).version._replace(trained_at=NOW)
    both, one = Vocabulary(2, {"genre:a": 1, "genre:b": 1}), Vocabulary(1, {"genre:a": 1})
    tag_vocabulary.notice(both, NOW - timedelta(hours=2))
    tag_vocabulary.notice(one, NOW + timedelta(hours=1))
    tag_vocabulary.notice(both, NOW + timedelta(hours=2))
    assert tag_vocabulary.new_since(model) == []
    tag_vocabulary.notice(one, NOW - timedelta(hours=1), forget_absent=True)
    tag_vocabulary.notice(both, NOW + timedelta(hours=3))
    assert [each.name for each in tag_vocabulary.new_since(model)] == ["b"]


def test_a_genre_that_no_track_has_any_more_is_no_word(library: Library) -> None:
    library.add(genres=["Jazz"])
    TrackGenre.delete().execute()
    assert tag_vocabulary.vocabulary().words == {}
