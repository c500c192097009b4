"""Which spellings are one name."""

import pytest

from jobs.providers.provider import is_somebody, normal, without_edition


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Motörhead", "MOTORHEAD"),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("Guns N' Roses", "Guns N\u2019 Roses"),
        ("AC/DC", "AC-DC"),
        ("  Sigur   Rós ", "Sigur Ros"),
        ("Straße", "STRASSE"),
        ("\uff26\uff35\uff2c\uff2c", "Full"),
        ("Кино", "КИНО"),
    ],
)
def test_spellings_of_one_name_are_one(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nirvana", "Nirvana UK"),
        ("The National", "National"),
        ("Beatles", "The Beatles Revival Band"),
        ("!!!", "???"),
        ("+/-", ""),
        ("が", "か"),
        ("Alright, Still", "All Right Still"),
        ("Blue", "Blue (Live)"),
    ],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert normal(one) != normal(other)


@pytest.mark.parametrize(
    "title", ["Blue (Deluxe Edition)", "Blue [2011 Remaster]", "Blue (Expanded)", "Blue"]
)
def test_an_edition_is_the_same_record(title: str) -> None:
    assert normal(without_edition(title)) == "blue"


@pytest.mark.parametrize("title", ["Blue (Live)", "Blue (Remixes)", "Blue (Demos)", "Blue II"])
def test_another_record_is_no_edition(title: str) -> None:
    assert normal(without_edition(title)) != "blue"


@pytest.mark.parametrize("name", ["Various Artists", "VA", "V.A.", "[unknown]", "Unknown Artist"])
def test_nobody_has_no_picture(name: str) -> None:
    assert not is_somebody(name)
