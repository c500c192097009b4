"""Text of tags fit for the database, and the numbers and dates in it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.metadata import text
from jobs.metadata.fields import tags_of
from jobs.tags import kinds

ANY_TEXT = st.text(alphabet=st.characters(), max_size=60)


@given(ANY_TEXT)
def test_cleaned_text_holds_nothing_that_a_database_refuses(written: str) -> None:
    cleaned = text.cleaned(written)
    assert "\0" not in cleaned
    cleaned.encode("utf-8")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\ufffe"))
)
def test_cleaning_only_trims(written: str) -> None:
    assert text.cleaned(written) == written.strip()


@given(st.lists(ANY_TEXT))
def test_values_that_say_nothing_are_left_out(written: list[str]) -> None:
    assert all(text.several(written)) or not text.several(written)


def test_long_values_are_cut_and_long_lists_shortened() -> None:
    assert len(text.cleaned("x" * 100_000)) == text.MAX_CHARACTERS
    assert len(text.several(["x"] * 1000)) == text.MAX_VALUES
    assert sum(map(len, text.several(["x" * 9000] * 10))) <= text.MAX_FIELD_CHARACTERS


@pytest.mark.parametrize(
    ("written", "position"),
    [
        ("3/11", (3, 11, None)),
        ("03", (3, None, None)),
        ("01/12", (1, 12, None)),
        (" 3 / 11 ", (3, 11, None)),
        ("3 of 11", (3, 11, None)),
        ("3.00", (3, None, None)),
        ("/11", (None, 11, None)),
        ("0/0", (None, None, None)),
        ("1.05", (5, None, 1)),
        ("2-05/12", (5, 12, 2)),
        ("CD1 05", (5, None, 1)),
        ("Disc 2, Track 3", (3, None, 2)),
        ("A1", (1, None, 1)),
        ("b2", (2, None, 2)),
        ("AA1", (1, None, 2)),
        ("B", (1, None, 2)),
        ("XI", (None, None, None)),
        ("", (None, None, None)),
        ("99999999999999999999", (None, None, None)),
    ],
)
def test_positions_totals_and_what_they_say_of_the_disc(
    written: str, position: tuple[int | None, int | None, int | None]
) -> None:
    assert text.position([written])[:3] == position


@pytest.mark.parametrize(
    ("disc", "number", "found"),
    [
        (None, "B1", 2),
        ("1", "B1", 2),
        ("2", "C1", 3),
        ("2", "B1", 2),
        ("B", "1", 2),
        ("2", "1.05", 2),
        (None, "5", None),
    ],
)
def test_a_side_counts_as_a_disc_as_far_as_the_tag_of_the_disc_lets_it(
    disc: str | None, number: str, found: int | None
) -> None:
    assert tags_of({"track": [number], "disc": [disc] if disc else []}).disc == found


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("-7.23 dB", -7.23),
        ("+1,5 dB", 1.5),
        ("\u22123 dB", -3.0),
        (".988", 0.988),
        ("1e-3", 0.001),
        ("nan", None),
        ("inf dB", None),
        ("1e999", None),
        ("loud", None),
    ],
)
def test_numbers(written: str, number: float | None) -> None:
    assert text.number(written) == number


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2004", "2004"),
        ("2004-10", "2004-10"),
        ("2004-10-19", "2004-10-19"),
        ("2004/10/19", "2004-10-19"),
        ("2004-1-9", "2004-01-09"),
        ("20041019", "2004-10-19"),
        ("2004-10-19T12:00:00Z", "2004-10-19"),
        ("2004-00-00", "2004"),
        ("0000", None),
        ("", None),
        ("0000-00-00", None),
        ("c. 1970", "1970"),
        ("19.10.2004", "2004-10-19"),
        ("10/31/2003", "2003-10-31"),
        ("03/04/2003", "2003"),
        ("10-2003", "2003-10"),
        ("Oct 2003", "2003"),
        ("2003 - 2005", "2003"),
        ("2003- 2- 2", "2003"),
        ("2003-13-45", "2003"),
        ("99.99.2003", "2003"),
        ("(1969) remastered 2009", "1969"),
        ("20031", None),
        ("31.1", None),
        ("unknown", None),
    ],
)
def test_dates(written: str, date: str | None) -> None:
    assert text.date([written]) == date


LONG_TEXT = st.builds(str.__mul__, ANY_TEXT, st.integers(1, 800))


@given(st.dictionaries(st.sampled_from(sorted(kinds())), st.lists(LONG_TEXT, max_size=5)))
def test_any_values_make_tags_that_a_job_and_both_databases_take(raw: dict[str, list[str]]) -> None:
    tags = tags_of(raw)
    written = json.dumps(tags.as_json(), ensure_ascii=False)
    assert "\\u0000" not in written
    written.encode("utf-8")
    for name in (*tags.artists, *tags.album_artists, *tags.genres, *tags.moods):
        assert 0 < len(name.encode()) <= 2_000


@given(st.dates())
def test_a_whole_date_comes_back_as_it_is(day: object) -> None:
    assert text.date([str(day)]) == str(day)


@given(ANY_TEXT)
def test_a_date_is_a_year_a_month_or_a_day(written: str) -> None:
    date = text.date([written])
    assert date is None or re.fullmatch(r"\d{4}(-\d\d){0,2}", date)


@given(ANY_TEXT)
def test_no_text_is_too_odd_for_a_number(written: str) -> None:
    text.number(written)
    text.position([written])


CYRILLIC, CHINESE, JAPANESE = ("cp1251",), ("gbk",), ("shift_jis",)


@pytest.mark.parametrize(
    ("meant", "charset", "charsets"),
    [
        (["Größe", "Ärzte"], "latin-1", ()),
        (["Größe", "Björk", "à la carte"], "latin-1", (*CYRILLIC, *CHINESE, *JAPANESE)),
        (["Größe", "Кино"], "utf-8", ()),
        (["Motörhead™"], "cp1252", ()),
        (["Кино", "Группа крови"], "cp1251", CYRILLIC),
        (["周杰伦", "七里香"], "gbk", (*CYRILLIC, *CHINESE)),
        (["宇多田ヒカル", "椎名林檎"], "shift_jis", (*JAPANESE, *CHINESE)),
    ],
)
def test_texts_that_claim_to_be_latin_1_are_read_as_they_were_meant(
    meant: list[str], charset: str, charsets: tuple[str, ...]
) -> None:
    written = [each.encode(charset).decode("latin-1") for each in meant]
    assert text.recoded(written, charsets) == meant


@given(st.lists(ANY_TEXT))
def test_no_text_is_too_odd_for_a_character_set(written: list[str]) -> None:
    assert len(text.recoded(written, (*CYRILLIC, *CHINESE, *JAPANESE))) == len(written)
