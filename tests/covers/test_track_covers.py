"""Which of its embedded pictures a track shows."""

from datetime import datetime

import pytest

from db.models import Cover, EntityType, Kind, State, Track
from tests.covers.library import ARTIST, BACK, BOOKLET, FRONT, ICON, LABEL, OTHER, Library, paint
from tests.databases import ON_BOTH
from tests.databases import sqlite_alone as database  # noqa: F401  # a fixture


def track_ledger(library: Library, track_id: int) -> tuple[str, str | None]:
    row = library.ledger(Kind.COVER, EntityType.TRACK, track_id)
    return row.state, row.reason


def test_the_front_is_before_the_back_wherever_it_stands(library: Library) -> None:
    track = library.track("1.flac", None, [(BACK, paint("red")), (FRONT, paint("blue"))])
    library.work()
    assert library.track_shows(track) == paint("blue")


@pytest.mark.parametrize("kind", [BACK, BOOKLET, ARTIST])
def test_what_is_no_front_never_becomes_the_front(library: Library, kind: int) -> None:
    track = library.track("1.flac", None, [(kind, paint("red"))])
    library.work()
    assert library.track_shows(track) is None
    state, reason = track_ledger(library, track)
    assert state == State.NONE
    assert str(kind) in (reason or "")


def test_other_types_stand_in_for_a_front_in_their_order(library: Library) -> None:
    colours = {ICON: "red", LABEL: "green", OTHER: "blue", FRONT: "white"}
    pictures = [(kind, paint(colour)) for kind, colour in colours.items()]
    for best in reversed(range(len(pictures))):
        track = library.track("1.flac", None, pictures[: best + 1])
        library.work()
        assert library.track_shows(track) == pictures[best][1]


def test_the_row_says_where_the_picture_is_from(library: Library) -> None:
    library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    cover = Cover.get()
    assert (cover.entity_type, cover.role, cover.source) == (EntityType.TRACK, "front", "embedded")
    assert (cover.rank, cover.source_path) == (0, f"{library.root}/1.flac")


def test_a_track_without_pictures_says_where_was_looked(library: Library) -> None:
    track = library.track("1.flac")
    library.work()
    row = library.ledger(Kind.COVER, EntityType.TRACK, track)
    assert (row.state, row.sources) == (State.NONE, ["embedded"])
    assert row.reason


def test_a_front_that_does_not_decode_loses_to_the_next(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, b"broken"), (OTHER, paint("blue"))])
    library.work()
    assert library.track_shows(track) == paint("blue")
    assert library.problems() == {"1.flac": "bad-picture"}


@ON_BOTH
def test_a_track_tagged_anew_shows_its_new_picture(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    assert library.track("1.flac", None, [(FRONT, paint("blue"))]) == track
    library.work()
    assert library.track_shows(track) == paint("blue")
    assert Cover.select().count() == 1


def test_a_track_whose_picture_was_removed_shows_none(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    library.track("1.flac")
    library.work()
    assert library.track_shows(track) is None
    assert track_ledger(library, track)[0] == State.NONE


def test_a_problem_is_cleared_once_the_picture_is_repaired(library: Library) -> None:
    library.track("1.flac", None, [(FRONT, b"broken")])
    library.track("2.flac", None, [(FRONT, b"broken as well")])
    library.work()
    assert library.problems() == {"1.flac": "bad-picture", "2.flac": "bad-picture"}
    library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    assert library.problems() == {"2.flac": "bad-picture"}


@ON_BOTH
def test_a_missing_track_keeps_its_cover(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    Track.update(missing_since=datetime(2026, 1, 1)).execute()
    library.lose(track)
    library.need(track)
    library.work()
    assert library.track_shows(track) == paint("red")
    assert track_ledger(library, track)[0] == State.DONE


def test_a_picture_that_cannot_be_had_now_leaves_the_cover_as_it_is(library: Library) -> None:
    track = library.track("1.flac", None, [(FRONT, paint("red"))])
    library.work()
    library.write("2.flac")  # or the root would count as away
    library.track("1.flac", None, [(FRONT, paint("blue"))])
    library.lose(track)
    library.work()
    assert library.track_shows(track) == paint("red")
    state, reason = track_ledger(library, track)
    assert state == State.FAILED
    assert "no longer there" in (reason or "")
    assert library.problems() == {}
