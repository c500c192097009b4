"""Whom a file credits, and of which genres it is, whoever wrote it."""

import pytest

from jobs.metadata.fields import tags_of

ONE, TWO, THREE = (f"aaaaaaaa-0000-4000-8000-00000000000{digit}" for digit in "123")


@pytest.mark.parametrize(
    ("credit", "listed", "ids", "artists", "shown"),
    [
        (["A & B"], ["A", "B"], [], ["A", "B"], "A & B"),
        (["A & B"], [], [], ["A & B"], None),
        (["A feat. B"], [], [ONE, TWO], ["A", "B"], "A feat. B"),
        (["A (ft. B)"], [], [ONE, TWO], ["A", "B"], "A (ft. B)"),
        (["A, B & C"], [], [ONE, TWO, THREE], ["A", "B", "C"], "A, B & C"),
        (
            ["Simon & Garfunkel feat. B"],
            [],
            [ONE, TWO],
            ["Simon & Garfunkel", "B"],
            "Simon & Garfunkel feat. B",
        ),
        (["Simon & Garfunkel"], [], [ONE], ["Simon & Garfunkel"], None),
        (["AC/DC"], [], [ONE], ["AC/DC"], None),
        (["Earth and Fire"], [], [ONE, TWO, THREE], ["Earth and Fire"], None),
        (["A; B"], [], [], ["A", "B"], "A; B"),
        (["A feat. B"], [], [], ["A", "B"], "A feat. B"),
        (["A (B) [Ft. C & D]"], [], [], ["A (B)", "C & D"], "A (B) [Ft. C & D]"),
        (["A featuring B (C)"], [], [], ["A", "B (C)"], "A featuring B (C)"),
        (["Little Feat and Friends"], [], [], ["Little Feat and Friends"], None),
        (["A feat. B"], [], [ONE], ["A feat. B"], None),
        (["A", "B"], [], [], ["A", "B"], None),
        (["A"], ["A"], [], ["A"], None),
        ([], ["A; B"], [], ["A", "B"], None),
    ],
)
def test_artists_are_a_list_and_the_credit_is_kept(
    credit: list[str], listed: list[str], ids: list[str], artists: list[str], shown: str | None
) -> None:
    for of in ("artist", "album_artist"):
        raw = {f"{of}s": listed, f"{of}_credit": credit, f"musicbrainz_{of}_ids": ids}
        tags = tags_of({name: values for name, values in raw.items() if values})
        assert getattr(tags, f"{of}s") == artists
        assert getattr(tags, f"{of}_credit") == shown


@pytest.mark.parametrize(
    ("written", "genres"),
    [
        (["Alternative Rock; Dream Pop;Jazz"], ["Alternative Rock", "Dream Pop", "Jazz"]),
        (["Metal;Punk"], ["Metal", "Punk"]),
        (["Metal\\\\Punk|Doom"], ["Metal", "Punk", "Doom"]),
        (["Rock/Pop", "rock"], ["Rock", "Pop"]),
        (["Rock, Pop"], ["Rock", "Pop"]),
        (["Folk, World, & Country"], ["Folk, World, & Country"]),
        (["Funk / Soul"], ["Funk / Soul"]),
        (["Hip-Hop/Rap; R&B/Soul"], ["Hip-Hop/Rap", "R&B/Soul"]),
        (["Drum & Bass; R&B"], ["Drum & Bass", "R&B"]),
        (["AC/DC style"], ["AC/DC style"]),
        (["Singer/Songwriter"], ["Singer/Songwriter"]),
        (["(17)", "(31)Trance"], ["Rock", "Trance"]),
        (["(999)"], ["(999)"]),
        ([";", " Rock ; "], ["Rock"]),
    ],
)
def test_a_text_of_several_genres_is_several(written: list[str], genres: list[str]) -> None:
    assert tags_of({"genres": written}).genres == genres
