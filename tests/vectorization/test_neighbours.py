"""Nearest neighbours are found, and filtered; a path goes by what lies between."""

from pathlib import Path

import pytest

from db.errors import NoVectorError
from db.library import audio_features
from db.models import AudioFeatures, Track, utc_now
from db.similarity import neighbours
from db.similarity.neighbours import Filters
from jobs import vectorization
from tests.databases import ON_BOTH
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture
from tests.vectorization.conftest import Library, heard


def ids(found: list[neighbours.Neighbour]) -> list[int]:
    """The tracks that were found."""
    return [each.track_id for each in found]


@ON_BOTH
def test_drums_are_like_drums_and_chords_like_chords(trained: Library) -> None:
    for family in (trained.drums, trained.chords):
        for track in family:
            assert set(ids(neighbours.similar(track, 5))) == {*family} - {track}


def test_the_most_alike_comes_first(trained: Library) -> None:
    found = neighbours.similar(trained.drums[0], 50)
    assert len(found) == 11
    assert [each.similarity for each in found] == sorted(
        (each.similarity for each in found), reverse=True
    )


def test_a_new_vector_is_found_at_once(trained: Library) -> None:
    neighbours.similar(trained.drums[0], 1)
    track = trained.track("twin", heard("drums", 100.0))
    vectorization.batch([track])
    assert ids(neighbours.similar(trained.drums[0], 1)) == [track]
    assert neighbours.similar(track, 1)[0].similarity == pytest.approx(1, abs=1e-5)


def test_one_file_is_kept_and_nothing_half_written(trained: Library, data_dir: Path) -> None:
    for number in range(2):
        track = trained.track(f"more {number}", heard("drums", 100.0))
        vectorization.batch([track])
        neighbours.similar(track, 1)
    assert [file.suffix for file in (data_dir / "similarity").iterdir()] == [".npy"]


@ON_BOTH
def test_a_track_whose_file_is_missing_is_left_out(trained: Library) -> None:
    gone = trained.drums[1]
    Track.update(missing_since=utc_now()).where(Track.id == gone).execute()
    assert gone not in ids(neighbours.similar(trained.drums[0], 50))


@ON_BOTH
def test_tempos_are_filtered_with_half_and_double(trained: Library) -> None:
    AudioFeatures.update(bpm=90).execute()
    near, double, far = trained.drums[1:4]
    for track, bpm in ((near, 94.0), (double, 178.0), (far, 120.0)):
        AudioFeatures.update(bpm=bpm).where(AudioFeatures.track == track).execute()
    found = ids(neighbours.similar(trained.drums[0], 50, Filters(bpm=5)))
    assert near in found
    assert double in found
    assert far not in found


@pytest.mark.parametrize(
    ("other", "fits"),
    [("8A", True), ("8B", True), ("7A", True), ("9A", True), ("9B", False), ("10A", False)],
)
def test_compatible_keys_are_neighbours_on_the_camelot_wheel(other: str, fits: bool) -> None:
    assert audio_features.keys_match("8A", other) is fits


def test_the_wheel_is_round() -> None:
    assert audio_features.keys_match("12B", "1B")


def test_keys_are_filtered(trained: Library) -> None:
    AudioFeatures.update(camelot="8A").execute()
    AudioFeatures.update(camelot="3B").where(AudioFeatures.track == trained.drums[1]).execute()
    found = ids(neighbours.similar(trained.drums[0], 50, Filters(key=True)))
    assert len(found) == 10
    assert trained.drums[1] not in found


@ON_BOTH
def test_the_same_album_is_left_out(trained: Library) -> None:
    trained.album("Drums", trained.drums)
    found = ids(neighbours.similar(trained.drums[0], 50, Filters(other_album=True)))
    assert set(found) == set(trained.chords)


def test_a_path_joins_two_tracks_and_repeats_none(trained: Library) -> None:
    first, last = trained.drums[0], trained.chords[0]
    found = ids(neighbours.path(first, last, 6))
    assert (found[0], found[-1]) == (first, last)
    assert len(found) == len(set(found)) == 6
    where = [track in trained.chords for track in found]
    assert where == sorted(where)


def test_a_path_of_more_tracks_than_there_are_has_each_once(trained: Library) -> None:
    found = ids(neighbours.path(trained.drums[0], trained.chords[0], 50))
    assert sorted(found) == sorted(trained.everyone)


def test_without_a_model_it_is_said_so(library: Library) -> None:
    with pytest.raises(NoVectorError, match="there is no similarity model yet"):
        neighbours.similar(library.drums[0], 1)


def test_a_track_without_a_vector_has_its_reason(trained: Library) -> None:
    track = trained.track("broken", None)
    vectorization.batch([track])
    with pytest.raises(NoVectorError, match=r"it has no audio features.* — repair the file"):
        neighbours.similar(track, 1)
