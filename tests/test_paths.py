"""File names are bytes; their text form loses nothing."""

from hypothesis import given
from hypothesis import strategies as st

from db.sql.path_text import is_under, readable, shown, to_bytes, to_text


@given(st.binary(max_size=60))
def test_any_name_comes_back_from_its_text(name: bytes) -> None:
    text = to_text(name)
    text.encode("utf-8")  # holds no lone surrogate
    assert to_bytes(text) == name


@given(st.text(st.characters(codec="utf-8", min_codepoint=0xF700, max_codepoint=0xF8FF)))
def test_names_that_use_the_private_range_themselves_come_back_too(name: str) -> None:
    assert to_bytes(to_text(name.encode())) == name.encode()


def test_ordinary_names_are_their_own_text() -> None:
    assert to_text("Björk/Début".encode()) == "Björk/Début"


def test_what_people_are_shown_has_no_control_characters() -> None:
    assert shown(to_text(b"a\n\x1b[31m\xff")) == r"a\n\x1b[31m\xff"


def test_a_message_names_paths_as_text() -> None:
    message = str(PermissionError(13, "Permission denied", b"/music/J\xc3\xb3ga\n'\xff"))
    assert readable(message) == r"[Errno 13] Permission denied: /music/Jóga\n'\xff"
    assert readable("verb'x' b'unended and b\"") == "verb'x' b'unended and b\""


def test_a_sibling_that_begins_like_the_root_is_not_under_it() -> None:
    assert is_under("/music/a", "/music")
    assert not is_under("/music2/a", "/music")
