"""Durations are read and shown the way people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.topology.tables import parse_duration, shown_duration


@given(st.integers(0, 10**7))
def test_what_is_shown_is_read_again(length: int) -> None:
    assert parse_duration(shown_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("10m", 600), ("4h", 14_400), ("1d", 86_400)]
)
def test_units(text: str, length: int) -> None:
    assert parse_duration(text) == length
    assert shown_duration(length) == text


@pytest.mark.parametrize("text", ["", "10", "m", "1.5h", "-1s", "1h30m", " 1s", "1S", "\u0661s"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
